//! Mounts that a whole OS tree needs, visible to everybody: for images that are mounted for editing.

use super::{
    FileError,
    command::{Access, made_up},
    failpoint::failpoint,
    mounts::{self, MountError, MountFlags, mount_file_system},
};
use camino::Utf8Path;
use std::{fs::File, os::unix::fs::FileExt};

/// What is mounted of the system in a tree, in the order in which it goes.
pub(crate) const SYSTEM: [&str; 3] = ["dev", "sys", "proc"];

/// What holds an OS tree gives nobody on this server powers: no setuid program and no device of it works here.
pub const WITHOUT_POWERS: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);

/// Mounts the file system in a file read-only: squashfs, ext4, XFS or EROFS, told by its magic number. A journal that was
/// not closed properly is left as it is.
///
/// # Errors
/// When the file has no file system that is known, and what the system refuses.
pub fn mount_image(image: &Utf8Path, target: &Utf8Path) -> Result<(), MountError> {
    let kind = kind_of(image)?;
    let options = match kind {
        // Replaying a journal would write to a file that nodes fetch.
        "ext4" => Some("noload"),
        "xfs" => Some("norecovery,nouuid"),
        _ => None,
    };
    mounts::mount_loop(image, kind, options, target, Access::ReadOnly, WITHOUT_POWERS)
}

fn kind_of(image: &Utf8Path) -> Result<&'static str, FileError> {
    let file = File::open(image).map_err(FileError::of("open", image))?;
    let magic = |offset: u64, wanted: &[u8]| {
        let mut found = vec![0; wanted.len()];
        file.read_exact_at(&mut found, offset).is_ok() && found == wanted
    };
    if magic(0, b"hsqs") {
        Ok("squashfs")
    } else if magic(0, b"XFSB") {
        Ok("xfs")
    } else if magic(0x438, &[0x53, 0xEF]) {
        Ok("ext4")
    } else if magic(1024, &[0xE2, 0xE1, 0xF5, 0xE0]) {
        Ok("erofs")
    } else {
        let reason = "it has no file system that disklessset knows";
        Err(FileError::of("mount", image)(std::io::Error::other(reason)))
    }
}

/// Gives a tree `/proc`, `/sys` and a made-up `/dev`: what runs in the tree sees no disk and no terminal of the server.
///
/// # Errors
/// When a mount point is missing or a link, and what the system refuses; nothing stays mounted then.
pub fn mount_system(tree: &Utf8Path) -> Result<(), MountError> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let kernel = |name: &str, kind: &str, flags: MountFlags| {
        let target = tree.join(name);
        mount_file_system(kind, target.as_str(), kind, quiet | flags, None)
            .map_err(FileError::of("mount", &target))
            .inspect(|()| failpoint!("system mount: made", target))
    };
    // `/proc` is the last: with it the whole is there.
    let mounted = SYSTEM
        .iter()
        .try_for_each(|name| require_directory(&tree.join(name)))
        .and_then(|()| made_up::mount_dev_into(tree))
        .inspect(|()| failpoint!("system mount: made", tree.join("dev")))
        .and_then(|()| kernel("sys", "sysfs", MountFlags::RDONLY))
        .and_then(|()| kernel("proc", "proc", MountFlags::empty()))
        .map_err(MountError::from);
    if mounted.is_err() {
        // The first error is the one to tell; what stays mounted shows in the next.
        let _ = unmount_system(tree);
    }
    mounted
}

fn require_directory(path: &Utf8Path) -> Result<(), FileError> {
    let meta = path.symlink_metadata().map_err(FileError::of("mount", path))?;
    if meta.is_dir() {
        return Ok(());
    }
    Err(FileError::of("mount", path)(std::io::Error::other(
        "it is no directory; a link there could lead anywhere",
    )))
}

/// Takes `/dev`, `/sys` and `/proc` away from a tree, as far as they are mounted.
///
/// # Errors
/// When one of them is busy: the processes are named.
pub fn unmount_system(tree: &Utf8Path) -> Result<(), MountError> {
    for name in SYSTEM {
        let place = tree.join(name);
        // A link in the tree leads to mounts of the server.
        if place.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            mounts::unmount_all_below(&place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write to what is made for them")]
mod tests {
    use super::*;
    use crate::system::test_support;

    #[test]
    fn a_tree_gets_its_system_and_loses_it() {
        if !test_support::is_root("a_tree_gets_its_system_and_loses_it") {
            return;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let tree = Utf8Path::from_path(dir.path()).expect("UTF-8");
        for name in ["proc", "sys", "dev"] {
            std::fs::create_dir(tree.join(name)).expect("a mount point");
        }
        mount_system(tree).expect("mounted");
        assert!(tree.join("proc/self/stat").exists() && tree.join("dev/null").exists());
        let mut names: Vec<_> = tree
            .join("dev")
            .read_dir_utf8()
            .expect("a directory")
            .map(|entry| entry.expect("an entry").file_name().to_owned())
            .collect();
        names.sort();
        let made_up = "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero";
        assert_eq!(names.join(" "), made_up);
        std::fs::write(tree.join("dev/null"), "works").expect("a device that works");
        std::fs::write(tree.join("dev/shm/file"), "of the tree").expect("memory of its own");
        assert!(!Utf8Path::new("/dev/shm/file").exists());
        // A node that is made there is no way to a disk of the server.
        let disk = tree.join("dev/disk");
        let kind = rustix::fs::FileType::CharacterDevice;
        let number = rustix::fs::makedev(1, 3);
        rustix::fs::mknodat(rustix::fs::CWD, disk.as_str(), kind, rustix::fs::Mode::RWXU, number)
            .expect("a node");
        let refused = File::open(&disk).expect_err("devices do not work there");
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied);
        unmount_system(tree).expect("unmounted");
        assert!(mounts::mounts_below(tree).expect("the table").is_empty());
        unmount_system(tree).expect("nothing there is fine");
    }
}
