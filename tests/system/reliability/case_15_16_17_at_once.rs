//! Given many processes at once: nothing is lost, one name is made once, and a listing is true at every moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Program, Running};
use disklessset_tests::stage::{standing_still, warmed_up};

/// Several users create and then remove so many images each, one after the other, while another lists all the time.
#[track_caller]
fn many(users: usize, each: usize) {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let name = |user: usize, number: usize| format!("u{user}-{number}");
    let everyone = |act: &(dyn Fn(&str) + Sync)| {
        std::thread::scope(|scope| {
            for user in 0..users {
                scope.spawn(move || (0..each).for_each(|number| act(&name(user, number))));
            }
        });
    };
    let all: BTreeSet<String> =
        (0..users).flat_map(|user| (0..each).map(move |number| name(user, number))).collect();

    while_listing(&root, || {
        everyone(&|name| {
            drop(root.disklessset(&["demo", "create", name]).limit(PATIENCE).run().expect_done())
        });
        let images = root.images();
        let listed =
            images.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(listed, all);
        assert!(images.iter().all(|image| image["status"] == "CREATED"), "{images:?}");
        assert_eq!(
            std::fs::read_to_string(root.installations_file()).unwrap(),
            "{}\n",
            "an entry is left over"
        );
        everyone(&|name| {
            drop(root.disklessset(&["remove", name, "--yes"]).limit(PATIENCE).run().expect_done())
        });
    });
    before.assert_same_as_now(&root);
}

const PATIENCE: Duration = Duration::from_secs(120);

/// Does something while listings are asserted to work and to show nothing that is not so.
fn while_listing(root: &TestRoot, act: impl FnOnce()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let lister = scope.spawn(|| {
            let mut listings = 0;
            while !over.load(Ordering::Relaxed) {
                for image in root.images() {
                    let status = image["status"].as_str().unwrap();
                    assert!(["CREATED", "IN_CREATION"].contains(&status), "nothing crashed, and yet {image}");
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
