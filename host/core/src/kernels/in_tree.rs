//! Finds the kernel and the modules that an OS tree brings. No link leads out of the tree.

use super::vmlinuz;
use crate::{
    failure,
    system::{FileError, files},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, KernelVersion, Result};

/// Where modules lie: a tree whose `/usr` is not merged can have both.
const MODULES: [&str; 2] = ["usr/lib/modules", "lib/modules"];
/// What distributions call the file of a kernel.
pub(super) const NAMES: [&str; 7] = ["vmlinuz", "vmlinux", "Image", "bzImage", "zImage", "linux", "kernel"];

/// The one kernel of a tree: its version, its file, the directory of its modules.
#[derive(Debug)]
pub(super) struct TreesOwn {
    pub(super) version: KernelVersion,
    pub(super) vmlinuz: Utf8PathBuf,
    pub(super) modules: Utf8PathBuf,
}

/// Finds the one kernel of a tree that has its modules there.
///
/// # Errors
/// When there is none, or several.
pub(super) fn find(tree: &Utf8Path) -> Result<TreesOwn> {
    let versions = versions(tree)?;
    let only = versions.len() == 1;
    let mut found = Vec::new();
    for (version, modules) in versions {
        if let Some(vmlinuz) = file_of(tree, &version, only)? {
            found.push(TreesOwn { version, vmlinuz, modules });
        }
    }
    match found.len() {
        0 => Err(Error::failed(format!("there is no kernel with its modules in {tree}"))
            .hint("install one in it (linux-image-amd64, kernel), or name one of `disklessset kernel list`")),
        1 => Ok(found.remove(0)),
        _ => {
            let mut versions: Vec<String> = found.iter().map(|own| own.version.to_string()).collect();
            versions.sort();
            Err(Error::refused(format!("there are several kernels in {tree}: {}", versions.join(", ")))
                .hint("leave one of them in it, or name one of `disklessset kernel list`"))
        }
    }
}

fn resolved(tree: &Utf8Path, place: &str) -> Option<Utf8PathBuf> {
    files::resolve_in_tree(tree, place.into()).ok()
}

fn file(tree: &Utf8Path, place: &str) -> Option<Utf8PathBuf> {
    resolved(tree, place).filter(|path| path.is_file())
}

/// The versions that have a directory of modules, each once.
fn versions(tree: &Utf8Path) -> Result<Vec<(KernelVersion, Utf8PathBuf)>> {
    let mut found: Vec<(KernelVersion, Utf8PathBuf)> = Vec::new();
    let places: Vec<&str> =
        MODULES.into_iter().filter(|place| resolved(tree, place).is_some_and(|dir| dir.is_dir())).collect();
    if places.is_empty() {
        return Err(Error::failed(format!("there are no kernel modules in {tree}"))
            .hint("install a kernel package in it, or take another kernel: `disklessset kernel list`"));
    }
    for place in places {
        let Some(directory) = resolved(tree, place) else { continue };
        let entries = directory
            .read_dir_utf8()
            .map_err(|cause| failure::of(FileError::of("read directory", &directory)(cause)))?;
        for entry in entries.flatten() {
            let Ok(version) = KernelVersion::parse(entry.file_name()) else { continue };
            let known = found.iter().any(|(known, _)| *known == version);
            // It may be a link to where they are.
            let modules = resolved(tree, &format!("{place}/{version}")).filter(|path| path.is_dir());
            if let (false, Some(modules)) = (known, modules) {
                found.push((version, modules));
            }
        }
    }
    Ok(found)
}

/// The file of a kernel. Debian keeps it in `/boot`, Enterprise Linux beside the modules as well; others give it names without the version,
/// and then the file itself tells, or there is `only` one version it can be.
fn file_of(tree: &Utf8Path, version: &KernelVersion, only: bool) -> Result<Option<Utf8PathBuf>> {
    let with_version = NAMES.into_iter().map(|name| format!("boot/{name}-{version}"));
    let beside = MODULES.into_iter().flat_map(|place| NAMES.map(|name| format!("{place}/{version}/{name}")));
    if let Some(found) = with_version.chain(beside).find_map(|place| file(tree, &place)) {
        return Ok(Some(found));
    }
    let plain: Vec<Utf8PathBuf> = NAMES
        .into_iter()
        .flat_map(|name| [format!("boot/{name}"), name.to_owned()])
        .filter_map(|place| file(tree, &place))
        .collect();
    let mut unknown = Vec::new();
    for path in plain.into_iter().chain(in_boot(tree)) {
        match vmlinuz::version_of_file(&path).map_err(failure::of)? {
            Some(inside) if inside == *version => return Ok(Some(path)),
            Some(_) => {}
            None => unknown.push(path),
        }
    }
    let named = |path: &&Utf8PathBuf| path.file_name().is_some_and(|name| NAMES.contains(&name));
    Ok(unknown.iter().find(named).filter(|_| only).cloned())
}

/// The files in `/boot`, by name.
fn in_boot(tree: &Utf8Path) -> Vec<Utf8PathBuf> {
    let entries = resolved(tree, "boot").and_then(|boot| boot.read_dir_utf8().ok());
    let mut names: Vec<String> =
        entries.into_iter().flatten().flatten().map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    names.iter().filter_map(|name| file(tree, &format!("boot/{name}"))).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::symlink};

    fn kernel(version: &str) -> Vec<u8> {
        let mut image = vec![0; 0x4000];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20E..0x210].copy_from_slice(&0x3000u16.to_le_bytes());
        image[0x3200..0x3200 + version.len()].copy_from_slice(version.as_bytes());
        image
    }

    /// A tree with the modules of one version in a place.
    fn tree(modules: &str) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(dir.path()).unwrap().canonicalize_utf8().unwrap();
        fs::create_dir(tree.join("boot")).unwrap();
        fs::create_dir_all(tree.join(modules).join("6.1.0-x")).unwrap();
        (dir, tree)
    }

    #[test]
    fn a_kernel_is_found_under_every_name_and_behind_links() {
        for (link, target) in [
            ("boot/vmlinuz-6.1.0-x", "bzImage-of-somebody"),
            ("boot/vmlinuz-6.1.0-x", "/boot/bzImage-of-somebody"),
            ("vmlinuz", "boot/bzImage-of-somebody"),
            ("boot/Image", "bzImage-of-somebody"),
            ("usr/lib/modules/6.1.0-x/linux", "/boot/bzImage-of-somebody"),
        ] {
            let (_dir, tree) = tree("usr/lib/modules");
            fs::write(tree.join("boot/bzImage-of-somebody"), kernel("6.1.0-x")).unwrap();
            symlink(target, tree.join(link)).unwrap();
            let found = find(&tree).unwrap();
            assert_eq!(found.version.as_str(), "6.1.0-x");
            assert_eq!(found.vmlinuz, tree.join("boot/bzImage-of-somebody"), "{link} -> {target}");
        }
    }

    #[test]
    fn a_kernel_that_says_another_version_or_lies_outside_is_none() {
        let (_dir, tree) = tree("lib/modules");
        fs::write(tree.join("boot/bzImage"), kernel("5.0")).unwrap();
        symlink("/etc/passwd", tree.join("boot/vmlinuz-6.1.0-x")).unwrap();
        assert!(find(&tree).unwrap_err().message.contains("no kernel with its modules"));
        fs::write(tree.join("boot/linux"), "of another architecture").unwrap();
        assert_eq!(find(&tree).unwrap().vmlinuz, tree.join("boot/linux"));
    }

    #[test]
    fn modules_are_found_where_usr_is_not_merged() {
        let (_dir, tree) = tree("lib/modules");
        fs::create_dir_all(tree.join("usr/lib/modules")).unwrap();
        fs::write(tree.join("boot/vmlinuz-6.1.0-x"), kernel("6.1.0-x")).unwrap();
        assert_eq!(find(&tree).unwrap().modules, tree.join("lib/modules/6.1.0-x"));
    }
}
