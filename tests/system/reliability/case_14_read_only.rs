//! Given a state directory, or a whole root, that cannot be written to: what changes something is refused in clear words, what looks
//! works.

use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::warmed_up;

#[test]
fn case_14_a_read_only_state_directory_refuses_clearly_and_can_be_listed() {
    disklessset_tests::need!(need::root());
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let before = Snapshot::of(&root);
    {
        let state = root.path().join("var/lib/diskless");
        let _mounted = Mounted::read_only(&state);
        let changes: [&[&str]; 5] = [
            &["demo", "create", "b"],
            &["demo", "message", "a", "new"],
            &["clone", "a", "b"],
            &["remove", "a", "--yes"],
            &["clear", "a", "--yes"],
        ];
        for command in changes {
            let refused = root.disklessset(command).run().expect_refusal(&[1, 5]);
            let _ = refused.expect_said("Read-only file system").expect_said(state.as_str());
        }
        assert_eq!(root.status("a").as_deref(), Some("CREATED"));
        let _ = root.disklessset(&["show", "a"]).run().expect_done();
    }
    before.assert_same_as_now(&root);
}

#[test]
fn case_14_a_read_only_root_can_be_listed() {
    disklessset_tests::need!(need::root());
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let before = Snapshot::of(&root);
    {
        let _mounted = Mounted::read_only(&root.path());
        assert_eq!(root.status("a").as_deref(), Some("CREATED"));
        let refused = root.disklessset(&["demo", "create", "b"]).run().expect_refusal(&[1, 5]);
        let _ = refused.expect_said("Read-only file system");
    }
    before.assert_same_as_now(&root);
}
