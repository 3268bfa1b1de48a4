//! The same work on file systems that share data, that make snapshots, and that do neither.

use disklessset_tests::loop_disk::{Disk, LoopDisk, tool};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::tree_facts::TreeFacts;

use super::Nfs;

/// What stands where NFS trees are, with the disk below it: dropped before the root.
struct On {
    _bound: Mounted,
    disk: LoopDisk,
    nfs: Nfs,
}

impl On {
    #[track_caller]
    fn new(kind: Disk) -> Self {
        let nfs = Nfs::new();
        let place = nfs.root.beside().join("disk");
        std::fs::create_dir(&place).unwrap();
        let disk = LoopDisk::new(&place, kind, 400).unwrap();
        let trees = nfs.root.path().join("diskless/images/nfsimages");
        let bound = Mounted::bind(disk.path(), &trees);
        Self { _bound: bound, disk, nfs }
    }

    /// The names at the top of the trees' place, but for what mkfs makes.
    fn left(&self) -> Vec<String> {
        let mut left = Vec::new();
        for place in [self.nfs.staging_tree(""), self.nfs.golden("")] {
            left.extend(place.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path().into_string()));
        }
        left
    }

    fn subvolumes(&self) -> String {
        tool("btrfs", &["subvolume", "list", self.disk.path().as_str()]).unwrap()
    }
}

/// Makes images and nodes, compares them, takes them away.
#[track_caller]
fn from_making_to_end(kind: Disk, method: &str) {
    disklessset_tests::need!(need::root(), need::tool(&kind.maker()));
    let on = On::new(kind);
    let nfs = &on.nfs;
    nfs.staging("st");
    let made = nfs.run(&["-i", "nfs", "create-golden", "g", "--from", "st"]).expect_done();
    let _ = made.expect_said(&format!("making the tree by {method} ("));
    let added = nfs.run(&["nfs", "nodes", "add", "g", "c[1-3]", "--format", "json"]).expect_done().json();
    assert_eq!(
        (added["result"]["method"].as_str(), added["result"]["added"].as_str()),
        (Some(method), Some("c[1-3]"))
    );
    let image = TreeFacts::of(&nfs.golden("g").join("image")).unwrap();
    for node in ["c1", "c3"] {
        let differences = TreeFacts::of(&nfs.node("g", node)).unwrap().differences(&image);
        assert!(differences.is_empty(), "{node}: {differences:?}");
    }
    nfs.done(&["nfs", "exec", "g", "--node", "c1", "--", "sh", "-c", "echo c1 >/etc/own"]);
    assert!(!nfs.node("g", "c2").join("etc/own").exists() && !nfs.golden("g").join("image/etc/own").exists());
    nfs.done(&["clone", "g", "h"]);
    assert!(nfs.node("h", "c1").join("etc/own").exists());
    nfs.done(&["nfs", "nodes", "remove", "g", "c[1-2]", "--yes"]);
    assert_eq!(nfs.nodes("g"), ["c3"]);
    nfs.done(&["remove", "g", "h", "--yes"]);
    nfs.done(&["remove", "st", "--yes"]);
    assert_eq!(on.left(), Vec::<String>::new());
    if kind == Disk::Btrfs {
        assert_eq!(on.subvolumes(), "");
    }
}

#[test]
fn trees_are_copied_where_nothing_else_works() {
    from_making_to_end(Disk::Ext4, "copy");
}

#[test]
fn trees_share_their_data_where_that_works() {
    from_making_to_end(Disk::Xfs, "reflink");
}

#[test]
fn trees_are_snapshots_where_that_works() {
    from_making_to_end(Disk::Btrfs, "snapshot");
}

#[test]
fn the_way_can_be_forced_and_one_that_cannot_work_is_refused() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.btrfs"), need::tool("mkfs.ext4"));
    let on = On::new(Disk::Btrfs);
    on.nfs.staging("st");
    on.nfs.done(&["nfs", "create-golden", "g", "--from", "st", "--method", "reflink"]);
    for (node, method) in [("c1", "copy"), ("c2", "reflink"), ("c3", "snapshot")] {
        let add = ["nfs", "nodes", "add", "g", node, "--method", method, "--format", "json"];
        assert_eq!(on.nfs.run(&add).expect_done().json()["result"]["method"], method);
    }
    let on = On::new(Disk::Ext4);
    on.nfs.staging("st");
    on.nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
    for (method, why) in [("snapshot", "not on btrfs but on ext4"), ("reflink", "cannot share data")] {
        on.nfs.refused(&["nfs", "nodes", "add", "g", "c1", "--method", method], 5, why);
    }
}

#[test]
fn a_kill_among_snapshots_leaves_whole_ones_and_no_subvolume_beside_them() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.btrfs"));
    let on = On::new(Disk::Btrfs);
    let nfs = &on.nfs;
    nfs.staging("st");
    nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
    for _ in 0..3 {
        let add = nfs.root.disklessset(&["nfs", "nodes", "add", "g", "c[1-300]"]);
        // One that is not there yet: else the kill comes before the beginning.
        let wanted = format!("c{}", nfs.nodes("g").len() + 4);
        let (adding, ()) = add.start().wait_until(|| nfs.node("g", &wanted).exists().then_some(()));
        let _ = adding.kill_nine();
        let _ = nfs.run(&["clean"]).expect_done().expect_said("nodes add was interrupted; it has now");
        let nodes = nfs.nodes("g");
        assert!(nodes.len() >= 4 && nodes.len() < 300, "{nodes:?}");
        assert_eq!(on.subvolumes().lines().count(), nodes.len() + 2, "{}", on.subvolumes());
    }
    let removing = nfs.root.disklessset(&["nfs", "nodes", "remove", "g", "c[1-300]", "--yes"]);
    let (removing, ()) = removing.start().wait_until(|| (!nfs.node("g", "c2").exists()).then_some(()));
    let _ = removing.kill_nine();
    nfs.done(&["clean"]);
    assert_eq!(on.subvolumes().lines().count(), nfs.nodes("g").len() + 2, "{}", on.subvolumes());
    nfs.done(&["remove", "g", "--yes"]);
    nfs.done(&["remove", "st", "--yes"]);
    assert_eq!((on.left(), on.subvolumes()), (Vec::new(), String::new()));
}
