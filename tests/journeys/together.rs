//! Given several processes at once.

use disklessset_tests::root::TestRoot;

#[test]
fn different_images_are_made_at_once() {
    let root = TestRoot::with_modules(&["demo"]);
    let names: Vec<_> = (0..8).map(|number| format!("image{number}")).collect();
    let running: Vec<_> =
        names.iter().map(|name| root.disklessset(&["demo", "create", name]).start()).collect();
    for one in running {
        let _ = one.wait().expect_done();
    }
    let listed = root.images();
    assert_eq!(listed.iter().map(|image| image["name"].as_str().unwrap()).collect::<Vec<_>>(), names);
}

#[test]
fn of_two_creations_of_one_name_one_refuses() {
    let root = TestRoot::with_modules(&["demo"]);
    for round in 0..5 {
        let name = format!("one{round}");
        let both = [0, 1].map(|_| root.disklessset(&["demo", "create", &name]).start());
        let outcomes = both.map(|one| one.wait());
        let done = outcomes.iter().filter(|outcome| outcome.status.success()).count();
        assert_eq!(done, 1, "{} {}", outcomes[0], outcomes[1]);
        for outcome in outcomes.into_iter().filter(|outcome| !outcome.status.success()) {
            let _ = outcome.expect_refusal(&[1, 4, 5]).expect_said(&name);
        }
        assert_eq!(root.status(&name).as_deref(), Some("CREATED"));
    }
}
