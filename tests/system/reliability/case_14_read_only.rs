//! Given a state directory, or a whole root, that cannot be written to: what changes something is refused in clear words, what looks
//! works.

use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::warmed_up;

use crate::system::nfs::Nfs;
use crate::system::small::KERNEL;

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

#[test]
fn case_14_every_kind_of_change_is_refused_and_every_look_works() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let _ = nfs.root.drop_in("livenet");
    let source = format!("tree:{}", nfs.tree);
    nfs.done(&["livenet", "create", "web", "--kernel", KERNEL, "--source", &source]);
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    let built = disklessset_tests::run::built_module("tuned");
    let before = Snapshot::of(&nfs.root);
    {
        let state = nfs.root.path().join("var/lib/diskless");
        let _mounted = Mounted::read_only(&state);
        let changes: [&[&str]; 15] = [
            &["livenet", "create", "new", "--kernel", KERNEL, "--source", &source],
            &["livenet", "mount", "web"],
            &["livenet", "resize", "web", "500M"],
            &["livenet", "exec", "web", "--", "/bin/sh", "-c", "exit 0"],
            &["clone", "web", "new"],
            &["clone", "g", "new"],
            &["remove", "web", "--yes"],
            &["remove", "g", "--yes"],
            &["nfs", "create-staging", "new", "--kernel", KERNEL, "--source", &source],
            &["nfs", "create-golden", "new", "--from", "st"],
            &["nfs", "nodes", "add", "g", "c2"],
            &["nfs", "nodes", "remove", "g", "c1", "--yes"],
            &["nfs", "export", "g", "--client", "*"],
            &["kernel", "set", "web", KERNEL],
            &["module", "install", built.as_str()],
        ];
        for command in changes {
            let refused = nfs.run(command).expect_refusal(disklessset_tests::run::refusals_of(command));
            let _ = refused.expect_said("Read-only file system");
        }
        for look in [
            &["list"][..],
            &["show", "g"],
            &["verify"],
            &["kernel", "list"],
            &["module", "list"],
            &["nfs", "nodes", "list", "g"],
        ] {
            nfs.done(look);
        }
    }
    before.assert_same_as_now(&nfs.root);
}
