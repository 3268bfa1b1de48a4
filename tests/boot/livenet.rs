//! Given livenet images of real packages: nodes boot them to their login prompt, and a proof that fails says why.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::PermissionsExt;
use std::sync::OnceLock;
use std::time::Duration;

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;

pub(super) const PATIENCE: Duration = Duration::from_secs(10 * 60);

/// One flat image of packages for all boots of a test run, with what NFS roots need too. It goes with the directory of
/// the run.
pub(super) fn world() -> &'static TestRoot {
    static WORLD: OnceLock<TestRoot> = OnceLock::new();
    WORLD.get_or_init(|| {
        let root = TestRoot::with_modules(&["livenet"]);
        let create =
            ["livenet", "create", "node", "--kernel", "from-image", "--source", "apt", "--type", "core"];
        let package = ["--kernel-package", "linux-image-cloud-amd64", "--package", "nfs-common"];
        let _ = root.disklessset(&[&create[..], &package].concat()).limit(PATIENCE).run().expect_done();
        root
    })
}

/// A proof, and that nothing but the log of the console is left of it.
#[track_caller]
fn prove(root: &TestRoot, image: &str) -> Outcome {
    let before = Snapshot::of(root);
    let proof = root.disklessset(&["prove", image]).limit(PATIENCE).run();
    before.assert_same_as_now(root);
    Snapshot::assert_nothing_held(root);
    proof
}

#[track_caller]
pub(super) fn boots(root: &TestRoot, image: &str) {
    let proof = prove(root, image).expect_done();
    let said = format!("{}{}", proof.stdout, proof.stderr);
    assert!(said.contains("login:"), "no login prompt shown: {proof}");
    for stage in ["kernel started", "root image fetched", "login prompt"] {
        assert!(said.contains(stage), "no {stage:?} in the times: {proof}");
    }
}

/// The tree of the image for all boots, as a source of others.
pub(super) fn unpack(root: &TestRoot, into: &tempfile::TempDir) -> String {
    let tree = into.path().join("tree");
    let image = root.image_dir("node").join("squashfs.img");
    let unsquash = ["-q", "-n", "-d", tree.to_str().unwrap(), image.as_str()];
    let _ = root.tool("unsquashfs", &unsquash).run().expect_done();
    format!("tree:{}", tree.display())
}

/// The file that nodes fetch as their initramfs.
fn initramfs(root: &TestRoot) -> Utf8PathBuf {
    let boot = std::fs::read_to_string(root.image_dir("node").join("boot.ipxe")).unwrap();
    let line = boot.lines().find(|line| line.starts_with("initrd ")).unwrap();
    let digest = line.split_once("/blobs/sha256/").unwrap().1.split_whitespace().next().unwrap();
    root.oci_dir().join("blobs/sha256").join(digest)
}

#[test]
fn an_image_from_packages_boots_to_its_login_prompt() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("qemu-system-x86_64"));
    boots(world(), "node");
}

#[test]
fn an_initramfs_that_nodes_may_not_read_or_that_is_gone_is_the_cause() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("qemu-system-x86_64"));
    let root = world();
    let file = initramfs(root);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let unreadable = prove(root, "node");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let away = root.beside().join("initramfs");
    std::fs::rename(&file, &away).unwrap();
    let gone = prove(root, "node");
    std::fs::rename(&away, &file).unwrap();
    for (proof, reason) in [(unreadable, "may not be read"), (gone, "does not exist")] {
        assert!(proof.took < Duration::from_secs(60), "took {:?} to see it", proof.took);
        let proof = proof.expect_code(1).expect_said("does not boot").expect_said(reason);
        let _ = proof.expect_said("initramfs");
    }
}

#[test]
fn a_damaged_root_image_is_the_cause() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::full()
    );
    let root = world();
    let _ = root.disklessset(&["clone", "node", "damaged"]).run().expect_done();
    // A root image of its own, of which no other image has anything.
    let edit = ["livenet", "exec", "damaged", "--", "sh", "-c", "echo damaged > /etc/motd"];
    let _ = root.disklessset(&edit).limit(PATIENCE).run().expect_done();
    let boot = std::fs::read_to_string(root.image_dir("damaged").join("boot.ipxe")).unwrap();
    let digest = boot.split_once("root=live:").unwrap().1.split_whitespace().next().unwrap();
    let file = root.oci_dir().join("blobs/sha256").join(digest.rsplit('/').next().unwrap());
    std::fs::File::options().write(true).open(file).unwrap().set_len(1 << 20).unwrap();
    let _ = prove(root, "damaged").expect_code(1).expect_said("root image");
    let _ = root.disklessset(&["remove", "damaged", "--yes"]).run().expect_done();
}

#[test]
fn a_classic_image_boots_and_so_does_one_that_was_edited() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::full()
    );
    let root = world();
    let unpacked = tempfile::tempdir_in(root.beside()).unwrap();
    let source = unpack(root, &unpacked);
    let create =
        ["livenet", "create", "classic", "--kernel", "from-image", "--layout", "classic", "--source"];
    let _ = root.disklessset(&[&create[..], &[&source]].concat()).limit(PATIENCE).run().expect_done();
    boots(root, "classic");

    let _ = root.disklessset(&["clone", "node", "edited"]).run().expect_done();
    let _ = root.disklessset(&["livenet", "mount", "edited"]).run().expect_done();
    let issue = root.path().join("var/tmp/diskless/workdir/edited/mnt/etc/issue");
    std::fs::copy("/proc/self/comm", &issue).unwrap();
    let _ = root.disklessset(&["livenet", "unmount", "edited"]).limit(PATIENCE).run().expect_done();
    boots(root, "edited");
    for name in ["classic", "edited"] {
        let _ = root.disklessset(&["remove", name, "--yes"]).run().expect_done();
    }
}
