//! All that can be seen of a tree, to compare two.

use super::super::{digest::Meter, tree};
use camino::Utf8Path;
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt::Write,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt},
    },
    path::{Path, PathBuf},
};

/// Facts of every path, in words, so that a difference is readable.
pub(super) fn at(root: &Utf8Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut first_of = BTreeMap::new();
    visit(root.as_std_path(), Path::new(""), &mut found, &mut first_of);
    found
}

fn visit(
    root: &Path,
    below: &Path,
    found: &mut BTreeMap<PathBuf, String>,
    first_of: &mut BTreeMap<(u64, u64), PathBuf>,
) {
    let path = root.join(below);
    let meta = path.symlink_metadata().unwrap();
    let kind = meta.file_type();
    let mut words = format!(
        "mode {:o} owner {}:{} mtime {}.{:09}",
        meta.mode(),
        meta.uid(),
        meta.gid(),
        meta.mtime(),
        meta.mtime_nsec()
    );
    if kind.is_file() {
        let digest =
            "sha256:0000000000000000000000000000000000000000000000000000000000000000".parse().unwrap();
        let meter = Meter::like(&digest).unwrap();
        let mut file =
            super::super::digest::Metered { inner: std::fs::File::open(&path).unwrap(), meter: &meter };
        std::io::copy(&mut file, &mut std::io::sink()).unwrap();
        let content = meter.check(&digest, "content").unwrap_err();
        write!(words, " size {} {content}", meta.len()).unwrap();
    }
    if kind.is_symlink() {
        write!(words, " -> {:?}", std::fs::read_link(&path).unwrap()).unwrap();
    }
    if kind.is_char_device() || kind.is_block_device() {
        write!(words, " device {:x}", meta.rdev()).unwrap();
    }
    if !kind.is_dir() && meta.nlink() > 1 {
        // Sorted, so that the first name of a group is the same in both trees.
        let first = first_of.entry((meta.dev(), meta.ino())).or_insert_with(|| below.to_owned());
        write!(words, " linked {} with {first:?}", meta.nlink()).unwrap();
    }
    for (name, value) in attributes(&path) {
        write!(words, " {name}={}", value.escape_ascii()).unwrap();
    }
    found.insert(below.to_owned(), words);
    if kind.is_dir() {
        let mut names: Vec<_> =
            std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        for name in names {
            visit(root, &below.join(name), found, first_of);
        }
    }
}

/// The extended attributes of a path, links not followed.
pub(super) fn attributes(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut names = Vec::with_capacity(1 << 16);
    rustix::fs::llistxattr(path, rustix::buffer::spare_capacity(&mut names)).unwrap();
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let mut value = Vec::with_capacity(1 << 16);
            let called = tree::cstring(name).unwrap();
            rustix::fs::lgetxattr(path, &*called, rustix::buffer::spare_capacity(&mut value)).unwrap();
            (String::from_utf8_lossy(name).into_owned(), value)
        })
        .collect()
}

/// Panics with the first differences.
#[track_caller]
pub(super) fn must_be_same(one: &Utf8Path, other: &Utf8Path, without: &[&str]) {
    let left_out =
        |path: &PathBuf| without.iter().any(|name| path.as_os_str() == OsStr::from_bytes(name.as_bytes()));
    let (mut one, mut other) = (at(one), at(other));
    one.retain(|path, _| !left_out(path));
    other.retain(|path, _| !left_out(path));
    let paths: std::collections::BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let different = paths.into_iter().filter(|path| one.get(*path) != other.get(*path));
    let told: Vec<String> = different
        .take(8)
        .map(|path| format!("{path:?}\n  {:?}\n  {:?}", one.get(path), other.get(path)))
        .collect();
    assert!(told.is_empty(), "the trees differ:\n{}", told.join("\n"));
    assert!(one.len() > 3, "nothing to compare");
}
