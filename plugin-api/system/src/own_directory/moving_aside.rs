//! Moves what another user put in our way out of it.

use super::{is_directory, make_one, parent_and_name};
use crate::{
    FileError,
    mount_table::mount_at,
    steps::{Step, passed},
    trusted_path::{From, TrustError, is_ours},
};
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, Mode, OFlags, RenameFlags, renameat_with, unlinkat},
    io::Errno,
    mount::{UnmountFlags, unmount},
};
use std::{
    fs::File,
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
};

/// Something of another user that was in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedAside {
    /// Where it was.
    pub from: Utf8PathBuf,
    /// Where it is now.
    pub to: Utf8PathBuf,
    /// What it is: `a link`.
    pub what: &'static str,
    /// Whose it is.
    pub owner: u32,
}

impl std::fmt::Display for MovedAside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to, what, owner } = self;
        write!(f, "{from} was {what} of another user (uid {owner}): it is moved aside to {to}, and not used")
    }
}

/// What another user put on the way, if that is why it was refused: the thing lies in a directory where others may make things, but
/// not take ours away.
pub(super) fn planted(refused: &TrustError, path: &Utf8Path, from: From<'_>) -> Option<Utf8PathBuf> {
    let place = match refused {
        TrustError::Owner { path, .. } => path.clone(),
        TrustError::Link { path, owner, .. } if !is_ours(*owner) || is_a_strangers_name(path) => path.clone(),
        TrustError::Link { .. } | TrustError::Writable { .. } => return None,
        // A file where a directory should be, or a file system of another user that even root may not look into.
        TrustError::File(_) => obstacle(path, from)?,
    };
    let above = place.parent()?.metadata().ok()?;
    let open_to_all = above.mode() & 0o1022 > 0o1000 && above.is_dir() && is_ours(above.uid());
    open_to_all.then_some(place)
}

/// Whether a link of root cannot be what root meant: a second name, which any user can give, or one that leads to no directory.
fn is_a_strangers_name(link: &Utf8Path) -> bool {
    link.symlink_metadata().is_ok_and(|meta| meta.nlink() > 1) || !is_directory(link)
}

/// The first thing on the way that is neither a directory nor a link, or cannot be looked at.
fn obstacle(path: &Utf8Path, from: From<'_>) -> Option<Utf8PathBuf> {
    let top = match from {
        From::Top => Utf8Path::new("/"),
        From::Directory(top) => top,
    };
    let mut ways: Vec<&Utf8Path> =
        path.ancestors().take_while(|way| *way != top && way.starts_with(top)).collect();
    ways.reverse();
    for way in ways {
        match way.symlink_metadata() {
            Ok(meta) if meta.is_dir() || meta.is_symlink() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            _ => return Some(way.to_owned()),
        }
    }
    None
}

/// Puts a directory of ours in the place of something, which gets the name that ours had: in one step, so that nobody can put a next
/// thing there between.
pub(super) fn move_aside(place: &Utf8Path, mode: u32) -> Result<MovedAside, TrustError> {
    let fault = FileError::of::<Errno>("move aside", place);
    let found = place.symlink_metadata().ok();
    let (parent, name) = parent_and_name(place)?;
    let stem: String = name.chars().take(50).collect();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    // A name that nobody could have taken before.
    let aside = format!("{stem}.of-another-user-{:x}-{:x}", std::process::id(), now.as_nanos());
    let to = place.with_file_name(&aside);
    make_one(&to, mode)?;
    let exchange = || {
        renameat_with(&parent, name, &parent, aside.as_str(), RenameFlags::EXCHANGE).or_else(|error| {
            match error {
                // A file system that cannot exchange: one after the other, and the next look sees what came between.
                Errno::INVAL | Errno::NOSYS => {
                    let _ = unlinkat(&parent, aside.as_str(), AtFlags::REMOVEDIR);
                    renameat_with(&parent, name, &parent, aside.as_str(), RenameFlags::NOREPLACE)
                }
                other => Err(other),
            }
        })
    };
    let exchanged = match exchange() {
        Err(Errno::BUSY) if take_off_users_mount(place) => exchange(),
        other => other,
    };
    match exchanged {
        Ok(()) => {}
        Err(error) => {
            let _ = unlinkat(&parent, aside.as_str(), AtFlags::REMOVEDIR);
            // He took it away himself: the next look finds nothing in the way.
            if error != Errno::NOENT {
                return Err(fault(error).into());
            }
        }
    }
    passed(Step::MovedAside, &place);
    sync(&parent, place)?;
    let kind = found.as_ref().map(std::fs::Metadata::file_type);
    let what = match kind {
        Some(kind) if kind.is_symlink() => "a link",
        Some(kind) if kind.is_dir() => "a directory",
        Some(kind) if kind.is_file() => "a file",
        Some(kind) if kind.is_fifo() => "a FIFO",
        Some(kind) if kind.is_socket() => "a socket",
        _ => "something",
    };
    Ok(MovedAside { from: place.to_owned(), to, what, owner: found.map_or(u32::MAX, |meta| meta.uid()) })
}

/// Users may mount file systems of their own (FUSE) on their directories, which then cannot be renamed. Such a mount goes out of sight;
/// its user's programs have it still.
fn take_off_users_mount(place: &Utf8Path) -> bool {
    let of_a_user = matches!(mount_at(place), Ok(Some(mount)) if mount.kind.starts_with("fuse"));
    of_a_user && unmount(place.as_str(), UnmountFlags::NOFOLLOW | UnmountFlags::DETACH).is_ok()
}

fn sync(directory: &OwnedFd, path: &Utf8Path) -> Result<(), FileError> {
    // The descriptor only names the directory.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = rustix::fs::openat(directory, ".", flags, Mode::empty())
        .map_err(FileError::of("sync directory", path))?;
    File::from(open).sync_all().map_err(FileError::of("sync directory", path))
}
