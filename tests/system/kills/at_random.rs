//! Real commands of all modules in any order, most of them given `kill -9` at some moment of the time they take.
//!
//! `DISKLESSSET_SEED` repeats a run: the same choices, as far as the same moments lead to the same states.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use disklessset_tests::canary::Canary;
use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{self, Outcome};
use fastrand::Rng;
use nix::sys::signal::Signal;

use super::choice::Sources;
use super::model::{Build, GUEST, Model, OTHER, Step};
use super::observing::Observer;
use crate::system::small::{KERNEL, kernels, make_tree, put, register_kernel};

/// The environment variable with the number that a run begins with.
const SEED: &str = "DISKLESSSET_SEED";
/// The number that every sample begins with.
const SAMPLE: u64 = 7;

/// What has happened so far; told when the test fails.
struct Story {
    seed: u64,
    lines: Vec<String>,
}

impl Drop for Story {
    #[allow(clippy::print_stderr, reason = "libtest keeps it with the test that failed")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{SEED}={} after:\n{}", self.seed, self.lines.join("\n"));
        }
    }
}

/// How a killed command is followed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Clean,
    Repeat,
    /// A command about something else, which cleans first as all do.
    Another,
}

struct Run<'a> {
    root: &'a TestRoot,
    sources: Sources,
    observer: Observer<'a>,
    rng: Rng,
    story: Story,
    /// How long each kind of command took the last time that it came to its end.
    times: BTreeMap<String, Duration>,
    model: Model,
    probes: usize,
}

impl Run<'_> {
    fn note(&mut self, line: String) {
        self.story.lines.push(line);
    }

    /// One command. Tells whether it was killed, and how the world was led on: back or on.
    #[track_caller]
    fn step(&mut self) -> Option<bool> {
        let step = self.model.next(&mut self.rng);
        if let Step::Edit(name, text) = &step {
            let mnt = self.root.path().join("var/tmp/diskless/workdir").join(name).join("mnt");
            put(&mnt.join("etc/motd"), text.as_bytes(), 0o644);
            self.note(format!("{step:?}"));
            self.model = self.model.after(&step);
            return None;
        }
        let words = step.words(&self.sources);
        let Some(usual) = self.times.get(&step.kind()).copied() else {
            self.unharmed(&step, &words);
            return None;
        };
        let moment = usual.mul_f64(self.rng.f64());
        let started = Instant::now();
        let running = self.root.disklessset(&words).limit(Duration::from_secs(120)).start();
        std::thread::sleep(moment.saturating_sub(started.elapsed()));
        running.signal(Signal::SIGKILL);
        let ended = running.wait();
        if ended.status.signal() != Some(9) {
            self.note(format!("{step:?}: too late"));
            self.ended(&step, ended);
            return None;
        }
        self.note(format!("{step:?}: killed after {moment:?}"));
        self.true_list(&step);
        Some(self.follow_up(&step, &words))
    }

    /// A command that nobody disturbs.
    #[track_caller]
    fn unharmed(&mut self, step: &Step, words: &[String]) {
        self.note(format!("{step:?}"));
        let ended = self.root.disklessset(words).limit(Duration::from_secs(120)).run();
        self.times.insert(step.kind(), ended.took);
        self.ended(step, ended);
    }

    #[track_caller]
    fn ended(&mut self, step: &Step, ended: Outcome) {
        // Noise of the machine must not make all later kills too late.
        let known = self.times.entry(step.kind()).or_insert(ended.took);
        *known = (*known + ended.took) / 2;
        let _ = ended.expect_done();
        self.model = self.model.after(step);
        let now = self.observer.look();
        assert_eq!(now, self.model, "after {step:?}, which came to its end");
    }

    /// Nothing goes on, and the listing has all that was there but what was in hand, and nothing half done as if it were done.
    #[track_caller]
    fn true_list(&mut self, step: &Step) {
        self.root.wait_for_orphans(format_args!("{step:?}"));
        let after = self.model.after(step);
        let mut listed = BTreeMap::new();
        for image in self.root.images() {
            assert!(image["problem"].is_null(), "{image}");
            let name = image["name"].as_str().unwrap().to_owned();
            let status = image["status"].as_str().unwrap().to_owned();
            let (was, will) = (self.model.images.contains_key(&name), after.images.contains_key(&name));
            let good = match status.as_str() {
                "CREATED" => was || will,
                "CORRUPTED" => !was && will,
                _ => false,
            };
            assert!(good, "{name} is {status} in the middle of {step:?}");
            listed.insert(name, status);
        }
        for name in self.model.images.keys().filter(|name| after.images.contains_key(*name)) {
            assert!(listed.contains_key(name), "{name} is not listed in the middle of {step:?}");
        }
    }

    /// The next command finds the world as before or as after. Tells whether it is as before.
    #[track_caller]
    fn follow_up(&mut self, step: &Step, words: &[String]) -> bool {
        let next = *self.rng.choice(&[Next::Clean, Next::Repeat, Next::Another]).unwrap_or(&Next::Clean);
        self.note(format!("  then {next:?}"));
        let before = self.model.clone();
        let done = match next {
            Next::Clean => self.root.disklessset(&["clean", "--yes"]).run().expect_done(),
            Next::Repeat => {
                let again = self.root.disklessset(words).limit(Duration::from_secs(120)).run();
                // Finished by the cleaning before it, it has nothing to do.
                if again.status.success() { again } else { again.expect_refusal(&[3, 5]) }
            }
            Next::Another => self.probe(),
        };
        if matches!(step, Step::InstallModule(_) | Step::RemoveModule) {
            self.sweep_modules();
        }
        let now = self.observer.look();
        let good = match next {
            Next::Repeat => now == before.after(step),
            _ => now.may_follow(&before, step),
        };
        assert!(good, "after {step:?}, killed, and {next:?}: {done}\nbefore: {before:#?}\nnow: {now:#?}");
        self.model = now;
        self.model == before
    }

    /// A change that has nothing to do with anything else.
    #[track_caller]
    fn probe(&mut self) -> Outcome {
        self.probes += 1;
        let (file, version) = (self.root.beside().join("vmlinuz-0.0.1-probe"), "0.0.1-probe");
        put(&file, b"a probe", 0o644);
        let done = self.root.disklessset(&["kernel", "add", "--vmlinuz", file.as_str()]).run().expect_done();
        let _ = self.root.disklessset(&["kernel", "remove", version, "--yes"]).run().expect_done();
        done
    }

    /// What a killed installation of a module leaves beside the modules goes with the next one.
    #[track_caller]
    fn sweep_modules(&self) {
        let demo = self.root.modules_dir().join("demo_module.so").metadata().map(|meta| meta.len());
        let second = demo.is_ok_and(|size| size == self.observer.builds[1]);
        let gone = !self.root.modules_dir().join("demo_module.so").exists();
        let install = ["module", "install", &self.sources.builds[usize::from(second)]];
        let _ = self.root.disklessset(&install).run().expect_done();
        if gone {
            let _ = self.root.disklessset(&["module", "remove", "demo", "--yes"]).run().expect_done();
        }
    }
}

/// A root with all that the commands need.
fn prepared() -> (TestRoot, Sources) {
    let root = TestRoot::with_modules(&["demo", "livenet", "nfs"]);
    let beside = root.beside();
    let tree = beside.join("tree");
    make_tree(&root, &tree);
    std::fs::create_dir_all(kernels(&root)).unwrap();
    for version in [KERNEL, OTHER] {
        register_kernel(&root, version);
    }
    let (vmlinuz, modules) = (beside.join(format!("vmlinuz-{GUEST}")), beside.join("modules").join(GUEST));
    put(&vmlinuz, b"a guest", 0o644);
    put(&modules.join("modules.dep"), b"", 0o644);
    let mut build = std::fs::read(run::built_module("demo")).unwrap();
    let builds = [beside.join("first/demo_module.so"), beside.join("second/demo_module.so")];
    put(&builds[0], &build, 0o644);
    // What follows the last section of a library is nobody's business.
    build.extend(b"another build");
    put(&builds[1], &build, 0o644);
    let words = |path: camino::Utf8PathBuf| path.into_string();
    let builds = builds.map(words);
    (root, Sources { tree: words(tree), vmlinuz: words(vmlinuz), modules: words(modules), builds })
}

/// Kills so many commands.
#[track_caller]
fn rounds(wanted: usize) {
    // A sample is the same in every run; what else there is to find, the long tests look for.
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let made_up = || if full { fastrand::u64(..) } else { SAMPLE };
    let seed = std::env::var(SEED).map_or_else(|_| made_up(), |text| text.parse().unwrap());
    let (root, sources) = prepared();
    let canary = Canary::plant(&root.beside().join("canary"));
    let size = |file: &String| std::fs::metadata(file).unwrap().len();
    let builds = [size(&sources.builds[0]), size(&sources.builds[1])];
    let mut run = Run {
        root: &root,
        sources,
        observer: Observer::new(&root, builds),
        rng: Rng::with_seed(seed),
        story: Story { seed, lines: Vec::new() },
        times: BTreeMap::new(),
        model: Model::empty(),
        probes: 0,
    };
    let (mut killed, mut back, mut commands) = (0, 0, 0);
    while killed < wanted {
        commands += 1;
        assert!(commands < 20 * wanted + 200, "only {killed} of {commands} commands were met");
        if let Some(as_before) = run.step() {
            killed += 1;
            back += usize::from(as_before);
        }
        canary.assert_untouched();
    }
    run.end();
    kill_table::add("all, in any order", "random moments", commands, killed, back, killed - back);
}

impl Run<'_> {
    /// Takes everything away again: nothing of it was out of reach.
    #[track_caller]
    fn end(&mut self) {
        if self.model.demo == Build::Gone {
            let step = Step::InstallModule(Build::First);
            let words = step.words(&self.sources);
            self.unharmed(&step, &words);
        }
        for (name, picture) in self.model.images.clone() {
            if matches!(picture, super::model::Picture::Livenet { edited: Some(_), .. }) {
                let step = Step::Discard(name.clone());
                let words = step.words(&self.sources);
                self.unharmed(&step, &words);
            }
            let step = Step::Remove(name);
            let words = step.words(&self.sources);
            self.unharmed(&step, &words);
        }
        assert!(self.model.images.is_empty());
    }
}

#[test]
fn whatever_is_killed_whenever_nothing_is_lost_and_nothing_is_left() {
    disklessset_tests::need!(need::root());
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    rounds(if full { 500 } else { 25 });
}
