//! The marked block of the exports file, and the lines of others around it.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::Nfs;
use crate::system::small::put;

const THEIRS: &str = "# ours\n/srv/data\t10.0.0.0/8(ro)   \n";

impl Nfs {
    fn exports_file(&self) -> String {
        let file = self.root.path().join("etc/exports.d/disklessset.exports");
        std::fs::read_to_string(file).unwrap_or_default()
    }

    #[track_caller]
    fn lines(&self) -> Vec<String> {
        self.run(&["nfs", "exports"]).expect_done().stdout.lines().map(str::to_owned).collect()
    }
}

#[test]
fn lines_come_and_go_with_safe_defaults_and_those_of_others_stay() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let file = nfs.root.path().join("etc/exports.d/disklessset.exports");
    put(&file, THEIRS.as_bytes(), 0o644);
    nfs.done(&["nfs", "export", "st", "--client", "*"]);
    nfs.done(&[
        "nfs",
        "export",
        "g",
        "--client",
        "10.1.0.0/16",
        "--client",
        "@nodes",
        "--option",
        "rw",
        "--option",
        "async",
    ]);
    assert_eq!(
        nfs.lines(),
        [
            "/diskless/images/nfsimages/staging/st *(rw,no_root_squash,sync,no_subtree_check)",
            "/diskless/images/nfsimages/golden/g/nodes 10.1.0.0/16(rw,async) @nodes(rw,async)",
        ]
    );
    assert!(nfs.exports_file().starts_with(THEIRS));
    // Exporting again changes the line in its place.
    nfs.done(&["nfs", "export", "st", "--client", "c1"]);
    assert!(nfs.lines()[0].ends_with("/st c1(rw,no_root_squash,sync,no_subtree_check)"));
    nfs.done(&["nfs", "unexport", "st"]);
    nfs.done(&["nfs", "unexport", "g"]);
    assert_eq!(nfs.exports_file(), THEIRS);
    let _ = nfs.run(&["nfs", "unexport", "g"]).expect_done().expect_said("was not exported");
}

#[test]
fn a_node_may_have_a_line_for_itself_alone() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    nfs.done(&["nfs", "nodes", "add", "g", "c[1-2]"]);
    nfs.done(&["nfs", "export", "g", "--client", "*"]);
    nfs.done(&["nfs", "export", "g", "--per-node"]);
    let line = |node: &str| {
        format!(
            "/diskless/images/nfsimages/golden/g/nodes/{node} {node}(rw,no_root_squash,sync,no_subtree_check)"
        )
    };
    assert_eq!(nfs.lines(), [line("c1"), line("c2")]);
    nfs.done(&["nfs", "nodes", "add", "g", "c3"]);
    nfs.done(&["nfs", "nodes", "remove", "g", "c1", "--yes"]);
    assert_eq!(nfs.lines(), [line("c2"), line("c3")]);
    nfs.refused(&["nfs", "export", "g", "--per-node", "--client", "x"], 2, "leave --client out");
    nfs.refused(&["nfs", "export", "st", "--per-node"], 2, "it has no nodes");
    nfs.done(&["nfs", "export", "g", "--client", "*"]);
    assert_eq!(nfs.lines().len(), 1);
}

#[test]
fn an_image_that_goes_takes_its_lines_along_with_or_without_its_module() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    let before = Snapshot::of(&nfs.root);
    nfs.done(&["clone", "g", "h"]);
    nfs.done(&["nfs", "export", "h", "--client", "*"]);
    nfs.done(&["remove", "h", "--yes"]);
    assert_eq!(nfs.exports_file(), "");
    nfs.done(&["clone", "g", "h"]);
    nfs.done(&["nfs", "nodes", "add", "h", "c[1-2]"]);
    nfs.done(&["nfs", "export", "h", "--per-node"]);
    nfs.root.take_out("nfs");
    nfs.done(&["clear", "h", "--yes"]);
    assert_eq!(nfs.exports_file(), "");
    nfs.root.drop_in("nfs");
    std::fs::remove_dir(nfs.root.path().join("etc/exports.d")).unwrap();
    std::fs::remove_dir(nfs.root.path().join("etc")).unwrap();
    before.assert_same_as_now(&nfs.root);
}

#[test]
fn what_cannot_stand_in_the_file_changes_nothing() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    for client in ["", "a b", "x(rw)", "a\nb", "#", "-rw"] {
        nfs.refused(&["nfs", "export", "st", &format!("--client={client}")], 2, "client");
    }
    nfs.refused(&["nfs", "export", "st", "--client", "c1", "--option", "rw) *(rw"], 2, "is no export option");
    // A block without its end: nobody can tell whose lines follow.
    let file = nfs.root.path().join("etc/exports.d/disklessset.exports");
    put(&file, b"# BEGIN disklessset\n/x *(rw)\n", 0o644);
    nfs.refused(&["nfs", "export", "st", "--client", "*"], 1, "the mark # END disklessset is missing");
}

#[test]
fn nobody_is_let_in_who_was_not_named() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    for image in ["st", "g"] {
        nfs.refused(&["nfs", "export", image], 2, "--client");
        nfs.refused(&["--dry-run", "nfs", "export", image], 2, "--client");
    }
    let help = nfs.run(&["nfs", "export", "--help"]).expect_done().stdout;
    assert!(help.contains("[default: rw, no_root_squash, sync, no_subtree_check]"), "{help}");
    let planned = nfs.run(&["--dry-run", "nfs", "export", "g", "--client", "c1"]).expect_done().stdout;
    assert!(planned.contains("defaults: option rw no_root_squash sync no_subtree_check"), "{planned}");
    assert_eq!(nfs.exports_file(), "");
}

#[test]
fn clients_and_options_that_nfs_utils_does_not_take_are_refused_and_planned_so() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    for client in ["10.0.0.0/33", "/16", "@", "10.1.0.0/", "300.1.1.1", "fd00::/200", "10.1.0.0/16(rw"] {
        let flag = format!("--client={client}");
        nfs.refused(&["nfs", "export", "st", &flag], 2, "is no NFS client");
        nfs.refused(&["--dry-run", "nfs", "export", "st", &flag], 2, "is no NFS client");
    }
    for option in ["no_root_sqash", "fsid=abc", "sec=foo", "foo"] {
        let command = ["nfs", "export", "st", "--client", "c1", "--option", option];
        nfs.refused(&command, 2, "is no export option");
        nfs.refused(&[&["--dry-run"], &command[..]].concat(), 2, "is no export option");
    }
    // A node whose name would be read as an address.
    nfs.done(&["nfs", "nodes", "add", "g", "10"]);
    nfs.refused(&["nfs", "export", "g", "--per-node"], 2, "is no NFS client");
    nfs.refused(&["--dry-run", "nfs", "export", "g", "--per-node"], 2, "is no NFS client");
}
