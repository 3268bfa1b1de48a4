//! Failpoints are in the program that tests kill, and nowhere else.

use disklessset_tests::failpoints;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run;

fn text_of(program: &camino::Utf8Path) -> String {
    let bytes = std::fs::read(program).unwrap_or_else(|cause| panic!("cannot read {program}: {cause}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn the_program_itself_has_no_trace_of_them() {
    disklessset_tests::need!(disklessset_tests::need::full());
    let root = TestRoot::with_modules(&["demo"]);
    let (created, steps) = failpoints::record(&root, root.disklessset(&["demo", "create", "a"]));
    let _ = created.expect_done();
    let mut names: Vec<String> = steps.into_iter().map(|step| step.name).collect();
    names.sort();
    names.dedup();
    assert!(names.len() > 15, "only {names:?}");
    names.push("DISKLESSSET_FAILPOINTS".to_owned());
    let (ours, theirs) = (text_of(&run::disklessset()), text_of(&run::disklessset_with_failpoints()));
    for name in names {
        assert!(theirs.contains(&name), "{name:?} is not in the program with failpoints");
        assert!(!ours.contains(&name), "{name:?} is in the program that is installed");
    }
    let left = root.disklessset(&["list"]).env("DISKLESSSET_FAILPOINTS", "kill:1:/nowhere").run();
    let _ = left.expect_done();
}
