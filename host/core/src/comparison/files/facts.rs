//! What is known of one file without reading it.

use super::difference::{Aspect, FileKind};
use disklessset_system::beneath;
use rustix::{
    fd::BorrowedFd,
    fs::{AtFlags, FileType, OFlags, StatxFlags},
    io::{Errno, Result},
};
use std::ffi::CStr;

/// A look at an entry of a directory.
pub(super) enum Look {
    /// It is part of the tree.
    There(Facts),
    /// Something is mounted there, which is no part of the tree.
    Mount,
}

/// What the kernel says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) kind: FileKind,
    pub(super) size: u64,
    /// Blocks of 512 bytes; fewer than its size asks for where it has holes.
    pub(super) blocks: u64,
    /// Device and number: one file under two names, also in two trees.
    pub(super) identity: (u32, u32, u64),
    mode: u16,
    owner: u32,
    group: u32,
    device: (u32, u32),
}

/// Looks at an entry of a directory whose mount has this number.
pub(super) fn look(directory: BorrowedFd<'_>, mount: Option<u64>, name: &CStr) -> Result<Look> {
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::MNT_ID;
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let stat = rustix::fs::statx(directory, name, flags, wanted)?;
    let is_mount = match (mount, stat.stx_mask & StatxFlags::MNT_ID.bits() != 0) {
        (Some(mount), true) => stat.stx_mnt_id != mount,
        // Linux before 5.8 does not tell.
        _ => beneath::child(directory, name, OFlags::PATH | OFlags::NOFOLLOW).err() == Some(Errno::XDEV),
    };
    if is_mount {
        return Ok(Look::Mount);
    }
    let kind = match FileType::from_raw_mode(stat.stx_mode.into()) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        FileType::BlockDevice => FileKind::Block,
        FileType::CharacterDevice => FileKind::Character,
        FileType::Fifo => FileKind::Pipe,
        FileType::Socket => FileKind::Socket,
        FileType::Unknown => return Err(Errno::NOTSUP),
    };
    Ok(Look::There(Facts {
        kind,
        size: stat.stx_size,
        blocks: stat.stx_blocks,
        identity: (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino),
        mode: stat.stx_mode & 0o7777,
        owner: stat.stx_uid,
        group: stat.stx_gid,
        device: (stat.stx_rdev_major, stat.stx_rdev_minor),
    }))
}

/// The number of the mount that an open directory is in, where the kernel tells.
pub(super) fn mount_of(directory: BorrowedFd<'_>) -> Result<Option<u64>> {
    let stat = rustix::fs::statx(directory, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
    Ok((stat.stx_mask & StatxFlags::MNT_ID.bits() != 0).then_some(stat.stx_mnt_id))
}

impl Facts {
    /// Whether it has holes.
    pub(super) fn is_sparse(self) -> bool {
        self.blocks < self.size.div_ceil(512)
    }

    /// In what two files differ that one need not read for.
    pub(super) fn differences(self, new: Self) -> Vec<Aspect> {
        let mut found = Vec::new();
        if self.kind != new.kind {
            found.push(Aspect::Type { old: self.kind, new: new.kind });
        }
        let is_device = |kind| matches!(kind, FileKind::Block | FileKind::Character);
        if self.kind == new.kind && is_device(new.kind) && self.device != new.device {
            let text = |(major, minor)| format!("{major}:{minor}");
            found.push(Aspect::Device { old: text(self.device), new: text(new.device) });
        }
        if self.owner != new.owner {
            found.push(Aspect::Owner { old: self.owner, new: new.owner });
        }
        if self.group != new.group {
            found.push(Aspect::Group { old: self.group, new: new.group });
        }
        // The mode of a link means nothing.
        if self.mode != new.mode && self.kind != FileKind::Link && new.kind != FileKind::Link {
            let text = |mode| format!("{mode:04o}");
            found.push(Aspect::Mode { old: text(self.mode), new: text(new.mode) });
        }
        found
    }
}
