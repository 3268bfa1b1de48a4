//! Given many processes at once: nothing is lost, one name is made once, and a listing is true at every moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Program, Running};
use disklessset_tests::stage::{standing_still, warmed_up};

/// So many users, processes of their own that begin at the same moment, each with so many images.
struct Users<'a> {
    root: &'a TestRoot,
    count: usize,
    each: usize,
}

impl Users<'_> {
    fn name(user: usize, number: usize) -> String {
        format!("u{user}-{number}")
    }

    /// A user's script: a command for each image, one after the other, once a file is there. After kills an image may be there
    /// already (5), or be busy because somebody cleans it (4), and the command is given again.
    fn script(&self, user: usize, words: &[&str], kills: usize) -> Program {
        let (there, busy) = if kills > 0 { (5, 4) } else { (0, 0) };
        let script = format!(
            "while [ ! -e {start} ]; do sleep 0.01; done; user=$1; each=$2; shift 2; number=0; \
             while [ $number -lt $each ]; do \
             \"$@\" u$user-$number; code=$?; \
             if [ $code -eq 0 ] || [ $code -eq {there} ]; then number=$((number + 1)); \
             elif [ $code -ne {busy} ]; then exit $code; fi; done",
            start = self.start()
        );
        let (user, each) = (user.to_string(), self.each.to_string());
        let program = self.root.disklessset(words).limit(PATIENCE);
        program.behind("sh", &["-c", &script, "user", &user, &each])
    }

    fn start(&self) -> camino::Utf8PathBuf {
        self.root.beside().join("start")
    }

    /// All of them at once do the same to each of their images.
    #[track_caller]
    fn all(&self, words: &[&str]) {
        let running: Vec<Running> = (0..self.count).map(|user| self.script(user, words, 0).start()).collect();
        std::fs::File::create(self.start()).unwrap();
        for user in running {
            let _ = user.wait().expect_done();
        }
        std::fs::remove_file(self.start()).unwrap();
    }

    /// The same, but every third user is killed with the command that is running, and begins anew, several times.
    #[track_caller]
    fn all_some_killed(&self, words: &[&str], kills: usize) {
        let begin = |user: usize| self.script(user, words, kills).start();
        let mut running: Vec<Running> = (0..self.count).map(begin).collect();
        std::fs::File::create(self.start()).unwrap();
        let mut rng = fastrand::Rng::with_seed(7); // no run is red by chance
        for kill in 0..kills {
            std::thread::sleep(Duration::from_millis(rng.u64(50..400)));
            // Users 0, 3, 6 in turns.
            let user = 3 * (kill % self.count.div_ceil(3));
            let killed = std::mem::replace(&mut running[user], begin(user));
            killed.kill_group();
        }
        for user in running {
            let _ = user.wait().expect_done();
        }
        std::fs::remove_file(self.start()).unwrap();
    }

    /// Every image is there, and nothing is left of making them.
    #[track_caller]
    fn assert_all_there(&self) {
        let all: BTreeSet<String> = (0..self.count)
            .flat_map(|user| (0..self.each).map(move |number| Self::name(user, number)))
            .collect();
        let images = self.root.images();
        let listed: BTreeSet<String> =
            images.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect();
        assert_eq!(listed, all);
        assert!(images.iter().all(|image| image["status"] == "CREATED"), "{images:?}");
        let register = std::fs::read_to_string(self.root.installations_file()).unwrap();
        assert_eq!(register, "{}\n", "an entry is left over");
        for (dir, what) in [("var/lib/diskless/journal", ".jsonl"), ("run/disklessset", "image-")] {
            let entries = self.root.path().join(dir).read_dir_utf8().unwrap();
            let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
            assert!(!names.iter().any(|name| name.contains(what)), "left in {dir}: {names:?}");
        }
    }
}

/// Several users create and then remove so many images each, one after the other, while another lists all the time.
#[track_caller]
fn many(count: usize, each: usize) {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let users = Users { root: &root, count, each };
    while_listing(&root, &["CREATED", "IN_CREATION"], || {
        users.all(&["demo", "create"]);
        users.assert_all_there();
        users.all(&["remove", "--yes"]);
    });
    before.assert_same_as_now(&root);
}

/// The same with users that are killed now and then, and begin anew until they have all of their images.
#[track_caller]
fn many_with_kills(count: usize, each: usize, kills: usize) {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let users = Users { root: &root, count, each };
    while_listing(&root, &["CREATED", "IN_CREATION", "CORRUPTED"], || {
        users.all_some_killed(&["demo", "create"], kills);
        // What the last kill left, where nobody came after it.
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
        users.assert_all_there();
        users.all(&["remove", "--yes"]);
    });
    before.assert_same_as_now(&root);
}

const PATIENCE: Duration = Duration::from_secs(240);

/// Does something while listings are asserted to work and to show nothing that is not so.
fn while_listing(root: &TestRoot, statuses: &[&str], act: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let lister = scope.spawn(|| {
            let mut listings = 0;
            while !over.load(Ordering::Relaxed) {
                for image in root.images() {
                    let status = image["status"].as_str().unwrap();
                    assert!(statuses.contains(&status), "none of {statuses:?}: {image}");
                    assert!(image["problem"].is_null(), "{image}");
                }
                listings += 1;
            }
            listings
        });
        // Ended even when the act panics: the scope waits for the lister.
        struct End<'a>(&'a AtomicBool);
        impl Drop for End<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let end = End(&over);
        act();
        drop(end);
        let listings = lister.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause));
        assert!(listings > 3, "only {listings} listings");
    });
}

#[test]
fn case_15_two_users_lose_nothing() {
    many(2, 15);
}

#[test]
fn case_15_eight_users_lose_nothing() {
    many(8, 5);
}

#[test]
fn case_15_two_users_lose_nothing_of_two_hundred() {
    disklessset_tests::need!(need::full());
    many(2, 100);
}

#[test]
fn case_15_eight_users_lose_nothing_of_two_hundred() {
    disklessset_tests::need!(need::full());
    many(8, 25);
}

#[test]
fn case_15_eight_users_lose_nothing_when_some_are_killed() {
    many_with_kills(8, 4, 6);
}

#[test]
fn case_15_eight_users_lose_nothing_of_two_hundred_when_some_are_killed() {
    disklessset_tests::need!(need::full());
    many_with_kills(8, 25, 40);
}

#[test]
fn case_16_who_comes_second_is_told_who_is_first() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let first = standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program);
    let pid = root.images()[0]["pid"].as_u64().unwrap_or_else(|| panic!("{:?}", root.images()));
    assert_eq!(root.status("b").as_deref(), Some("IN_CREATION"));
    let seconds: [&[&str]; 4] = [
        &["demo", "create", "b"],
        &["remove", "b", "--yes"],
        &["clear", "b", "--yes"],
        &["demo", "message", "b", "new"],
    ];
    for command in seconds {
        let refused: Program = root.disklessset(command);
        let _ = refused.run().expect_code(4).expect_said("b").expect_said(&pid.to_string());
    }
    let _ = first.wait().expect_done();
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
}

#[test]
fn case_16_who_waits_gets_it_afterwards() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let first = standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program);
    let second = root.disklessset(&["--wait", "30", "demo", "create", "b"]).run();
    let _ = second.expect_code(5).expect_said("there is an image b already");
    let _ = first.wait().expect_done();
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
}

#[test]
fn case_17_what_is_being_cloned_is_not_removed() {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let cloning = standing_still(&root, &["clone", "a", "b"], "mkdir", |program| program);
    for command in [&["remove", "a", "--yes"][..], &["demo", "message", "a", "new"]] {
        let _ = root
            .disklessset(command)
            .run()
            .expect_code(4)
            .expect_said("image a is busy")
            .expect_said("clone");
    }
    // Others are not concerned.
    let _ = root.disklessset(&["demo", "create", "c"]).run().expect_done();
    let _ = cloning.wait().expect_done();
    for image in ["a", "b", "c"] {
        assert_eq!(root.status(image).as_deref(), Some("CREATED"), "{image}");
    }
    let _ = root.disklessset(&["remove", "a", "--yes"]).run().expect_done();
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
}

#[test]
fn case_16_of_many_creations_of_one_name_one_wins() {
    let root = warmed_up(&["demo"]);
    for round in 0..3 {
        let name = format!("one{round}");
        let running: Vec<_> = (0..6).map(|_| root.disklessset(&["demo", "create", &name]).start()).collect();
        let outcomes: Vec<_> = running.into_iter().map(Running::wait).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.status.success()).count(), 1, "{outcomes:?}");
        for outcome in outcomes.into_iter().filter(|outcome| !outcome.status.success()) {
            // Busy while it is made, refused once it is there.
            let _ = outcome.expect_refusal(&[4, 5]).expect_said(&name);
        }
        assert_eq!(root.status(&name).as_deref(), Some("CREATED"));
    }
    assert_eq!(std::fs::read_to_string(root.installations_file()).unwrap(), "{}\n");
}

#[test]
fn case_15_what_a_creation_crashed_into_is_cleaned_once() {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["demo", "create", "b", "--crash"]).run();
    let running: Vec<_> = (0..6).map(|_| root.disklessset(&["clean", "--yes"]).start()).collect();
    for outcome in running.into_iter().map(Running::wait) {
        if !outcome.status.success() {
            // Another is at it right now.
            let _ = outcome.expect_refusal(&[4]).expect_said("busy");
        }
    }
    before.assert_same_as_now(&root);
}
