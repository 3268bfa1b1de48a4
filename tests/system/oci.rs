//! Given an OS tree in an OCI image layout: its image has all of it; what is wrong with a layout is told, and nothing is left.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::{Seek, SeekFrom, Write};

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use nix::sys::signal::Signal;

use super::livenet_sources::{add_oddities, must_have_oddities};
use super::small::{KERNEL, Small};

/// The small tree as an image of two layers, made by umoci.
pub(super) fn layout(small: &Small) -> Utf8PathBuf {
    let layout = small.root.beside().join("layout");
    let image = format!("{layout}:v1");
    let umoci = |args: &[&str]| small.root.tool("umoci", args).run().expect_done();
    let _ = umoci(&["init", "--layout", layout.as_str()]);
    let _ = umoci(&["new", "--image", &image]);
    let _ = umoci(&["insert", "--image", &image, small.tree.as_str(), "/"]);
    let _ = umoci(&["insert", "--image", &image, "--whiteout", "/etc/gone"]);
    layout
}

#[test]
fn all_of_an_oci_image_is_in_its_image() {
    disklessset_tests::need!(
        need::root(),
        need::tool("umoci"),
        need::tool("skopeo"),
        need::tool("setcap"),
        need::tool("setfacl"),
        need::tool("setfattr")
    );
    let small = Small::new();
    add_oddities(&small);
    // umoci rounds times to seconds.
    let linked = small.tree.join("srv/first");
    let _ = small.root.tool("touch", &["-d", "@1700000000", linked.as_str()]).run().expect_done();
    let layout = layout(&small);
    let archive = small.root.beside().join("image.tar");
    let copy =
        ["copy", "--quiet", &format!("oci:{layout}:v1"), &format!("oci-archive:{archive}:example.org/os:v1")];
    let _ = small.root.tool("skopeo", &copy).run().expect_done();
    for (name, source) in [("one", format!("oci:{layout}")), ("two", format!("oci:{archive}:v1"))] {
        let created = small.create_from(name, &source, &[]).run().expect_done();
        let created = created.expect_said("to boot, the OCI image lacks an init (/sbin/init)");
        // The kernel's modules are in the tree.
        assert!(!created.stderr.contains("kernel modules"), "{created}");
        assert!(small.record(name).contains(&format!("source: {source}")), "{}", small.record(name));
        let tree = small.unpacked(name);
        must_have_oddities(&small, &tree);
        assert!(!tree.join("etc/gone").exists());
    }
}

#[test]
fn what_is_no_oci_image_is_refused_before_anything_is_made() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let small = Small::new();
    let layout = layout(&small);
    let tree = small.tree.clone();
    for (source, said) in [
        (format!("oci:{layout}:v2"), "has no image \"v2\", it has: v1"),
        (format!("oci:{tree}"), "it has no file oci-layout"),
        (format!("oci:{}", tree.join("missing")), "No such file"),
        (format!("oci:{}", tree.join("bin/sh")), "is no whole tar archive"),
    ] {
        let create = ["livenet", "create", "web", "--kernel", KERNEL, "--source", &source];
        small.refused(&create, 2, said);
    }
}

#[test]
fn a_damaged_layer_leaves_nothing() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let small = Small::new();
    let layout = layout(&small);
    let blobs = std::fs::read_dir(layout.join("blobs/sha256")).unwrap();
    let largest =
        blobs.map(|entry| entry.unwrap()).max_by_key(|entry| entry.metadata().unwrap().len()).unwrap();
    let mut file = std::fs::File::options().write(true).open(largest.path()).unwrap();
    file.seek(SeekFrom::Start(10_000)).unwrap();
    file.write_all(&[0x5a; 64]).unwrap();
    let before = Snapshot::of(&small.root);
    let created = small.create_from("web", &format!("oci:{layout}"), &[]).run().expect_code(1);
    let digest = format!("sha256:{}", largest.file_name().to_str().unwrap());
    let _ = created
        .expect_said(&format!("cannot unpack layer 1 of 2 ({digest}) of the OCI image {layout}"))
        .expect_said(&format!("not {digest}"))
        .expect_said("copy the image again");
    before.assert_same_as_now(&small.root);
}

#[test]
fn unpacking_stops_when_the_user_wants_it_to() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let small = Small::new();
    // Zeros take little room, and time to unpack.
    std::fs::File::create(small.tree.join("srv/zeros")).unwrap().set_len(1 << 30).unwrap();
    let layout = layout(&small);
    let before = Snapshot::of(&small.root);
    let scratch = small.root.path().join("var/tmp/diskless/workdir/web/scratch");
    let create = small.create_from("web", &format!("oci:{layout}"), &[]).start();
    let (create, ()) = create.wait_until(|| scratch.exists().then_some(()));
    create.signal(Signal::SIGINT);
    let _ = create.wait().expect_code(130).expect_said("interrupted");
    before.assert_same_as_now(&small.root);
}
