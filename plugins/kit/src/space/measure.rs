//! What a copy of a tree takes, found out by looking at its files and at nothing else of them.

use super::fits;
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use disklessset_system::beneath;
use disklessset_system::free_space::FreeSpace;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags, StatxFlags},
    io::Errno,
};
use std::{
    collections::HashSet,
    ops::{Add, AddAssign},
};

/// Levels that are looked into: each holds a directory open. What is deeper is not counted.
const LEVELS: usize = 200;

/// Room that something takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Need {
    /// Bytes, in whole blocks.
    pub bytes: u64,
    /// Files of all kinds and directories.
    pub files: u64,
}

impl Need {
    /// So many bytes in a single file.
    pub fn bytes(bytes: u64) -> Self {
        Self { bytes, files: 1 }
    }
}

impl Add for Need {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_add(other.bytes), files: self.files.saturating_add(other.files) }
    }
}

impl AddAssign for Need {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What a copy of a tree takes at least on such a file system: holes take nothing, files with several names count once, what is mounted
/// inside does not. No link is followed. A part that cannot be read is not counted, for whoever copies it to tell.
///
/// # Errors
/// When the tree itself cannot be opened.
pub fn tree_need(tree: &Utf8Path, space: &FreeSpace) -> Result<Need> {
    let fault = |cause: Errno| Error::failed(format!("cannot measure the tree {tree}")).because(cause);
    let open = |flags| rustix::fs::open(tree.as_std_path(), flags, Mode::empty());
    let top = quietly(OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, open).map_err(fault)?;
    let mut need = Need { bytes: fits::directory(space), files: 1 };
    let mut links = HashSet::new();
    let mut levels = vec![Dir::new(top).map_err(fault)?];
    loop {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else { return Ok(need) };
        let Some(Ok(entry)) = level.read() else {
            levels.pop();
            continue;
        };
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let Ok(above) = level.fd() else { continue };
        let wanted =
            StatxFlags::TYPE | StatxFlags::NLINK | StatxFlags::SIZE | StatxFlags::BLOCKS | StatxFlags::INO;
        let Ok(stat) =
            rustix::fs::statx(above, name, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT, wanted)
        else {
            continue;
        };
        let kind = FileType::from_raw_mode(stat.stx_mode.into());
        let device = (stat.stx_dev_major, stat.stx_dev_minor);
        let known =
            kind != FileType::Directory && stat.stx_nlink > 1 && !links.insert((device, stat.stx_ino));
        if known {
            continue;
        }
        need.files += 1;
        match kind {
            FileType::RegularFile => {
                need.bytes += stat.stx_size.min(stat.stx_blocks * 512).next_multiple_of(space.block);
            }
            FileType::Directory => {
                need.bytes += fits::directory(space);
                if depth < LEVELS
                    && let Some(below) = below(above, name)
                    && let Ok(below) = Dir::new(below)
                {
                    levels.push(below);
                }
            }
            _ => {}
        }
    }
}

/// A directory in another, unless something is mounted there.
fn below(above: impl AsFd, name: &std::ffi::CStr) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    quietly(flags, |flags| beneath::child(&above, name, flags)).ok()
}

/// Opens something so that its access time stays, where the system lets us: it is always so for root.
fn quietly<T>(flags: OFlags, open: impl Fn(OFlags) -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        opened => opened,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    #[test]
    fn holes_take_nothing_and_a_file_of_two_names_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let free = super::super::free_space(&tree).unwrap();
        let empty = tree_need(&tree, &free).unwrap();
        assert_eq!(empty.files, 1);
        std::fs::create_dir(tree.join("etc")).unwrap();
        std::fs::File::create(tree.join("etc/hole")).unwrap().set_len(1 << 30).unwrap();
        let data = vec![1; 100_000];
        std::io::Write::write_all(&mut std::fs::File::create(tree.join("etc/data")).unwrap(), &data).unwrap();
        std::fs::hard_link(tree.join("etc/data"), tree.join("etc/again")).unwrap();
        std::os::unix::fs::symlink("/", tree.join("etc/root")).unwrap();
        std::fs::File::open(tree.join("etc/data")).unwrap().sync_all().unwrap();
        let need = tree_need(&tree, &free).unwrap();
        // etc, hole, data, root
        assert_eq!(need.files, 5);
        let bytes = need.bytes - empty.bytes;
        assert!((100_000..120_000 + free.block).contains(&bytes), "{bytes}");
    }

    #[test]
    fn the_measure_is_never_more_than_a_copy_takes() {
        let tree = Utf8Path::new("/usr/share/doc");
        if !tree.exists() {
            return;
        }
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let here = Utf8Path::from_path(dir.path()).unwrap();
        let free = super::super::free_space(here).unwrap();
        let started = std::time::Instant::now();
        let need = tree_need(tree, &free).unwrap();
        assert!(need.files > 1 && started.elapsed().as_secs() < 20, "{need:?} in {:?}", started.elapsed());
    }
}
