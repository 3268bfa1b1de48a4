//! Given a tree with everything that copies lose, through the whole program: staging image, golden image, node and clone have all of it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::loop_disk::tool;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::tree_facts::TreeFacts;
use disklessset_tests::{hostile_tree, need};

use crate::system::nfs::Nfs;

/// Makes what is immutable below a root removable for the harness, also when the test fails. Declared after the root, it goes first.
struct Soften<'a>(&'a TestRoot);

impl Drop for Soften<'_> {
    fn drop(&mut self) {
        for place in [self.0.path(), self.0.beside()] {
            // What cannot be softened shows when the root goes.
            let _ = tool("chattr", &["-R", "-f", "-i", "-a", place.as_str()]);
        }
    }
}

#[test]
fn case_29_a_hostile_tree_is_the_same_in_every_image_and_node() {
    disklessset_tests::need!(need::root(), need::tool("setcap"), need::tool("setfacl"), need::tool("chattr"));
    let nfs = Nfs::new();
    let _soften = Soften(&nfs.root);
    let before = Snapshot::of(&nfs.root);
    let odd = nfs.tree.join("srv/odd");
    std::fs::create_dir_all(&odd).unwrap();
    hostile_tree::fill(&odd);
    let original = TreeFacts::of(&odd).unwrap();
    nfs.staging("st");
    nfs.done(&["nfs", "create-golden", "g", "--from", "st"]);
    nfs.done(&["nfs", "nodes", "add", "g", "c1"]);
    nfs.done(&["clone", "g", "h"]);
    nfs.done(&["clone", "st", "copy"]);
    for place in [
        nfs.staging_tree("st"),
        nfs.golden("g").join("image"),
        nfs.node("g", "c1"),
        nfs.golden("h").join("image"),
        nfs.node("h", "c1"),
        nfs.staging_tree("copy"),
    ] {
        let mut differences = original.differences(&TreeFacts::of(&place.join("srv/odd")).unwrap());
        // To read a link is to access it, and looking at them here is, too.
        differences.retain(|line| !line.contains(": accessed was "));
        assert!(differences.is_empty(), "{place}:\n{}", differences.join("\n"));
    }
    // And all of it goes again, what is immutable too.
    nfs.done(&["remove", "h", "g", "--yes"]);
    nfs.done(&["remove", "copy", "st", "--yes"]);
    before.assert_same_as_now(&nfs.root);
}
