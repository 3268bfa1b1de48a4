//! What layers do to each other.

use super::{
    look,
    make::{self, base, directory, extended, file, hard_link, layout, member, plain, symlink},
    run, unpacked,
};
use camino::Utf8Path;
use disklessset_plugin_api::testing::TestHost;
use disklessset_tests::need;
use std::os::unix::fs::MetadataExt;
use tar::EntryType;

fn read(tree: &Utf8Path, file: &str) -> String {
    std::fs::read_to_string(tree.join(file)).unwrap_or_else(|cause| panic!("{file}: {cause}"))
}

#[test]
fn removals_are_of_lower_layers_wherever_they_stand() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let lower = [
        base(),
        directory("d"),
        file("d/old", "old"),
        file("d/both", "old"),
        file("gone", "old"),
        file("again", "old"),
    ];
    let upper = [
        file("d/both", "new"),
        file("d/new", "new"),
        file("d/.wh..wh..opq", ""),
        file("again", "new"),
        file(".wh.again", ""),
        file(".wh.gone", ""),
        file(".wh.never was", ""),
        file("not/there/.wh.either", ""),
        file(".wh..wh.plnk", ""),
    ];
    let tree = unpacked(&test, &layout(&test, &[plain(lower.concat()), plain(upper.concat())]));
    assert_eq!(
        (read(&tree, "d/both").as_str(), read(&tree, "d/new").as_str(), read(&tree, "again").as_str()),
        ("new", "new", "new")
    );
    for gone in ["d/old", "gone", "not", ".wh.gone", "d/.wh..wh..opq", ".wh..wh.plnk"] {
        assert!(!tree.join(gone).exists(), "{gone}");
    }
}

#[test]
fn a_file_that_a_layer_links_to_and_removes_lives_on_under_its_new_name() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let lower = [
        base(),
        directory("var"),
        file("var/a", "data"),
        directory("d"),
        file("d/x", "deep"),
        directory("o"),
        file("o/y", "opaque"),
    ];
    let upper = [
        hard_link("var/b", "var/a"),
        file("var/.wh.a", ""),
        hard_link("kept", "d/x"),
        file(".wh.d", ""),
        file("o/.wh..wh..opq", ""),
        hard_link("o/z", "o/y"),
    ];
    let tree = unpacked(&test, &layout(&test, &[plain(lower.concat()), plain(upper.concat())]));
    assert_eq!(
        (read(&tree, "var/b"), read(&tree, "kept"), read(&tree, "o/z")),
        ("data".into(), "deep".into(), "opaque".into())
    );
    assert!(!tree.join("var/a").exists() && !tree.join("d").exists() && !tree.join("o/y").exists());
    assert_eq!(tree.join("var/b").metadata().unwrap().nlink(), 1);
    let names = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    assert!(!tree.read_dir().unwrap().map(names).any(|name| name.starts_with(".kept")));
}

#[test]
fn a_directory_in_the_place_of_a_link_does_not_empty_where_the_link_led() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let lower = [
        base(),
        file("usr/lib/one", "1"),
        file("usr/lib/two", "2"),
        symlink("lib", "usr/lib"),
        symlink("lib64", "usr/lib"),
    ];
    let upper = [
        directory("lib"),
        file("lib/.wh..wh..opq", ""),
        file("lib/.wh.one", ""),
        file("lib/own", "x"),
        file("lib64/.wh.two", ""),
    ];
    for members in [upper.concat(), upper.iter().rev().flatten().copied().collect()] {
        let tree = unpacked(&test, &layout(&test, &[plain(lower.concat()), plain(members)]));
        assert_eq!(read(&tree, "usr/lib/one"), "1");
        assert!(!tree.join("usr/lib/two").exists(), "a link that stays is followed");
    }
}

#[test]
fn kinds_replace_each_other_and_a_directory_stays_with_what_is_in_it() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let lower = [
        base(),
        file("f to d", "x"),
        file("d to f/deep/x", "x"),
        file("d to l/x", "x"),
        symlink("l to d", "etc"),
        extended(&[("SCHILY.xattr.user.old", b"1"), ("mtime", b"5.5")]),
        directory("stays"),
        file("stays/x", "x"),
        member(EntryType::Fifo, b"fifo to f", b"", b""),
    ];
    let mut changed = directory("stays");
    changed[100..108].copy_from_slice(b"0001750\0");
    changed[148..156].copy_from_slice(b"        ");
    let sum: u32 = changed[..512].iter().map(|byte| u32::from(*byte)).sum();
    changed[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let upper = [
        directory("f to d"),
        file("d to f", "new"),
        symlink("d to l", "etc"),
        directory("l to d"),
        extended(&[("SCHILY.xattr.user.new", b"2\n2"), ("uid", b"4000000000"), ("mtime", b"7.25")]),
        changed,
        file("fifo to f", "new"),
    ];
    let tree = unpacked(&test, &layout(&test, &[plain(lower.concat()), plain(upper.concat())]));
    assert!(tree.join("f to d").is_dir() && tree.join("d to l").is_symlink());
    let replaced = tree.join("l to d").symlink_metadata().unwrap();
    assert!(replaced.is_dir() && tree.join("etc/passwd").exists());
    assert_eq!((read(&tree, "d to f").as_str(), read(&tree, "fifo to f").as_str()), ("new", "new"));
    let stays = tree.join("stays").metadata().unwrap();
    assert_eq!(
        (stays.mode() & 0o7777, stays.uid(), stays.mtime(), stays.mtime_nsec()),
        (0o1750, 4_000_000_000, 7, 250_000_000)
    );
    let attributes = look::attributes(tree.join("stays").as_std_path());
    assert_eq!(attributes.into_iter().collect::<Vec<_>>(), [("user.new".to_owned(), b"2\n2".to_vec())]);
    assert_eq!(read(&tree, "stays/x"), "x");
}

#[test]
fn hard_links_join_files_of_this_layer_and_of_lower_ones() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let lower = [base(), file("usr/lib/one", "1"), symlink("lib", "usr/lib"), symlink("to one", "lib/one")];
    let upper = [
        hard_link("two", "lib/one"),
        hard_link("./three", "/two"),
        hard_link("also to one", "to one"),
        file("own", "x"),
        hard_link("etc/passwd", "own"),
        hard_link("own", "own"),
    ];
    let tree = unpacked(&test, &layout(&test, &[plain(lower.concat()), plain(upper.concat())]));
    let inode = |name: &str| tree.join(name).symlink_metadata().unwrap().ino();
    assert!(inode("two") == inode("usr/lib/one") && inode("three") == inode("two"));
    assert!(inode("also to one") == inode("to one") && tree.join("also to one").is_symlink());
    assert_eq!(inode("etc/passwd"), inode("own"));
}

#[test]
fn directories_that_a_layer_does_not_name_keep_their_times() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let upper = [file("etc/new", "x"), file("etc/.wh.passwd-", ""), file("etc/not/named", "x")];
    let tree = unpacked(
        &test,
        &layout(&test, &[plain([base(), file("etc/passwd-", "x")].concat()), plain(upper.concat())]),
    );
    assert_eq!(tree.join("etc").metadata().unwrap().mtime(), 1_600_000_000);
    assert_eq!(tree.metadata().unwrap().mtime(), 1_600_000_000);
    assert_eq!(tree.join("etc/not").metadata().unwrap().mode() & 0o7777, 0o755);
}

#[test]
fn all_forms_of_sparse_files_are_whole() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let stage = test.root().join("stage");
    super::put(&stage.join("etc/passwd"), b"root\n");
    let holes = std::fs::File::create(stage.join("holes")).unwrap();
    // More pieces than a header holds.
    for piece in 0..60u64 {
        std::os::unix::fs::FileExt::write_all_at(&holes, &[piece as u8 + 1; 5000], piece << 16).unwrap();
    }
    holes.set_len(8 << 20).unwrap();
    for format in [
        &["--format=gnu"][..],
        &["--format=pax", "--sparse-version=0.1"],
        &["--format=pax", "--sparse-version=1.0"],
    ] {
        let archive = test.root().join("layer.tar");
        run(
            &test,
            "tar",
            &[format, &["--sparse", "-C", stage.as_str(), "-cf", archive.as_str(), "."][..]].concat(),
        );
        let bytes = std::fs::read(&archive).unwrap();
        assert!(bytes.len() < 1 << 20, "{format:?} stored the holes");
        let blob = make::Blob { kind: make::PLAIN.to_owned(), content: bytes.clone(), packed: bytes };
        let tree = unpacked(&test, &layout(&test, &[blob]));
        assert!(
            std::fs::read(tree.join("holes")).unwrap() == std::fs::read(stage.join("holes")).unwrap(),
            "{format:?}"
        );
        assert!(tree.join("holes").metadata().unwrap().blocks() < 2000, "{format:?}: the holes are filled");
    }
}

#[test]
fn what_a_node_would_miss_is_said() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let source = layout(&test, &[plain(base())]);
    let _ = unpacked(&test, &source);
    assert_eq!(
        test.warnings(),
        ["to boot, the OCI image lacks an init (/sbin/init) and kernel modules (/lib/modules)"]
    );
    let test = TestHost::new();
    let whole = [
        base(),
        symlink("sbin/init", "../lib/systemd/systemd"),
        file("lib/systemd/systemd", ""),
        directory("lib/modules/6.1"),
    ];
    let _ = unpacked(&test, &layout(&test, &[plain(whole.concat())]));
    assert_eq!(test.warnings(), [""; 0]);
}
