//! Layers that somebody made to hurt: refused or harmless, and nothing outside the tree is touched.

use super::{
    make::{base, directory, extended, file, gzip, hard_link, layout, member, plain, symlink},
    unpack,
};
use disklessset_plugin_api::testing::TestHost;
use disklessset_tests::{canary::Canary, mounted::Mounted, need};
use tar::EntryType;

/// What a layer must come to: a reason, or nothing but harmless.
fn try_all(test: &TestHost, cases: Vec<(&str, Vec<u8>, Option<&str>)>) {
    let canary = Canary::plant(&test.root().join("canary"));
    for (what, members, reason) in cases {
        let source = layout(test, &[plain(base()), plain(members)]);
        let outcome = unpack(test, &source);
        canary.assert_untouched();
        match (outcome, reason) {
            (Ok(tree), None) => assert!(tree.join("etc/passwd").exists(), "{what}"),
            (Err(error), Some(reason)) => {
                let line = error.to_string();
                assert!(line.contains(reason), "{what}: {line}");
                assert!(line.contains("layer 2 of 2 (sha256:") && !line.contains('\n'), "{what}: {line}");
            }
            (Ok(_), Some(_)) => panic!("{what}: taken"),
            (Err(error), None) => panic!("{what}: {error}"),
        }
    }
}

#[test]
fn no_name_leads_out_of_the_tree() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let out = test.root().join("canary");
    let (out, up) = (out.as_str(), "../../../../../../../../..".to_owned() + out.as_str());
    let cases = vec![
        ("a name that climbs", file("../canary/precious", "evil"), Some("leads upwards")),
        (
            "a name that climbs in the middle",
            file("etc/../../canary/precious", "evil"),
            Some("leads upwards"),
        ),
        ("an absolute name", file(&format!("{out}/new"), "evil"), None),
        (
            "a file below a link",
            [symlink("out", out), file("out/precious", "evil")].concat(),
            Some("\"out/precious\""),
        ),
        (
            "a file below a climbing link",
            [symlink("out", &up), file("out/precious", "evil")].concat(),
            Some("\"out/precious\""),
        ),
        (
            "a directory in the place of a link",
            [symlink("out", out), directory("out"), file("out/precious", "x")].concat(),
            None,
        ),
        (
            "a file in the place of a link",
            [symlink("out", &format!("{out}/precious")), file("out", "evil")].concat(),
            None,
        ),
        ("removal below a link", [symlink("out", out), file("out/.wh.precious", "")].concat(), None),
        ("a hard link that climbs", hard_link("h", "../canary/precious"), Some("leads upwards")),
        (
            "a hard link to an absolute name",
            hard_link("h", &format!("{out}/precious")),
            Some("not in the image"),
        ),
        (
            "a hard link through a link",
            [symlink("out", out), hard_link("h", "out/precious")].concat(),
            Some("not in the image"),
        ),
        (
            "a hard link to a link, then written",
            [symlink("l", &format!("{out}/precious")), hard_link("h", "l"), file("h", "x")].concat(),
            None,
        ),
        (
            "links in a circle",
            [symlink("a", "b"), symlink("b", "a"), file("a/x", "")].concat(),
            Some("symbolic links"),
        ),
        ("magic links", [symlink("m", "/proc/self/root"), file("m/etc/x", "")].concat(), Some("\"m/etc/x\"")),
        ("another root", member(EntryType::Symlink, b"./", out.as_bytes(), b""), Some("replace the root")),
        ("a file as root", file(".", "x"), Some("replace the root")),
        ("removal of the directory above", file("etc/.wh...", ""), Some("removes nothing")),
        ("removal of the directory itself", file("etc/.wh..", ""), Some("removes nothing")),
        ("removal of no name", file("etc/.wh.", ""), Some("removes nothing")),
        ("something below a removal", file("etc/.wh.a/b", ""), Some("below a name that is removed")),
        ("a name with NUL", [extended(&[("path", b"a\0b")]), file("x", "")].concat(), Some("NUL")),
        ("a link with NUL", [extended(&[("linkpath", b"a\0b")]), symlink("x", "y")].concat(), Some("NUL")),
        ("a name with control characters", file("a\n\x1b[2Jb", ""), None),
        (
            "a name that is too long",
            [extended(&[("path", &[b'x'; 300])]), file("x", "")].concat(),
            Some("too long"),
        ),
        ("a directory as hard link", hard_link("h", "etc"), Some("which is a directory")),
    ];
    try_all(&test, cases);
    assert_eq!(
        std::fs::read_dir(test.root())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name() == "new")
            .count(),
        0
    );
}

#[test]
fn links_of_lower_layers_lead_no_further() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let canary = Canary::plant(&test.root().join("canary"));
    let lower = [
        base(),
        symlink("out", canary.path().as_str()),
        symlink("up", "../../../../../canary"),
        symlink("up2", "../canary"),
    ];
    for evil in [
        file("out/.wh.precious", ""),
        file("out/.wh..wh..opq", ""),
        file("up/.wh..wh..opq", ""),
        file("up2/.wh.precious", ""),
    ] {
        let tree = unpack(&test, &layout(&test, &[plain(lower.concat()), plain(evil)])).unwrap();
        canary.assert_untouched();
        assert!(tree.join("out").is_symlink());
    }
    for evil in [file("out/precious", "evil"), directory("up/deep/er/x"), hard_link("out/h", "etc/passwd")] {
        let _ = unpack(&test, &layout(&test, &[plain(lower.concat()), plain(evil)]));
        canary.assert_untouched();
    }
}

#[test]
fn nothing_of_a_layer_is_there_when_a_name_in_it_is_bad() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let members = [file("early", "x"), file("etc/.wh.passwd", ""), file("../late", "x")].concat();
    let error = unpack(&test, &layout(&test, &[plain(base()), plain(members)])).unwrap_err();
    assert!(error.to_string().contains("leads upwards"), "{error}");
    let tree = test.root().join("unpacked");
    assert!(tree.join("etc/passwd").exists() && !tree.join("early").exists());
}

#[test]
fn sizes_and_counts_that_lie_are_refused() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let claims = |size: u64, kind: EntryType| {
        let mut header = tar::Header::from_byte_slice(&member(kind, b"x", b"", b"")[..512]).clone();
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    let deep = "d/".repeat(600);
    let nested = [extended(&[("path", deep.as_bytes())]), directory("x")].concat();
    let cases = vec![
        ("an extended header of a terabyte", claims(1 << 40, EntryType::XHeader), Some("larger than 1 MiB")),
        (
            "a long name of 2 MiB",
            member(EntryType::GNULongName, b"x", b"", &[b'x'; 2 << 20]),
            Some("larger than 1 MiB"),
        ),
        ("a file of an exabyte", claims(1 << 60, EntryType::Regular), Some("ends too early")),
        (
            "a size beyond all",
            [extended(&[("size", b"18446744073709551615")]), file("x", "")].concat(),
            Some("a size"),
        ),
        ("an owner beyond all", [extended(&[("uid", b"4294967296")]), file("x", "")].concat(), Some("uid")),
        (
            "a header that was changed",
            {
                let mut bytes = file("x", "");
                bytes[0] = b'y';
                bytes
            },
            Some("a header"),
        ),
        ("a broken record", member(EntryType::XHeader, b"p", b"", b"99 path=x\n"), Some("extended header")),
        ("a kind that is not known", member(EntryType::new(b'V'), b"x", b"", b""), Some("of the type V")),
        ("directories in directories", nested.clone(), None),
        (
            "an attribute of nowhere",
            [extended(&[("SCHILY.xattr.nowhere.x", b"1")]), file("x", "")].concat(),
            None,
        ),
        (
            "an attribute that is too large",
            [extended(&[("SCHILY.xattr.user.x", &[7; 70_000])]), file("x", "")].concat(),
            Some("user.x"),
        ),
    ];
    try_all(&test, cases);
    assert!(test.warnings().iter().any(|line| line.contains("nowhere.x")), "{:?}", test.warnings());
    let error = unpack(&test, &layout(&test, &[plain([base(), nested].concat()), plain(file(".wh.d", ""))]))
        .unwrap_err();
    assert!(error.to_string().contains("too deep"), "{error}");
}

#[test]
fn a_layer_that_would_fill_the_disk_is_refused_before_it_does() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let small = test.root().join("small");
    std::fs::create_dir(&small).unwrap();
    let mounted = Mounted::memory(&small, 4 << 20);
    std::fs::create_dir(small.join("tree")).unwrap();
    let bomb = member(EntryType::Regular, b"zeros", b"", &vec![0; 64 << 20]);
    let layers = [plain(base()), gzip(bomb)];
    assert!(layers[1].packed.len() < 1 << 20);
    let source = layout(&test, &layers);
    let path = source.strip_prefix("oci:").unwrap();
    let tree = small.join("tree");
    let error = super::super::unpack(path.into(), None, &tree, &small, &test.host("Test")).unwrap_err();
    assert!(error.to_string().contains("it unpacks to more than the 3 MiB that are free"), "{error}");
    assert!(tree.join("etc/passwd").exists() && !tree.join("zeros").exists());
    drop(mounted);
}
