//! Databases as the package managers write them.
#![allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]

use super::*;
use camino::{Utf8Path, Utf8PathBuf};
use std::{fs, os::unix::fs::symlink};

const VIM: &str = "Package: vim\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:9.0\n\
                   Description: editor\n Package: no\n";

struct Pair(tempfile::TempDir);

impl Pair {
    fn new() -> Self {
        let pair = Self(tempfile::tempdir().unwrap());
        for name in ["old", "new", "scratch"] {
            fs::create_dir(pair.at(name)).unwrap();
        }
        pair
    }

    fn at(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }

    fn put(&self, file: &str, text: impl AsRef<[u8]>) {
        let path = self.at(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn compared(&self) -> (PackageComparison, Owners) {
        let (old, new, scratch) = (self.at("old"), self.at("new"), self.at("scratch"));
        compare(&Trees { old: &old, new: &new, scratch: &scratch }).unwrap()
    }
}

/// A line for each package that differs.
fn lines(found: &PackageComparison) -> Vec<String> {
    let added = found.added.iter().map(|one| format!("+ {} {} {}", one.name, one.version, one.architecture));
    let removed = found.removed.iter().map(|one| format!("- {} {}", one.name, one.version));
    let changed = found.changed.iter().map(|one| format!("~ {} {} {}", one.name, one.old, one.new));
    added.chain(removed).chain(changed).collect()
}

#[test]
fn dpkg_packages_are_told_by_name_architecture_and_version() {
    let pair = Pair::new();
    let gone = "Package: gone\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n";
    let left = "Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n";
    let other = VIM.replace("amd64", "i386");
    pair.put("old/var/lib/dpkg/status", format!("{VIM}\n{gone}"));
    let newer = VIM.replace("2:9.0", "2:9.1");
    pair.put("new/var/lib/dpkg/status", format!("{newer}\n{left}\n{other}"));
    pair.put("new/var/lib/dpkg/info/vim:amd64.list", "/.\n/bin\n/bin/vim\n/usr/share/vim/a b\n");
    symlink("usr/bin", pair.at("new/bin")).unwrap();
    let (found, owners) = pair.compared();
    assert_eq!(lines(&found), ["+ vim 2:9.0 i386", "- gone 1", "~ vim 2:9.0 2:9.1"]);
    assert_eq!(found.not_compared, []);
    let of = |path: &[u8]| owners.of(Which::New, path);
    assert_eq!(of(b"/usr/bin/vim").as_deref(), Some("vim"), "the path that the tree has");
    assert_eq!(of(b"/usr/share/vim/a b").as_deref(), Some("vim"));
    assert_eq!((of(b"/usr/bin/vi"), owners.of(Which::Old, b"/usr/bin/vim")), (None, None));
}

#[test]
fn dpkg_packages_of_images_without_a_shell_are_read() {
    let pair = Pair::new();
    pair.put("old/var/lib/dpkg/status.d/base", "Package: base\nVersion: 1\nArchitecture: all\n");
    pair.put("old/var/lib/dpkg/status.d/base.md5sums", "Package: no\nVersion: 1\n");
    pair.put("new/var/lib/dpkg/status.d/base", "Package: base\nVersion: 2\nArchitecture: all\n");
    assert_eq!(lines(&pair.compared().0), ["~ base 1 2"]);
}

#[test]
fn apk_packages_and_their_files_are_read() {
    let pair = Pair::new();
    let busybox =
        "C:Q1=\nP:busybox\nV:1.36-r1\nA:x86_64\nF:bin\nR:busybox\na:0:0:755\nF:etc\nR:securetty\n\n";
    let musl = "P:musl\nV:1.2-r0\nA:x86_64\n\n";
    pair.put("old/lib/apk/db/installed", format!("{busybox}{musl}"));
    pair.put("new/usr/lib/apk/db/installed", busybox.replace("-r1", "-r2"));
    let (found, owners) = pair.compared();
    assert_eq!(lines(&found), ["- musl 1.2-r0", "~ busybox 1.36-r1 1.36-r2"]);
    assert_eq!(owners.of(Which::New, b"/etc/securetty").as_deref(), Some("busybox"));
    assert_eq!(owners.of(Which::Old, b"/bin/busybox").as_deref(), Some("busybox"));
}

#[test]
fn packages_that_cannot_be_read_are_not_removed() {
    for (wrong, reason) in
        [("nothing", "there is no package database"), ("empty", "is empty"), ("directory", "")]
    {
        let pair = Pair::new();
        pair.put("old/var/lib/dpkg/status", VIM);
        match wrong {
            "empty" => pair.put("new/var/lib/dpkg/status", ""),
            "directory" => fs::create_dir_all(pair.at("new/var/lib/dpkg/status")).unwrap(),
            _ => {}
        }
        let (found, _) = pair.compared();
        assert!(!found.differs(), "{wrong}: {found:?}");
        assert_eq!(found.not_compared.len(), 1, "{wrong}: {found:?}");
        assert_eq!((found.not_compared[0].tree, found.not_compared[0].manager), (Which::New, Manager::Dpkg));
        assert!(found.not_compared[0].reason.contains(reason), "{wrong}: {found:?}");
    }
    assert_eq!(Pair::new().compared().0, PackageComparison::default(), "none has any");
}

#[test]
fn a_database_that_leads_out_of_the_tree_is_not_the_servers() {
    let pair = Pair::new();
    pair.put("old/var/lib/dpkg/status", VIM);
    pair.put("elsewhere/status", VIM);
    fs::create_dir_all(pair.at("new/var/lib/dpkg")).unwrap();
    symlink(pair.at("elsewhere/status"), pair.at("new/var/lib/dpkg/status")).unwrap();
    assert_eq!(pair.compared().0.not_compared.len(), 1);
}

#[test]
fn several_versions_of_one_package_are_paired() {
    let packages = |versions: &[&str]| {
        let key = compared::Key { name: "kernel".into(), architecture: "x86_64".into() };
        compared::Packages::from([(key, versions.iter().map(|text| (*text).to_owned()).collect())])
    };
    let mut found = PackageComparison::default();
    found.take(Pairs::between(Manager::Rpm, &packages(&["5.1", "5.2"]), &packages(&["5.2", "5.3", "5.4"])));
    assert_eq!(lines(&found), ["+ kernel 5.4 x86_64", "~ kernel 5.1 5.3"]);
}
