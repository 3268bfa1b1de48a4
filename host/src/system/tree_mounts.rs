//! Mounts that a whole OS tree needs, visible to everybody: for images that are mounted for editing.

use super::{
    FileError,
    command::{Access, Isolation, Tool},
    failpoint::failpoint,
    mounts::{self, MountError, Submounts},
};
use camino::Utf8Path;
use nix::mount::{MsFlags, mount};
use std::{fs::File, os::unix::fs::FileExt};

/// Mounts the file system in a file read-only: squashfs, ext4, XFS or EROFS, told by its magic number. A journal that was
/// not closed properly is left as it is.
///
/// # Errors
/// When the file has no file system that is known, and what the tool `mount` says.
pub fn mount_image(image: &Utf8Path, target: &Utf8Path) -> Result<(), MountError> {
    let options = match kind_of(image)? {
        // Replaying a journal would write to a file that nodes fetch.
        "ext4" => "loop,ro,nosuid,nodev,noload",
        "xfs" => "loop,ro,nosuid,nodev,norecovery,nouuid",
        _ => "loop,ro,nosuid,nodev",
    };
    Tool::new("mount")
        .args(["-t", kind_of(image)?, "-o", options, "--", image.as_str(), target.as_str()])
        .isolation(Isolation::None)
        .run()?;
    Ok(())
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

/// Gives a tree `/proc`, `/sys` and `/dev`. The server's devices are shown read-only: they work, and no script that tidies
/// up inside the tree can remove them.
///
/// # Errors
/// When a mount point is missing or a link, and what the system refuses; nothing stays mounted then.
pub fn mount_system(tree: &Utf8Path) -> Result<(), MountError> {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let kernel = |name: &str, kind: &str, flags: MsFlags| {
        let target = tree.join(name);
        require_directory(&target)?;
        mount(Some(kind), target.as_str(), Some(kind), quiet | flags, None::<&str>)
            .map_err(FileError::of("mount", &target))
            .inspect(|()| failpoint!("system mount: made", target))
    };
    let mounted = kernel("proc", "proc", MsFlags::empty())
        .and_then(|()| kernel("sys", "sysfs", MsFlags::MS_RDONLY))
        .map_err(MountError::from)
        .and_then(|()| mounts::bind("/dev".into(), &tree.join("dev"), Access::ReadOnly, Submounts::Show));
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
    for name in ["dev", "sys", "proc"] {
        let place = tree.join(name);
        if place.is_dir() {
            mounts::unmount_all_below(&place)?;
        }
    }
    Ok(())
}

#[cfg(test)]
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
        let refused = std::fs::remove_file(tree.join("dev/null")).expect_err("the server's devices are safe");
        assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
        unmount_system(tree).expect("unmounted");
        assert!(mounts::mounts_below(tree).expect("the table").is_empty());
        unmount_system(tree).expect("nothing there is fine");
    }
}
