//! Makes directories of ours where other users may have been before.
//!
//! Some of our places have names that anybody can guess and lie below `/var/tmp`, where anybody can make things. So the way is judged
//! before anything is made on it, and what another user put there first is moved aside by a rename: it is never followed, and never a
//! reason to stop.

use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, openat, renameat2};
use nix::mount::{MntFlags, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use crate::system::{
    FileError, atomic_file,
    failpoint::failpoint,
    mountinfo::mount_at,
    trusted_path::{self, Audit, From, TrustError},
};

/// How often the way is judged again after a change on it. Nobody can be faster than us that often: changes are exchanges.
const MOST_ROUNDS: usize = 100;

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

/// Makes a directory and what is missing above it, with exactly the permission bits `mode`, durably, after the whole way was judged.
/// Directories that are there stay as they are. Tells what was moved aside.
///
/// # Errors
/// A way on which somebody else could change what we rely on, but for what he merely put there first; and what the system refuses.
pub fn make(path: &Utf8Path, from: From<'_>, mode: u32) -> Result<Vec<MovedAside>, TrustError> {
    let mut moved = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let refused = match trusted_path::audit(path, from) {
            Ok(Audit::MissingFrom(missing)) => match make_one(&missing, mode) {
                Ok(()) => continue,
                // Somebody was faster: another process of ours, or another user. The next look tells which.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => error.into(),
            },
            Ok(Audit::Complete) if is_directory(path) => return Ok(moved),
            Ok(Audit::Complete) => FileError::of("use as a directory", path)(Errno::ENOTDIR).into(),
            Err(error) => error,
        };
        let Some(place) = planted(&refused, path, from) else { return Err(refused) };
        moved.push(move_aside(&place, mode)?);
    }
    let source = io::Error::other("others put something in its place again and again");
    Err(FileError { act: "make", path: path.to_owned(), source }.into())
}

/// The same for a directory of files that only root writes, whose place is the distribution's: some let a group of their own write
/// to `/var/log`.
///
/// # Errors
/// As for [`make`].
pub fn make_usable(path: &Utf8Path, from: From<'_>, mode: u32) -> Result<Vec<MovedAside>, TrustError> {
    match make(path, from, mode) {
        Err(TrustError::Writable { path: open, .. }) if open != path => {
            atomic_file::create_dir_all(path, mode)?;
            Ok(Vec::new())
        }
        made => made,
    }
}

/// Closes a directory of ours to everybody else. `true` when it was open.
///
/// # Errors
/// Whatever the system refuses.
pub fn close(path: &Utf8Path) -> Result<bool, FileError> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = nix::libc::O_DIRECTORY | nix::libc::O_NOFOLLOW;
    let directory = File::options()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(FileError::of("open directory", path))?;
    let meta = directory.metadata().map_err(FileError::of("inspect", path))?;
    if meta.mode() & 0o077 == 0 || !is_ours(meta.uid()) {
        return Ok(false);
    }
    let closed = Permissions::from_mode(meta.mode() & 0o7700);
    directory.set_permissions(closed).map_err(FileError::of("set the mode of", path))?;
    directory.sync_all().map_err(FileError::of("sync directory", path))?;
    failpoint!("directory: closed to others", path);
    Ok(true)
}

fn is_directory(path: &Utf8Path) -> bool {
    path.metadata().is_ok_and(|meta| meta.is_dir())
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

/// The directory that a name is in, by descriptor, and the name.
fn parent_and_name(path: &Utf8Path) -> Result<(OwnedFd, &str), TrustError> {
    let missing = || FileError::of("open the directory of", path)(Errno::ENOENT);
    let (parent, name) = path.parent().zip(path.file_name()).ok_or_else(missing)?;
    Ok((trusted_path::open_directory(parent)?.ok_or_else(missing)?, name))
}

fn make_one(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let (parent, name) =
        parent_and_name(path).map_err(|error| error.into_file_error("create directory", path))?;
    atomic_file::create_dir_in(&parent, name, path, mode)
}

fn sync(directory: &OwnedFd, path: &Utf8Path) -> Result<(), FileError> {
    // The descriptor only names the directory.
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let open = openat(directory, ".", flags, Mode::empty()).map_err(FileError::of("sync directory", path))?;
    File::from(open).sync_all().map_err(FileError::of("sync directory", path))
}

/// What another user put on the way, if that is why it was refused: the thing lies in a directory where others may make things, but
/// not take ours away.
fn planted(refused: &TrustError, path: &Utf8Path, from: From<'_>) -> Option<Utf8PathBuf> {
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
fn move_aside(place: &Utf8Path, mode: u32) -> Result<MovedAside, TrustError> {
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
        renameat2(&parent, name, &parent, aside.as_str(), RenameFlags::RENAME_EXCHANGE).or_else(|error| {
            match error {
                // A file system that cannot exchange: one after the other, and the next look sees what came between.
                Errno::EINVAL | Errno::ENOSYS => {
                    let _ = unlinkat(&parent, aside.as_str(), UnlinkatFlags::RemoveDir);
                    renameat2(&parent, name, &parent, aside.as_str(), RenameFlags::RENAME_NOREPLACE)
                }
                other => Err(other),
            }
        })
    };
    let exchanged = match exchange() {
        Err(Errno::EBUSY) if take_off_users_mount(place) => exchange(),
        other => other,
    };
    match exchanged {
        Ok(()) => {}
        Err(error) => {
            let _ = unlinkat(&parent, aside.as_str(), UnlinkatFlags::RemoveDir);
            // He took it away himself: the next look finds nothing in the way.
            if error != Errno::ENOENT {
                return Err(fault(error).into());
            }
        }
    }
    failpoint!("another user's thing moved aside", place);
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
    of_a_user && umount2(place.as_str(), MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH).is_ok()
}

#[cfg(test)]
#[path = "own_directory_tests.rs"]
mod tests;
