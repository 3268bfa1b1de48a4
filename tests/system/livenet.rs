//! Given livenet images of real packages.

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

/// mmdebstrap on a busy two-processor machine, packing and an initramfs included.
const PATIENCE: Duration = Duration::from_secs(10 * 60);

const CREATE: [&str; 4] = ["livenet", "create", "web", "--kernel"];
const SOURCE: [&str; 5] = ["from-image", "--source", "apt", "--type", "core"];

/// A root in which the standing directories are there already.
fn warmed_up() -> TestRoot {
    let root = TestRoot::with_modules(&["demo", "livenet"]);
    let _ = root.disklessset(&["demo", "create", "warm-up"]).run().expect_done();
    let _ = root.disklessset(&["remove", "warm-up", "--yes"]).run().expect_done();
    root
}

/// The world after `kill -9` of a creation, once it had its package manager running.
fn killed(root: &TestRoot) {
    let creation = root.disklessset(&[&CREATE[..], &SOURCE[..]].concat()).limit(PATIENCE).start();
    let (creation, _) =
        creation.wait_until(|| root.processes().values().find(|line| line.contains("mmdebstrap")).cloned());
    // Some way into its work, so that there are files, mounts and processes to clean.
    std::thread::sleep(Duration::from_secs(4));
    creation.kill_nine();
    // A package manager that outlives its creator is part of the fault to be shown: a machine under load ends it late.
    assert_eq!(root.status_after_kill("web").as_deref(), Some("CORRUPTED"));
}

#[test]
fn a_killed_creation_is_cleaned_up() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"));
    let root = warmed_up();
    let before = Snapshot::of(&root);
    killed(&root);
    let _ = root.disklessset(&["list"]).run().expect_done();
    assert_eq!(root.status("web").as_deref(), Some("CORRUPTED"), "a listing cleaned");
    let _ = root.disklessset(&["clean", "--yes"]).limit(PATIENCE).run().expect_done();
    root.wait_for_orphans("a creation");
    before.assert_same_as_now(&root);
}

#[test]
fn a_killed_creation_is_cleaned_up_without_its_module() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::full());
    let root = warmed_up();
    let before = Snapshot::of(&root);
    killed(&root);
    root.take_out("livenet");
    let _ = root.disklessset(&["clean", "--yes"]).limit(PATIENCE).run().expect_done();
    root.wait_for_orphans("a creation");
    before.assert_same_as_now(&root);
}

#[test]
fn without_root_one_line_says_so() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let root = TestRoot::with_modules(&["livenet"]);
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let create = root.disklessset(&[&CREATE[..], &SOURCE[..]].concat()).behind("setpriv", &nobody);
    let _ = create.dir("/".into()).run().expect_code(5).expect_said("root");
}
