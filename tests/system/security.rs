//! What other users of the server, and the caller's own surroundings, must not be able to do.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::{standing_still, warmed_up};

use super::small::{KERNEL, kernels, make_tree, register_kernel};

const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

fn mode(path: &Utf8Path) -> u32 {
    path.metadata().unwrap_or_else(|cause| panic!("{path}: {cause}")).permissions().mode() & 0o7777
}

/// Anybody who can open a file can hold a reader's lock on it, and a writer's lock waits for readers.
#[test]
fn a_lock_of_another_user_stops_nobody() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"), need::tool("python3"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let holds = "import fcntl,glob,sys,time\nheld=[]\n\
                 for path in glob.glob(sys.argv[1]+'/*'):\n try:\n  held.append(open(path))\n  fcntl.lockf(held[-1], fcntl.LOCK_SH)\n \
                 except OSError: pass\nopen(sys.argv[2], 'w')\ntime.sleep(300)\n";
    let locks = root.path().join("run/disklessset");
    let shared = root.beside().join("shared");
    std::fs::create_dir(&shared).unwrap();
    std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o777)).unwrap();
    let ready = shared.join("ready");
    let script = ["python3", "-c", holds, locks.as_str(), ready.as_str()];
    let holding = root.tool("setpriv", &[&NOBODY[..], &script].concat()).start();
    let (holding, ()) = holding.wait_until(|| ready.exists().then_some(()));
    let _ = root.disklessset(&["demo", "create", "b"]).run().expect_done();
    let _ = root.disklessset(&["remove", "a", "--yes"]).run().expect_done();
    holding.kill_nine();
}

#[test]
fn another_user_sees_that_a_creation_is_under_way() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"), need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let creating = standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program);
    let list = || root.disklessset(&["list", "--format", "json"]).behind("setpriv", &NOBODY).dir("/".into());
    assert_eq!(list().run().expect_done().json()["images"][0]["status"], "IN_CREATION");
    root.end_processes();
    creating.kill_nine();
    assert_eq!(list().run().expect_done().json()["images"][0]["status"], "CORRUPTED");
}

/// Without the privilege it is a refusal, in one line that says what to do, whatever the action meets first.
#[test]
fn another_users_changes_are_refused_for_want_of_privilege() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let before = Snapshot::of(&root);
    let commands: [&[&str]; 4] = [
        &["demo", "create", "b"],
        &["remove", "a", "--yes"],
        &["clone", "a", "b"],
        &["kernel", "remove", "6.1", "--yes"],
    ];
    for command in commands {
        let refused = root.disklessset(command).behind("setpriv", &NOBODY).dir("/".into()).run();
        let codes: &[i32] = if command[0] == "kernel" { &[3, 5] } else { &[5] };
        let refused = refused.expect_refusal(codes);
        assert!(command[0] == "kernel" || refused.stderr.contains("as root"), "{refused}");
    }
    before.assert_same_as_now(&root);
}

/// A configuration says where root deletes.
#[test]
fn a_configuration_that_others_may_write_is_refused() {
    disklessset_tests::need!(need::root());
    let root = warmed_up(&["demo"]);
    let file = root.path().join("etc/disklessset/diskless_parameters.yml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::File::create(&file).unwrap().write_all(b"autoclean: true\n").unwrap();
    for (mode, owner) in [(0o666, 0), (0o664, 0), (0o644, 65534)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        std::os::unix::fs::chown(&file, Some(owner), None).unwrap();
        for command in [&["list"][..], &["demo", "create", "b"]] {
            let refused = root.disklessset(command).run().expect_refusal(&[2, 5]);
            let _ = refused.expect_said("diskless_parameters.yml").expect_said("cannot be relied on");
        }
    }
    std::os::unix::fs::chown(&file, Some(0), None).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _ = root.disklessset(&["list"]).run().expect_done();
}

/// Trees of nodes have setuid programs, of versions that nobody on the server keeps up to date.
#[test]
fn other_users_do_not_reach_the_programs_in_the_trees_of_nodes() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let root = an_nfs_image();
    let places = root.path().join("diskless/images/nfsimages");
    let staging = places.join("staging/st/bin/sh");
    let golden = places.join("golden/g/image/bin/sh");
    let node = places.join("golden/g/nodes/c1/bin/sh");
    for file in [staging, golden, node] {
        assert!(file.exists(), "{file}");
        let _ = root
            .tool("setpriv", &[&NOBODY[..], &["test", "-e", file.as_str()]].concat())
            .run()
            .expect_code(1);
    }
    // What nodes fetch is for everybody.
    assert_eq!(mode(&root.image_dir("g").join("boot.ipxe")), 0o644);
}

/// What runs gets what it needs and nothing of who called.
#[test]
fn a_program_that_is_run_inherits_no_descriptor_no_umask_and_no_variable() {
    disklessset_tests::need!(need::root());
    let root = an_nfs_image();
    let inside = "umask; set; for fd in /proc/self/fd/*; do echo $fd; done";
    let caller = "umask 077; exec 7</etc/passwd 8</ 9>/dev/null; SECRET_OF_CALLER=x \"$0\" \"$@\"";
    let ran = root
        .disklessset(&["nfs", "exec", "st", "--", "sh", "-c", inside])
        .behind("bash", &["-c", caller])
        .run()
        .expect_done();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(lines.contains(&"0022"), "{ran}");
    assert!(!ran.stdout.contains("SECRET_OF_CALLER"), "{ran}");
    for fd in ["/proc/self/fd/7", "/proc/self/fd/8", "/proc/self/fd/9"] {
        assert!(!lines.contains(&fd), "{fd} was inherited: {ran}");
    }
}

/// A root with a staging image `st` and a golden image `g` that has a node `c1`.
fn an_nfs_image() -> TestRoot {
    let root = TestRoot::with_modules(&["nfs"]);
    let tree = root.beside().join("tree");
    make_tree(&root, &tree);
    std::fs::create_dir_all(kernels(&root)).unwrap();
    register_kernel(&root, KERNEL);
    let source = format!("tree:{tree}");
    for command in [
        &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source][..],
        &["nfs", "create-golden", "g", "--from", "st"],
        &["nfs", "nodes", "add", "g", "c1"],
    ] {
        let _ = root.disklessset(command).run().expect_done();
    }
    root
}
