//! Nodes that see the golden tree through what they write.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::Utf8PathBuf;
use disklessset_tests::facts::{self, files_below};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::Nfs;

const OPTIONS: &str = "rw,no_root_squash,sync,no_subtree_check";

impl Nfs {
    /// A golden image `g`, and what stands once there was an overlay.
    #[track_caller]
    pub(super) fn for_overlays() -> Self {
        let nfs = Self::with_golden();
        for directory in ["etc/systemd/system/multi-user.target.wants", "etc/exports.d"] {
            std::fs::create_dir_all(nfs.root.path().join(directory)).unwrap();
        }
        nfs
    }

    #[track_caller]
    pub(super) fn add_overlays(&self, nodes: &str) {
        self.done(&["nfs", "nodes", "add", "g", nodes, "--method", "overlay"]);
    }

    pub(super) fn upper(&self, node: &str) -> Utf8PathBuf {
        self.golden("g").join("overlays").join(node).join("upper")
    }

    /// The nodes of `g` that are mounted, as the kernel has it.
    pub(super) fn mounted(&self) -> Vec<String> {
        let nodes = self.golden("g").join("nodes");
        let points = facts::mount_points().unwrap();
        let own = points.iter().filter_map(|point| point.strip_prefix(&nodes).ok());
        let mut names: Vec<String> = own.map(|name| name.to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }

    /// The nodes of `g` that are mounted again after a reboot: their units are there, and wanted.
    pub(super) fn wanted(&self) -> Vec<String> {
        let units = self.root.path().join("etc/systemd/system");
        let links = units.join("multi-user.target.wants").read_dir_utf8().unwrap();
        let names = links.map(|link| link.unwrap().file_name().to_owned());
        let node = |name: String| {
            let text = std::fs::read_to_string(units.join(&name)).unwrap();
            let place = text.lines().find_map(|line| line.strip_prefix("Where=")).unwrap().to_owned();
            place.strip_prefix("/diskless/images/nfsimages/golden/g/nodes/").unwrap().to_owned()
        };
        let mut nodes: Vec<String> = names.map(node).collect();
        nodes.sort();
        nodes
    }
}

fn write(file: &camino::Utf8Path) {
    let _ = std::fs::copy("/proc/self/cmdline", file).unwrap();
}

#[test]
fn nodes_see_the_image_and_write_apart_from_each_other() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    let image = nfs.golden("g").join("image");
    std::fs::set_permissions(&image, std::fs::Permissions::from_mode(0o751)).unwrap();
    std::os::unix::fs::chown(&image, Some(12), Some(34)).unwrap();
    rustix::fs::setxattr(image.as_std_path(), "user.kept", b"yes", rustix::fs::XattrFlags::empty()).unwrap();
    let before = Snapshot::of(&nfs.root);
    nfs.done(&["nfs", "nodes", "add", "g", "c3"]);
    let added = nfs.run(&["nfs", "nodes", "add", "g", "c[1-2]", "--method", "overlay", "--format", "json"]);
    assert_eq!(added.expect_done().json()["result"]["method"], "overlay");
    assert_eq!(nfs.nodes("g"), ["c1", "c2", "c3"]);
    assert_eq!((nfs.mounted(), nfs.wanted()), (vec!["c1".into(), "c2".into()], nfs.mounted()));
    let shown = nfs.run(&["show", "g", "--format", "json"]).expect_done().to_string();
    assert!(shown.contains("c[1-2]"), "{shown}");

    let root = std::fs::metadata(nfs.node("g", "c1")).unwrap();
    assert_eq!((root.mode() & 0o7777, root.uid(), root.gid()), (0o751, 12, 34));
    let mut value = [0; 8];
    let kept = rustix::fs::getxattr(nfs.node("g", "c1").as_std_path(), "user.kept", &mut value[..]).unwrap();
    assert_eq!(&value[..kept], b"yes");
    let names = |tree: &camino::Utf8Path| files_below(tree).unwrap().into_keys().collect::<Vec<_>>();
    let of_image = names(&image);
    assert_eq!(names(&nfs.node("g", "c1")), of_image);
    write(&nfs.node("g", "c1").join("etc/own"));
    std::fs::remove_file(nfs.node("g", "c1").join("etc/passwd")).unwrap();
    assert!(nfs.upper("c1").join("etc/own").exists());
    for tree in [nfs.node("g", "c2"), nfs.node("g", "c3"), image] {
        assert_eq!(names(&tree), of_image, "{tree}");
    }

    nfs.done(&["nfs", "nodes", "remove", "g", "c[1-3]", "--yes"]);
    before.assert_same_as_now(&nfs.root);
}

#[test]
fn the_image_is_not_changed_under_its_overlays() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    nfs.add_overlays("c[1-2]");
    let said = "it is the lower layer of the overlays of c[1-2]";
    nfs.refused(&["nfs", "exec", "g", "--", "/bin/true"], 125, said);
    nfs.refused(&["kernel", "add", "--from-image", "g"], 5, said);
    nfs.done(&["nfs", "nodes", "remove", "g", "c[1-2]", "--yes"]);
    let ended = nfs.run(&["nfs", "exec", "g", "--", "/bin/true"]);
    assert!(!ended.to_string().contains("lower layer"), "{ended}");
}

#[test]
fn after_a_reboot_without_systemd_adding_mounts_again() {
    disklessset_tests::need!(need::full(), need::root());
    let nfs = Nfs::for_overlays();
    nfs.add_overlays("c[1-2]");
    write(&nfs.node("g", "c1").join("etc/own"));
    let point = nfs.node("g", "c1");
    let _ = nfs.root.tool("umount", &[point.as_str()]).run().expect_done();
    let told = nfs.run(&["verify", "g"]).expect_code(1);
    assert!(told.stdout.contains("the overlays of c1 are not mounted"), "{told}");
    nfs.refused(&["clone", "g", "h"], 5, "disklessset nfs nodes add g c1");
    assert_eq!(nfs.nodes("g"), ["c1", "c2"]);
    let exec = nfs.run(&["nfs", "exec", "g", "--node", "c1", "--", "/bin/sh", "-c", ": >/etc/by-exec"]);
    let _ = exec.expect_done().expect_said("c1: its overlay was not mounted, and is again");
    assert!(nfs.upper("c1").join("etc/by-exec").exists());
    assert!(!nfs.golden("g").join("image/etc/by-exec").exists());
    let _ = nfs.root.tool("umount", &[point.as_str()]).run().expect_done();
    let again = nfs.run(&["nfs", "nodes", "add", "g", "c[1-2]"]).expect_done();
    let _ = again.expect_said("c1: its overlay was not mounted, and is again");
    assert_eq!(nfs.mounted(), ["c1", "c2"]);
    assert!(point.join("etc/own").exists());
    let _ = nfs.root.tool("umount", &[point.as_str()]).run().expect_done();
    nfs.done(&["nfs", "nodes", "remove", "g", "c[1-2]", "--yes"]);
    assert_eq!((nfs.mounted(), nfs.wanted()), (vec![], vec![]));
}

#[test]
fn each_overlay_is_exported_under_an_identity_of_its_own() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    let lines = || -> Vec<String> {
        nfs.run(&["nfs", "exports"]).expect_done().stdout.lines().map(str::to_owned).collect()
    };
    nfs.done(&["nfs", "nodes", "add", "g", "c3"]);
    nfs.add_overlays("c1");
    nfs.done(&["nfs", "export", "g", "--client", "*"]);
    nfs.add_overlays("c2");
    let base = "/diskless/images/nfsimages/golden/g/nodes";
    let whole = lines();
    let identity = |line: &str| line.split_once("fsid=").unwrap().1.trim_end_matches(')').to_owned();
    assert_eq!(whole[0], format!("{base} *({OPTIONS})"));
    for (line, node) in whole[1..].iter().zip(["c1", "c2"]) {
        assert!(line.starts_with(&format!("{base}/{node} *({OPTIONS},fsid=")), "{line}");
        assert_eq!(identity(line).len(), 36, "{line}");
    }
    assert_eq!(whole.len(), 3);
    assert_ne!(identity(&whole[1]), identity(&whole[2]));
    nfs.done(&["nfs", "export", "g", "--per-node"]);
    let each = lines();
    assert_eq!(each[0], format!("{base}/c1 c1({OPTIONS},fsid={})", identity(&whole[1])));
    assert_eq!(each[2], format!("{base}/c3 c3({OPTIONS})"));
    nfs.done(&["nfs", "nodes", "remove", "g", "c1", "--yes"]);
    assert_eq!(lines(), each[1..]);
    nfs.done(&["nfs", "unexport", "g"]);
    assert_eq!(lines(), Vec::<String>::new());
    nfs.done(&["remove", "g", "--yes"]);
}

#[test]
fn who_works_in_a_tree_keeps_it_and_is_named() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    let before = Snapshot::of(&nfs.root);
    nfs.add_overlays("c[1-3]");
    nfs.done(&["nfs", "export", "g", "--client", "*"]);
    let sitter = nfs.root.tool("sleep", &["300"]).dir(&nfs.node("g", "c2").join("etc")).start();
    let named = format!("pid {} (sleep) works in it", sitter.pid());
    for command in [
        &["nfs", "nodes", "remove", "g", "c2", "--yes"][..],
        &["remove", "g", "--yes"],
        &["clear", "g", "--yes"],
    ] {
        let _ = nfs.run(command).expect_code(5).expect_said(&named);
        assert_eq!((nfs.mounted().len(), nfs.wanted().len()), (3, 3), "{command:?}");
        assert_eq!(nfs.run(&["nfs", "exports"]).expect_done().stdout.lines().count(), 4, "{command:?}");
    }
    let _ = sitter.kill_nine();
    nfs.done(&["nfs", "nodes", "remove", "g", "c2", "--yes"]);
    nfs.done(&["nfs", "nodes", "remove", "g", "c[1-3]", "--yes"]);
    nfs.done(&["nfs", "unexport", "g"]);
    before.assert_same_as_now(&nfs.root);
}

#[test]
fn an_image_that_goes_takes_its_overlays_along_with_or_without_its_module() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    nfs.done(&["remove", "g", "--yes"]);
    let before = Snapshot::of(&nfs.root);
    for module in [true, false] {
        nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
        nfs.add_overlays("c[1-3]");
        nfs.done(&["nfs", "export", "g", "--per-node"]);
        write(&nfs.node("g", "c2").join("etc/own"));
        if module {
            nfs.done(&["remove", "g", "--yes"]);
        } else {
            nfs.root.take_out("nfs");
            nfs.done(&["clear", "g", "--yes"]);
            nfs.root.drop_in("nfs");
        }
        before.assert_same_as_now(&nfs.root);
    }
}

#[test]
fn a_clone_has_copies_of_what_nodes_see() {
    disklessset_tests::need!(need::full(), need::root());
    let nfs = Nfs::for_overlays();
    nfs.add_overlays("c1");
    nfs.done(&["nfs", "nodes", "add", "g", "c2"]);
    write(&nfs.node("g", "c1").join("etc/own"));
    std::fs::remove_file(nfs.node("g", "c1").join("etc/passwd")).unwrap();
    let _ =
        nfs.run(&["-i", "clone", "g", "h"]).expect_done().expect_said("c1: overlays; the clone has copies");
    let names = |tree: &camino::Utf8Path| files_below(tree).unwrap().into_keys().collect::<Vec<_>>();
    for node in ["c1", "c2"] {
        assert_eq!(names(&nfs.node("h", node)), names(&nfs.node("g", node)), "{node}");
    }
    assert!(!nfs.golden("h").join("overlays").exists());
    nfs.done(&["remove", "g", "--yes"]);
    assert!(nfs.node("h", "c1").join("etc/own").exists());
}

#[test]
fn a_file_system_that_cannot_is_refused_and_nothing_is_left() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    let golden = nfs.golden("");
    let layers = nfs.root.beside().join("layers");
    std::fs::create_dir(&layers).unwrap();
    let _over = Mounted::overlay(&golden, &layers, &golden);
    super::crash::closed(&golden);
    nfs.refused(&["nfs", "nodes", "add", "g", "c[1-2]", "--method", "overlay"], 5, "through an overlay");
    assert_eq!(nfs.nodes("g").len(), 0);
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
}

#[test]
fn a_unit_of_somebody_else_is_left_alone() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::for_overlays();
    let unit = "etc/systemd/system/diskless-images-nfsimages-golden-g-nodes-c1.mount";
    write(&nfs.root.path().join(unit));
    nfs.refused(
        &["nfs", "nodes", "add", "g", "c1", "--method", "overlay"],
        5,
        "was not written by disklessset",
    );
    assert_eq!(nfs.mounted(), Vec::<String>::new());
}

#[test]
fn a_copy_of_a_golden_tree_is_not_mounted_under_what_was_written_over_another() {
    disklessset_tests::need!(need::full(), need::root());
    let nfs = Nfs::for_overlays();
    nfs.add_overlays("c[1-2]");
    write(&nfs.node("g", "c1").join("etc/own"));
    let _ = nfs.root.tool("umount", &[nfs.node("g", "c1").as_str()]).run().expect_done();
    let _ = nfs.root.tool("umount", &[nfs.node("g", "c2").as_str()]).run().expect_done();
    // As after a restore from a backup.
    let (image, old) = (nfs.golden("g").join("image"), nfs.root.beside().join("old"));
    std::fs::rename(&image, &old).unwrap();
    let _ = nfs.root.tool("cp", &["-a", old.as_str(), image.as_str()]).run().expect_done();
    let add = ["nfs", "nodes", "add", "g", "c1"];
    let _ = nfs.run(&add).expect_code(5).expect_said("was written over another tree");
    assert_eq!(nfs.mounted(), Vec::<String>::new());
    assert!(nfs.upper("c1").join("etc/own").exists(), "what the node wrote is lost");
    nfs.done(&["nfs", "nodes", "remove", "g", "c[1-2]", "--yes"]);
}
