//! Given a staging image of packages, a golden image of it and some nodes: two of them boot at once, each read-write from its own
//! tree.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

use super::livenet::{self, PATIENCE, unpack};
use super::nfs::put;

/// Run in the staging tree: has each node write down who it is and where its root came from.
const SCRIPT: &str = "#!/bin/sh -e\n\
    cat >/etc/systemd/system/witness.service <<'UNIT'\n\
    [Unit]\nBefore=multi-user.target\n[Service]\nType=oneshot\n\
    ExecStart=/bin/sh -c 'hostname >/root/booted; findmnt -n -o SOURCE,OPTIONS / >>/root/booted'\n\
    UNIT\n\
    mkdir -p /etc/systemd/system/multi-user.target.wants\n\
    ln -s ../witness.service /etc/systemd/system/multi-user.target.wants/witness.service\n";

#[test]
fn two_nodes_boot_at_once_from_their_own_trees() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::tool("ganesha.nfsd")
    );
    let root = TestRoot::with_modules(&["nfs"]);
    let script = root.beside().join("script");
    put(&script, SCRIPT, 0o755);
    let run = |args: &[&str]| root.disklessset(args).limit(PATIENCE).run().expect_done();
    // The packages that the other boots have: fetching them is no part of this.
    let unpacked = tempfile::tempdir_in(root.beside()).unwrap();
    let source = unpack(livenet::world(), &unpacked);
    let create = ["nfs", "create-staging", "base", "--kernel", "from-image", "--source", &source];
    let _ = run(&[&create[..], &["--run", script.as_str()]].concat());
    drop(unpacked);
    let _ = run(&["nfs", "create-golden", "compute", "--from", "base"]);
    // Each has a whole tree of its own.
    let full = std::env::var(need::FULL).is_ok_and(|full| full == "1");
    let (nodes, last, count) = if full { ("c[001-010]", "c010", 10) } else { ("c[001-003]", "c003", 3) };
    let _ = run(&["nfs", "nodes", "add", "compute", nodes]);
    let listed = run(&["nfs", "nodes", "list", "compute"]).stdout;
    assert_eq!(listed.lines().count(), count);
    assert_eq!((listed.lines().next(), listed.lines().last()), (Some("c001"), Some(last)));

    let _ = run(&["prove", "compute", "--node", "c001", "--node", "c002"]);
    let trees = "diskless/images/nfsimages/golden/compute";
    let written =
        |tree: &str| std::fs::read_to_string(root.path().join(trees).join(tree).join("root/booted"));
    for node in ["c001", "c002"] {
        let text = written(&format!("nodes/{node}")).unwrap();
        let (name, mount) = text.split_once('\n').unwrap();
        assert_eq!(name, node, "what {node} wrote is in the tree of another");
        assert!(mount.contains(&format!(":/{trees}/nodes/{node} ")), "{mount}");
        assert!(mount.contains("vers=4.2") && mount.contains("rw,"), "{mount}");
    }
    for other in ["nodes/c003", "image"] {
        assert!(written(other).is_err(), "something was written in {other}");
    }
    Snapshot::assert_nothing_held(&root);
    let _ = run(&["remove", "compute", "base", "--yes"]);
}
