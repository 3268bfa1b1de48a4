//! Versions made, released, rolled back, pruned, removed, pushed and pulled in any order, each command given `kill -9` at some moment of the
//! time it takes: what there is afterwards is what was there before it, or what it leads to, and every version is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::warmed_up;
use fastrand::Rng;
use nix::sys::signal::Signal;

use crate::system::registry::server::{Server, Setup};
use crate::system::small::put;

const SAMPLE: u64 = 11;

/// What is known of the versions of image `web`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    numbers: BTreeSet<u64>,
    current: u64,
    /// What nodes got at some time: it is not pruned within the hour.
    served: BTreeSet<u64>,
    next: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Publish,
    Hold,
    Release(u64),
    Rollback(u64),
    Prune,
    Remove(u64),
    Push,
    Pull,
}

impl Model {
    fn after(&self, step: &Step) -> Self {
        let mut next = self.clone();
        match step {
            Step::Publish | Step::Hold => {
                next.numbers.insert(self.next);
                next.next += 1;
                if *step == Step::Publish {
                    next.bring(self.next);
                }
            }
            Step::Release(number) | Step::Rollback(number) => next.bring(*number),
            Step::Prune => {
                let newest = self.numbers.last().copied();
                next.numbers.retain(|number| self.served.contains(number) || Some(*number) == newest);
            }
            Step::Remove(number) => drop(next.numbers.remove(number)),
            Step::Push | Step::Pull => {}
        }
        next
    }

    fn bring(&mut self, number: u64) {
        self.current = number;
        self.served.insert(number);
    }

    fn step(&self, rng: &mut Rng) -> Step {
        let others: Vec<u64> =
            self.numbers.iter().copied().filter(|number| *number != self.current).collect();
        let other = rng.choice(&others).copied();
        let mut steps = vec![Step::Publish, Step::Hold, Step::Prune, Step::Push, Step::Pull];
        if let Some(other) = other {
            steps.extend([Step::Release(other), Step::Rollback(other)]);
            // The number of the newest is given once more when it is taken back: it stays here.
            steps.extend((Some(&other) != self.numbers.last()).then_some(Step::Remove(other)));
        }
        rng.choice(&steps).cloned().unwrap()
    }
}

impl Step {
    fn words(&self, repository: &str, text: &str) -> Vec<String> {
        let number;
        let words: Vec<&str> = match self {
            Self::Publish => vec!["demo", "message", "web", text],
            Self::Hold => vec!["--hold", "demo", "message", "web", text],
            Self::Release(of) => {
                number = format!("web@{of}");
                vec!["release", &number]
            }
            Self::Rollback(to) => {
                number = to.to_string();
                vec!["rollback", "web", &number]
            }
            Self::Prune => vec!["prune", "web"],
            Self::Remove(of) => {
                number = format!("web@{of}");
                vec!["remove", &number, "--yes"]
            }
            Self::Push => vec!["push", "web", repository, "--plain-http"],
            Self::Pull => {
                number = format!("{repository}:current");
                vec!["pull", &number, "--plain-http"]
            }
        };
        words.into_iter().map(str::to_owned).collect()
    }

    fn kind(&self) -> String {
        let text = format!("{self:?}");
        text.split('(').next().unwrap_or_default().to_owned()
    }
}

/// The versions of an image as they are told, every one of them whole.
#[track_caller]
fn look(root: &TestRoot) -> (BTreeSet<u64>, u64) {
    let _ = root.disklessset(&["verify", "web"]).run().expect_done();
    let listed = root.disklessset(&["--format", "json", "versions", "web"]).run().expect_done().json();
    let listed = listed["versions"].as_array().unwrap();
    let number = |version: &serde_json::Value| version["number"].as_u64().unwrap();
    let current: Vec<u64> =
        listed.iter().filter(|version| version["state"] == "current").map(number).collect();
    assert_eq!(current.len(), 1, "{listed:?}");
    (listed.iter().map(number).collect(), current[0])
}

/// The digest of what nodes get.
fn digest_of_nodes(root: &TestRoot) -> Option<String> {
    let text = std::fs::read_to_string(root.image_dir("web").join("boot.ipxe")).ok()?;
    text.lines().nth(1)?.split_whitespace().last().map(str::to_owned)
}

#[track_caller]
fn rounds(wanted: usize, seed: u64) {
    let (here, there) = (warmed_up(&["demo"]), warmed_up(&["demo"]));
    for root in [&here, &there] {
        let settings = b"keep_versions: 1\nautoprune: false\n";
        put(&root.path().join("etc/disklessset/diskless_parameters.yml"), settings, 0o644);
    }
    // What goes on in the root of the registry is the registry.
    let beside = warmed_up(&["demo"]);
    let server = Server::start(&beside, &Setup::Plain);
    let repository = format!("{}/images/web", server.host());
    let _ = here.disklessset(&["demo", "create", "web", "--message", "first"]).run().expect_done();
    let _ = here.disklessset(&["push", "web", &repository, "--plain-http"]).run().expect_done();
    let mut pushed = digest_of_nodes(&here);
    let mut model = Model { numbers: [1].into(), current: 1, served: [1].into(), next: 2 };
    let mut rng = Rng::with_seed(seed);
    let mut times: BTreeMap<String, Duration> = BTreeMap::new();
    let (mut killed, mut back, mut commands) = (0, 0, 0);
    let mut story = vec![format!("seed {seed}")];
    while killed < wanted {
        commands += 1;
        assert!(commands < 20 * wanted + 100, "only {killed} of {commands} commands were met");
        let step = model.step(&mut rng);
        let words = step.words(&repository, &format!("text {commands}"));
        let root = if step == Step::Pull { &there } else { &here };
        let was = digest_of_nodes(root);
        let moment = times.get(&step.kind()).map(|usual| usual.mul_f64(rng.f64()));
        let started = Instant::now();
        let running = root.disklessset(&words).limit(Duration::from_secs(120)).start();
        if let Some(moment) = moment {
            std::thread::sleep(moment.saturating_sub(started.elapsed()));
            running.signal(Signal::SIGKILL);
        }
        let ended = running.wait();
        story.push(format!("{step:?} {moment:?} {}", ended.status));
        if ended.status.signal() != Some(9) {
            let _ = times.insert(step.kind(), ended.took);
            let _ = ended.expect_done();
        } else {
            killed += 1;
            root.wait_for_orphans(format_args!("{step:?}"));
            let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
            // Half of them are repeated, and then they are done.
            let again = matches!(step, Step::Push | Step::Pull) || rng.bool();
            let after = model.after(&step);
            if step != Step::Pull {
                let now = look(root);
                let done = now == (after.numbers.clone(), after.current);
                let as_before = now == (model.numbers.clone(), model.current);
                assert!(done || as_before, "{now:?} is neither {model:?} nor {after:?}: {story:#?}");
                if as_before && !done {
                    back += 1;
                    if !again {
                        continue;
                    }
                    let _ = root.disklessset(&words).run().expect_done();
                }
            } else {
                let now = digest_of_nodes(root);
                assert!(now == was || now == pushed, "{now:?}: {story:#?}");
                back += usize::from(now == was && was != pushed);
                let _ = root.disklessset(&words).run().expect_done();
            }
        }
        if step == Step::Pull {
            assert_eq!(digest_of_nodes(&there), pushed, "{story:#?}");
            let _ = look(&there);
            continue;
        }
        model = model.after(&step);
        assert_eq!(look(root), (model.numbers.clone(), model.current), "{story:#?}");
        if step == Step::Push {
            // What was killed may have been sent before: once more, undisturbed.
            let _ = root.disklessset(&words).run().expect_done();
            pushed = digest_of_nodes(&here);
        }
    }
    kill_table::add("versions, in any order", "random moments", commands, killed, back, killed - back);
    for root in [&here, &there] {
        if root.image_dir("web").exists() {
            let _ = root.disklessset(&["remove", "web", "--yes"]).run().expect_done();
        }
    }
}

#[test]
fn whatever_is_killed_whenever_each_version_is_whole_and_one_is_current() {
    disklessset_tests::need!(need::root(), need::tool("docker-registry"));
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    rounds(if full { 200 } else { 12 }, if full { fastrand::u64(..) } else { SAMPLE });
}
