//! Small trees side by side. What only root can make is in the system tier.
#![allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]

use super::*;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, symlink},
    },
};

struct Pair(tempfile::TempDir);

impl Pair {
    /// Two trees that are the same.
    fn new() -> Self {
        let pair = Self(tempfile::tempdir().unwrap());
        for tree in [pair.old(), pair.new_tree()] {
            fs::create_dir_all(tree.join("etc/deep")).unwrap();
            fs::write(tree.join("etc/same"), "same").unwrap();
            symlink("same", tree.join("etc/link")).unwrap();
        }
        pair
    }

    fn at(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn old(&self) -> Utf8PathBuf {
        self.at("old")
    }

    fn new_tree(&self) -> Utf8PathBuf {
        self.at("new")
    }

    fn compared(&self) -> (Vec<FileDifference>, Vec<FileSkipped>) {
        let (mut different, mut skipped) = (Vec::new(), Vec::new());
        compare(&self.old(), &self.new_tree(), &mut |found| {
            match found {
                Found::Seen => {}
                Found::Different(_, difference) => different.push(difference),
                Found::Skipped(what) => skipped.push(what),
            }
            Ok(())
        })
        .unwrap();
        (different, skipped)
    }

    /// A line for each difference; nothing may be skipped.
    fn lines(&self) -> Vec<String> {
        let (different, skipped) = self.compared();
        assert_eq!(skipped, []);
        let line = |one: FileDifference| {
            let aspects: Vec<String> = one.differs.iter().map(|aspect| format!("{aspect:?}")).collect();
            format!("{:?} {} {}", one.change, one.path, aspects.join(", ")).trim_end().to_owned()
        };
        different.into_iter().map(line).collect()
    }
}

#[test]
fn trees_that_are_the_same_do_not_differ() {
    let pair = Pair::new();
    fs::hard_link(pair.old().join("etc/same"), pair.old().join("etc/twin")).unwrap();
    fs::write(pair.new_tree().join("etc/twin"), "same").unwrap();
    let old = File::options().write(true).open(pair.old().join("etc/same")).unwrap();
    old.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(pair.lines(), [""; 0], "hard links and times are no difference");
}

#[test]
fn each_kind_of_difference_is_told() {
    let pair = Pair::new();
    let (old, new) = (pair.old(), pair.new_tree());
    fs::write(new.join("etc/same"), "eman").unwrap();
    fs::write(old.join("etc/longer"), "1").unwrap();
    fs::write(new.join("etc/longer"), "22").unwrap();
    fs::remove_file(new.join("etc/link")).unwrap();
    symlink("elsewhere", new.join("etc/link")).unwrap();
    fs::set_permissions(new.join("etc/deep"), Permissions::from_mode(0o1700)).unwrap();
    fs::set_permissions(old.join("etc/deep"), Permissions::from_mode(0o755)).unwrap();
    fs::write(old.join("was-a-file"), "").unwrap();
    fs::create_dir_all(new.join("was-a-file/in")).unwrap();
    fs::set_permissions(new.join("was-a-file"), Permissions::from_mode(0o644)).unwrap();
    fs::create_dir_all(old.join("gone/below")).unwrap();
    // Names around a directory's: the order of a walk is that of names, not of whole paths.
    for name in ["etc-", "etc.d", "etc0"] {
        fs::write(new.join(name), "").unwrap();
    }
    assert_eq!(
        pair.lines(),
        [
            r#"Changed /etc/deep Mode { old: "0755", new: "1700" }"#,
            r#"Changed /etc/link Target { old: "same", new: "elsewhere" }"#,
            "Changed /etc/longer Content { old_bytes: 1, new_bytes: 2 }",
            "Changed /etc/same Content { old_bytes: 4, new_bytes: 4 }",
            "Added /etc-",
            "Added /etc.d",
            "Added /etc0",
            "Removed /gone",
            "Removed /gone/below",
            "Changed /was-a-file Type { old: File, new: Directory }",
            "Added /was-a-file/in",
        ]
    );
}

#[test]
fn large_and_sparse_files_are_compared_to_their_last_byte() {
    let pair = Pair::new();
    for (tree, last) in [(pair.old(), b"a"), (pair.new_tree(), b"b")] {
        let large = vec![7; 300_000];
        fs::write(tree.join("equal"), &large).unwrap();
        fs::write(tree.join("large"), [&large[..], last].concat()).unwrap();
        // A terabyte of holes takes no time.
        for (name, byte) in [("holes", last), ("same-holes", b"x")] {
            let file = File::create(tree.join(name)).unwrap();
            file.write_all_at(byte, 1 << 40).unwrap();
            file.set_len(2 << 40).unwrap();
        }
    }
    let told: Vec<String> = pair.compared().0.into_iter().map(|one| one.path).collect();
    assert_eq!(told, ["/holes", "/large"]);
}

#[test]
fn hostile_trees_are_walked_and_nothing_outside_is_reached() {
    let pair = Pair::new();
    let outside = pair.at("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "").unwrap();
    symlink(&outside, pair.old().join("way-out")).unwrap();
    fs::create_dir(pair.new_tree().join("way-out")).unwrap();
    let odd = OsStr::from_bytes(b"odd\n\x1b[2J\xff");
    fs::write(pair.new_tree().as_std_path().join(odd), "").unwrap();
    let pipe = |tree: Utf8PathBuf| {
        let kind = rustix::fs::FileType::Fifo;
        let mode = rustix::fs::Mode::RWXU;
        rustix::fs::mknodat(rustix::fs::CWD, tree.join("pipe").as_std_path(), kind, mode, 0).unwrap();
    };
    pipe(pair.old());
    pipe(pair.new_tree());
    let (different, skipped) = pair.compared();
    let paths: Vec<&str> = different.iter().map(|one| one.path.as_str()).collect();
    assert_eq!((paths, skipped), (vec!["/odd\n\u{1b}[2J\\xff", "/way-out"], Vec::new()));
    assert_eq!(different[0].path_hex.as_deref(), Some("2f6f64640a1b5b324aff"));
    assert_eq!(different[1].differs[0], Aspect::Type { old: FileKind::Link, new: FileKind::Directory });
}

#[test]
fn directories_too_deep_are_passed_over_and_said() {
    let pair = Pair::new();
    for tree in [pair.old(), pair.new_tree()] {
        fs::create_dir_all(tree.join("d/".repeat(250))).unwrap();
        fs::write(tree.join("d/".repeat(250)).join("file"), tree.as_str()).unwrap();
    }
    let (different, skipped) = pair.compared();
    assert_eq!((different, skipped.len()), (Vec::new(), 1));
    assert!(skipped[0].reason.contains("more than 200 directories"), "{skipped:?}");
}

#[test]
fn what_hears_of_it_can_end_the_walk() {
    let pair = Pair::new();
    let ended = compare(&pair.old(), &pair.new_tree(), &mut |_| Err(Error::failed("enough")));
    assert_eq!(ended.unwrap_err().message, "enough");
}
