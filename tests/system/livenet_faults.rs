//! Given tools that fail, are missing or are killed, and creations side by side: one line says why, and nothing is left.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeSet;
use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::own_tmp::OwnTmp;
use disklessset_tests::residue::{Snapshot, without_loop_devices};
use disklessset_tests::run::Program;

use super::small::{KERNEL, Small, kernels};

const PATIENCE: Duration = Duration::from_secs(5 * 60);

#[test]
fn a_package_nobody_has_is_the_reason_and_nothing_is_left() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mmdebstrap"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    let more = ["--type", "core", "--package", "no-such-package-anywhere"];
    let created = small.create_from("web", "apt", &more).limit(PATIENCE).run();
    let created = created.expect_code(1).expect_said("mmdebstrap");
    // The tool's own words: E: Unable to locate package ...
    let _ = created.expect_said("Unable to locate package no-such-package-anywhere");
    before.assert_same_as_now(&small.root);
    let log = small.run(&["log", "web"]).expect_done();
    assert!(log.stdout.contains("Unable to locate package"), "{log}");
    let log = small.run(&["log", "web", "--last", "--format", "json"]).expect_done().json();
    let operation = &log["log"][0];
    assert_eq!(operation["result"], "failed", "{operation}");
    let tools = operation["tools"].as_array().unwrap();
    let apt = tools.iter().find(|tool| tool["command"].as_str().unwrap().starts_with("mmdebstrap ")).unwrap();
    assert!(apt["printed"].to_string().contains("Unable to locate package"), "{apt}");
    // Its number is what the system said last, whatever that was.
    let ended = apt["ended"].as_str().unwrap();
    assert!(ended.starts_with("exit status ") && !ended.starts_with("exit status 0"), "{apt}");
}

#[test]
fn a_packer_that_dies_leaves_no_image() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    // Noise does not compress: packing takes long enough to be met.
    noise(&small, "200");
    for layout in ["flat", "classic"] {
        let before = Snapshot::of(&small.root);
        let create = small.create("web", &["--layout", layout]).limit(PATIENCE).start();
        let (create, pid) = create.wait_until(|| small.root.tool_at_work("mksquashfs"));
        let pid = nix::unistd::Pid::from_raw(pid);
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        let _ = create.wait().expect_code(1).expect_said("mksquashfs");
        before.assert_same_as_now(&small.root);
    }
}

fn noise(small: &Small, mebibytes: &str) {
    let to = format!("of={}", small.tree.join("srv/noise"));
    let count = format!("count={mebibytes}");
    let _ = small.root.tool("dd", &["if=/dev/urandom", &to, "bs=1M", &count]).run().expect_done();
}

/// The program on a server that does not have a tool.
pub(super) fn without(small: &Small, tool: &str, program: Program) -> Program {
    // Deleted in an overlay: a file that is not there cannot be made by a bind mount.
    let layers = small.root.beside().join(format!("layers-{tool}"));
    let script = format!(
        "set -e; mkdir -p {layers}; mount -t tmpfs none {layers}; mkdir {layers}/u {layers}/w; \
         for d in /usr/bin /usr/sbin; do \
         mkdir {layers}/u$d {layers}/w$d -p; \
         mount -t overlay -o lowerdir=$d,upperdir={layers}/u$d,workdir={layers}/w$d none $d; done; \
         rm -f /usr/bin/{tool} /usr/sbin/{tool}; exec \"$0\" \"$@\""
    );
    program.behind("unshare", &["--mount", "sh", "-c", &script])
}

#[test]
fn a_missing_tool_is_named_with_its_package() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    for (tool, package, source) in [
        ("mksquashfs", "squashfs-tools", "tree"),
        ("mkfs.ext4", "e2fsprogs", "tree"),
        ("mmdebstrap", "mmdebstrap", "apt"),
        ("dnf", "dnf", "dnf"),
    ] {
        let before = Snapshot::of(&small.root);
        let create = match source {
            "apt" => small.create_from("web", "apt", &["--type", "core"]),
            "dnf" => small.create_from("web", "dnf", &["--release", "9"]),
            _ => small.create("web", &["--layout", "classic"]),
        };
        let created = without(&small, tool, create).run();
        let created = created.expect_refusal(&[1, 5]).expect_said(package);
        let first = created.stderr.lines().find(|line| line.starts_with("error")).unwrap_or_default();
        assert!(first.contains(tool) || created.stderr.contains(tool), "{created}");
        before.assert_same_as_now(&small.root);
    }
}

#[test]
fn two_creations_at_once_both_end_well_and_one_name_is_given_once() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    noise(&small, "100");
    let (one, other) = (small.create("one", &[]).start(), small.create("other", &[]).start());
    let _ = one.wait().expect_done();
    let _ = other.wait().expect_done();
    let same = [small.create("same", &[]).start(), small.create("same", &[]).start()];
    let mut codes = same.map(|running| running.wait().status.code());
    codes.sort();
    assert_eq!(codes, [Some(0), Some(4)]);
    let _ = small.run(&["verify"]).expect_done();
    let listed = small.root.images();
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert!(listed.iter().all(|image| image["status"] == "CREATED"), "{listed:?}");
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn creations_at_once_share_the_kernel_their_trees_bring() {
    disklessset_tests::need!(need::full(), need::root());
    let shared = super::apt_tree::shared();
    let small = Small::new();
    let create = |name: &str| {
        let source = format!("tree:{}", shared.tree());
        let args = ["livenet", "create", name, "--kernel", "from-image", "--source", &source];
        small.root.disklessset(&args).limit(PATIENCE).start()
    };
    let (one, other) = (create("one"), create("other"));
    let _ = one.wait().expect_done();
    let _ = other.wait().expect_done();
    let listed = small.run(&["kernel", "list", "--format", "json"]).expect_done().json();
    let listed = listed["kernels"].as_array().unwrap().clone();
    let of_tree: Vec<_> = listed.iter().filter(|kernel| kernel["version"] != KERNEL).collect();
    assert_eq!(of_tree.len(), 1, "{listed:?}");
    assert_eq!(of_tree[0]["used_by"], serde_json::json!(["one", "other"]));
    let files =
        kernels(&small.root).read_dir_utf8().unwrap().map(|file| file.unwrap().file_name().to_owned());
    let files: Vec<_> = files.filter(|name| !name.contains(KERNEL)).collect();
    let (sums, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|name| name.starts_with("SHA256SUMS"));
    assert_eq!((sums.len(), files.len()), (1, 2), "one pair and its manifest: {sums:?} {files:?}");
    for name in ["one", "other"] {
        let boot = std::fs::read_to_string(small.root.image_dir(name).join("boot.ipxe")).unwrap();
        assert!(files.iter().all(|file| boot.contains(file)), "{boot}");
    }
    let _ = small.run(&["verify"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn killed_in_the_middle_of_a_tool_a_creation_is_cleaned_up() {
    disklessset_tests::need!(need::full(), need::root());
    killed_in(&[("dracut", "flat"), ("mkfs.ext4", "classic")]);
}

#[test]
fn killed_in_the_middle_of_any_tool_a_creation_is_cleaned_up() {
    disklessset_tests::need!(need::root(), need::full());
    killed_in(&[("mksquashfs", "flat"), ("mksquashfs", "classic")]);
}

#[test]
fn killed_while_the_tree_is_copied_a_creation_is_cleaned_up() {
    disklessset_tests::need!(need::full(), need::root());
    let small = Small::new();
    noise(&small, "400");
    // With it no layer can be laid over the tree, and it is copied.
    let zero = small.tree.join("srv/zero");
    let _ = small.root.tool("mknod", &[zero.as_str(), "c", "0", "0"]).run().expect_done();
    let before = Snapshot::of(&small.root);
    let copied = small.root.path().join("var/tmp/diskless/workdir/web/tree/srv");
    let create = small.create("web", &[]).limit(PATIENCE).start();
    let (create, ()) = create.wait_until(|| copied.exists().then_some(()));
    let _ = create.kill_nine();
    let _ = small.run(&["list"]).expect_done();
    assert_eq!(small.root.status_after_kill("web").as_deref(), Some("CORRUPTED"));
    let _ = small.run(&["clean", "--yes"]).expect_done();
    before.assert_same_as_now(&small.root);
}

/// Kills a creation while it runs a tool, with a layout each.
#[track_caller]
fn killed_in(tools: &[(&str, &str)]) {
    killed_when(tools, |small, tool| small.root.tool_at_work(tool).map(|_| Duration::from_millis(300)));
}

/// Kills a creation as long after a moment as that says.
#[track_caller]
fn killed_when(moments: &[(&str, &str)], has_come: impl Fn(&Small, &str) -> Option<Duration>) {
    let shared = super::apt_tree::shared();
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    let tmp = OwnTmp::beside(&small.root);
    for (tool, layout) in moments {
        let source = format!("tree:{}", shared.tree());
        let args =
            ["livenet", "create", "web", "--kernel", "from-image", "--source", &source, "--layout", layout];
        let create = tmp.around(small.root.disklessset(&args)).limit(PATIENCE).start();
        let (create, later) = create.wait_until(|| has_come(&small, tool));
        std::thread::sleep(later);
        let _ = create.kill_nine();
        let _ = small.run(&["list"]).expect_done();
        let status = small.root.status_after_kill("web");
        assert_eq!(status.as_deref(), Some("CORRUPTED"), "killed in {tool}");
        let _ = small.run(&["clean", "--yes"]).expect_done();
        small.root.wait_for_orphans(tool);
        let differences = without_loop_devices(|| before.differences(&Snapshot::of(&small.root)));
        assert!(differences.is_empty(), "killed in {tool} ({layout}):\n{differences}");
        assert_eq!(tmp.left(), BTreeSet::new(), "killed in {tool} ({layout}), in temporary directories");
    }
}
