//! Given an OS tree in a tar archive, in every compression, whole or not.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::{Seek, SeekFrom, Write};

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::livenet_faults::without;
use super::livenet_sources::{add_oddities, must_have_oddities};
use super::small::Small;

/// How each is called, and the option that makes it.
const COMPRESSIONS: [(&str, Option<&str>); 5] = [
    ("plain", None),
    ("gz", Some("--gzip")),
    ("xz", Some("--xz")),
    ("zst", Some("--zstd")),
    ("bz2", Some("--bzip2")),
];

/// The tree in an archive whose name does not tell its compression.
fn archive(small: &Small, name: &str, compression: Option<&str>) -> Utf8PathBuf {
    let archive = small.root.beside().join(format!("archive {name}"));
    let pack = ["--xattrs", "--xattrs-include=*", "--acls", "--sparse", "--force-local", "-cf"];
    let pack = [&pack[..], &[archive.as_str(), "-C", small.tree.as_str(), "."]].concat();
    let pack = [compression.as_slice(), &pack].concat();
    let _ = small.root.tool("tar", &pack).env("XZ_OPT", "-0").run().expect_done();
    archive
}

#[test]
fn all_of_an_archive_is_in_its_image_whatever_compressed_it() {
    disklessset_tests::need!(
        need::root(),
        need::tool("setcap"),
        need::tool("setfacl"),
        need::tool("setfattr"),
        need::tool("xz"),
        need::tool("zstd"),
        need::tool("bzip2")
    );
    let small = Small::new();
    add_oddities(&small);
    for (name, compression) in COMPRESSIONS {
        let archive = archive(&small, name, compression);
        let created = small.create_from(name, &format!("tar:{archive}"), &[]).run().expect_done();
        assert!(
            created.stderr.contains("access control list") || created.stderr.contains("ACL"),
            "{created}"
        );
        must_have_oddities(&small, &small.unpacked(name));
    }
}

#[test]
fn an_archive_that_is_cut_off_or_spoilt_leaves_nothing() {
    disklessset_tests::need!(need::root(), need::tool("xz"), need::tool("zstd"), need::tool("bzip2"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    for (name, compression) in COMPRESSIONS {
        let archive = archive(&small, name, compression);
        let half = archive.metadata().unwrap().len() / 2;
        // Without compression nothing tells that data was changed.
        if compression.is_some() {
            let mut file = std::fs::File::options().write(true).open(&archive).unwrap();
            file.seek(SeekFrom::Start(half)).unwrap();
            file.write_all(&[0x5a; 64]).unwrap();
            let spoilt = small.create_from("web", &format!("tar:{archive}"), &[]).run();
            let _ = spoilt.expect_code(1).expect_said(&format!("cannot extract the archive {archive}"));
            before.assert_same_as_now(&small.root);
        }
        std::fs::File::options().write(true).open(&archive).unwrap().set_len(half).unwrap();
        let cut = small.create_from("web", &format!("tar:{archive}"), &[]).run();
        let _ = cut.expect_code(1).expect_said(&format!("cannot extract the archive {archive}"));
        before.assert_same_as_now(&small.root);
    }
}

#[test]
fn a_missing_decompressor_is_named_with_its_package() {
    disklessset_tests::need!(need::root(), need::tool("xz"), need::tool("zstd"), need::tool("bzip2"));
    let small = Small::new();
    let before = Snapshot::of(&small.root);
    for (name, compression, tool, package) in [
        ("xz", "--xz", "xz", "xz-utils"),
        ("zst", "--zstd", "zstd", "zstd"),
        ("bz2", "--bzip2", "bzip2", "bzip2"),
    ] {
        let archive = archive(&small, name, Some(compression));
        let create = small.create_from("web", &format!("tar:{archive}"), &[]);
        let created = without(&small, tool, create).run().expect_code(1);
        let _ = created
            .expect_said(&format!("cannot decompress the archive {archive}"))
            .expect_said(&format!("cannot run {tool}: it is not installed (Debian package {package})"));
        before.assert_same_as_now(&small.root);
    }
}
