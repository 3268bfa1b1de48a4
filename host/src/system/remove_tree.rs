//! Deletes a tree and nothing but that tree.
//!
//! Everything goes by directory descriptors: no name is looked up twice, no link is followed, and neither a mount nor a
//! place outside the directories of disklessset can be reached, whoever changes what meanwhile.

use std::ffi::{CStr, CString};
use std::fs::{File, Permissions};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, openat, openat2};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::system::trusted_path::{self, TrustError};
use disklessset_system::subvolume::is_open_subvolume;

use crate::system::{FileError, failpoint::failpoint, flush::Together, mountinfo, subvolume, syscalls};

/// Descriptors kept open on the way down; deeper trees are climbed again by `..`, with a check.
const KEPT_OPEN: usize = 64;
/// How often a directory that others fill meanwhile is emptied again.
const MOST_ROUNDS: u8 = 5;

/// What a removal removed. A btrfs subvolume goes as a whole: it counts as one directory, and its space comes back later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Everything that is no directory.
    pub files: u64,
    /// Directories, the topmost included.
    pub directories: u64,
    /// Space on disk that was given back: files with other names elsewhere count nothing.
    pub bytes: u64,
}

/// Why a tree was not removed, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Not strictly below a directory of disklessset. Nothing was deleted.
    #[error("cannot remove {path}: it does not lie below a directory that belongs to disklessset")]
    NotOwned {
        /// The tree.
        path: Utf8PathBuf,
    },
    /// A link is on the way. Nothing was deleted.
    #[error("cannot remove {path}: {link} is not a directory of its own but a link or a file")]
    Link {
        /// The tree.
        path: Utf8PathBuf,
        /// The component.
        link: Utf8PathBuf,
    },
    /// A link is on the way that somebody else could have planted. Nothing was deleted.
    #[error("cannot remove {path}")]
    Untrusted {
        /// The tree.
        path: Utf8PathBuf,
        /// The component.
        #[source]
        source: TrustError,
    },
    /// Something is mounted in it. Nothing was deleted.
    #[error("cannot remove {path}: still mounted: {}", .mounts.iter().map(|mount| mount.as_str()).collect::<Vec<_>>().join(", "))]
    Mounted {
        /// The tree.
        path: Utf8PathBuf,
        /// The mounts.
        mounts: Vec<Utf8PathBuf>,
    },
    /// Something was mounted in it while it was removed; the removal stopped in front of it.
    #[error("removal of {path} stopped: a mount appeared at {at}")]
    MountAppeared {
        /// The tree.
        path: Utf8PathBuf,
        /// The mount.
        at: String,
    },
    /// Somebody moved a directory while it was removed; the removal stopped.
    #[error("removal of {path} stopped: {at} was moved or filled by somebody else meanwhile")]
    Disturbed {
        /// The tree.
        path: Utf8PathBuf,
        /// The directory.
        at: String,
    },
    /// The system refused.
    #[error("removal of {path} stopped at {at}")]
    Refused {
        /// The tree.
        path: Utf8PathBuf,
        /// The entry.
        at: String,
        /// What the system answered.
        #[source]
        source: std::io::Error,
    },
    /// The way to the tree, or the table of mounts, cannot be read. Nothing was deleted.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Removes whatever is at `path`: a whole directory tree, or a single file or link (never what it points to). Nothing
/// there is no error. `allowed` are the directories strictly below which removing is allowed, as
/// [`Layout::owned_roots`](crate::system::layout::Layout::owned_roots) gives them. It goes on when a stop is asked for: half a
/// removal is worth less than none.
///
/// # Errors
/// See [`RemoveError`]; the messages say whether anything was deleted.
pub fn remove_tree(path: &Utf8Path, allowed: &[Utf8PathBuf]) -> Result<Removed, RemoveError> {
    remove(path, allowed, None)
}

/// The same, durable once the others are whose removal is flushed with it.
///
/// # Errors
/// As [`remove_tree`].
pub fn remove_tree_together(
    path: &Utf8Path,
    allowed: &[Utf8PathBuf],
    others: &Together,
) -> Result<Removed, RemoveError> {
    remove(path, allowed, Some(others))
}

fn remove(
    path: &Utf8Path,
    allowed: &[Utf8PathBuf],
    others: Option<&Together>,
) -> Result<Removed, RemoveError> {
    let Some((parent, name)) = open_parent(path, allowed)? else { return Ok(Removed::default()) };
    let mut walk = Removal { path, removed: Removed::default(), stack: Vec::new() };
    let stat = match fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::ENOENT) => return Ok(Removed::default()),
        Err(error) => return Err(walk.refused(error)),
    };
    refuse_mounts(path, &parent, name)?;
    let name = CString::new(name).map_err(|_| walk.refused(Errno::EINVAL))?;
    failpoint!("removal: begins", path);
    if is_directory(&stat) {
        walk.tree(&parent, name)?;
    } else {
        walk.file(&parent, &name)?;
    }
    failpoint!("removal: all gone", path);
    if let (Some(others), Some(directory)) = (others, path.parent()) {
        others.add(directory);
        return Ok(walk.removed);
    }
    // The next boot must not find it again.
    let directory =
        openat(&parent, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
            .map_err(|error| walk.refused(error))?;
    File::from(directory).sync_all().map_err(|source| RemoveError::Refused {
        path: path.to_owned(),
        at: path.to_string(),
        source,
    })?;
    failpoint!("removal: ended", path);
    Ok(walk.removed)
}

/// The directory the tree is in, reached without links that others could have planted, and the tree's name in it.
fn open_parent<'a>(
    path: &'a Utf8Path,
    allowed: &[Utf8PathBuf],
) -> Result<Option<(OwnedFd, &'a str)>, RemoveError> {
    let not_owned = || RemoveError::NotOwned { path: path.to_owned() };
    let below = |root: &Utf8PathBuf| {
        let rest: Vec<_> = path.strip_prefix(root).ok()?.components().collect();
        let plain = rest.iter().all(|part| matches!(part, Utf8Component::Normal(_)));
        (!rest.is_empty() && plain).then(|| (root.clone(), rest))
    };
    let (root, rest) =
        allowed.iter().filter(|root| root.is_absolute()).find_map(below).ok_or_else(not_owned)?;
    let untrusted = |source| RemoveError::Untrusted { path: path.to_owned(), source };
    let Some(mut current) = trusted_path::open_directory(&root).map_err(untrusted)? else { return Ok(None) };
    let Some((name, way)) = rest.split_last() else { return Err(not_owned()) };
    let mut here = root;
    for part in way {
        here.push(part);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        current = match openat(&current, part.as_str(), flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::ENOENT) => return Ok(None),
            Err(Errno::ELOOP | Errno::ENOTDIR) => {
                return Err(RemoveError::Link { path: path.to_owned(), link: here });
            }
            Err(error) => return Err(FileError::of("open", &here)(error).into()),
        };
    }
    Ok(Some((current, name.as_str())))
}

/// Looks the tree up in the kernel's table under the name the kernel has for it.
fn refuse_mounts(path: &Utf8Path, parent: &OwnedFd, name: &str) -> Result<(), RemoveError> {
    let link = format!("/proc/self/fd/{}", parent.as_raw_fd());
    let place = Utf8Path::new(&link).read_link_utf8().map_err(FileError::of("locate", path))?.join(name);
    let mounts = mountinfo::mounts()?.into_iter().map(|mount| mount.target);
    let mounts: Vec<Utf8PathBuf> = mounts.filter(|mount| mount.starts_with(&place)).collect();
    if mounts.is_empty() { Ok(()) } else { Err(RemoveError::Mounted { path: path.to_owned(), mounts }) }
}

/// A directory being emptied.
struct Level {
    name: CString,
    /// Its device and inode, to know it again.
    identity: (u64, u64),
    /// Closed on levels far above the current one.
    directory: Option<Rc<OwnedFd>>,
    subdirectories: Vec<CString>,
    rounds: u8,
}

struct Removal<'a> {
    path: &'a Utf8Path,
    removed: Removed,
    /// From the topmost directory down to the one being emptied. A list, not a recursion: trees may be deep.
    stack: Vec<Level>,
}

impl Removal<'_> {
    fn tree(&mut self, parent: &OwnedFd, name: CString) -> Result<(), RemoveError> {
        self.descend(parent, name, 0)?;
        while let Some(level) = self.stack.last_mut() {
            match (level.subdirectories.pop(), level.directory.clone()) {
                (Some(name), Some(directory)) => self.descend(&directory, name, 0)?,
                _ => self.ascend(parent)?,
            }
        }
        Ok(())
    }

    /// Opens a subdirectory, removes its files and lists its directories.
    fn descend(&mut self, parent: &OwnedFd, name: CString, rounds: u8) -> Result<(), RemoveError> {
        let directory = match open_within_mount(parent, &name) {
            Ok(directory) => Rc::new(directory),
            Err(Errno::EXDEV) => return Err(self.mount_appeared(&name)),
            Err(Errno::ENOENT) => return Ok(()),
            Err(error) => return Err(self.refused_at(&name, error)),
        };
        if is_open_subvolume(&directory) {
            // Destroying it would take mounts away that came after the first look, unasked.
            if refuse_mounts(self.path, parent, &name.to_string_lossy()).is_err() {
                return Err(self.mount_appeared(&name));
            }
            if self.destroy(parent, &name, &directory) {
                return Ok(());
            }
        }
        let identity = identity(&directory).map_err(|error| self.refused_at(&name, error))?;
        // Pushed first, so that errors name the path below it.
        let open = Some(Rc::clone(&directory));
        self.stack.push(Level { name, identity, directory: open, subdirectories: Vec::new(), rounds });
        let far_above = self.stack.len().checked_sub(KEPT_OPEN);
        if let Some(level) = far_above.and_then(|far_above| self.stack.get_mut(far_above)) {
            level.directory = None;
        }
        let subdirectories = self.empty(&directory)?;
        if let Some(level) = self.stack.last_mut() {
            level.subdirectories = subdirectories;
        }
        Ok(())
    }

    /// Removes a subvolume in one call. Where that cannot be, because others are inside or the user may not, it is emptied like any
    /// directory, and is an ordinary one when it is empty.
    fn destroy(&mut self, parent: &OwnedFd, name: &CStr, directory: &OwnedFd) -> bool {
        match subvolume::destroy(parent, name, directory) {
            Ok(()) => {
                self.removed.directories += 1;
                true
            }
            Err(_) => {
                // What forbids it then shows with the first file.
                let _ = subvolume::make_writable(directory);
                false
            }
        }
    }

    fn empty(&mut self, directory: &OwnedFd) -> Result<Vec<CString>, RemoveError> {
        let mut subdirectories = Vec::new();
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut entries =
            Dir::openat(directory, ".", flags, Mode::empty()).map_err(|error| self.refused(error))?;
        for entry in entries.iter() {
            let entry = entry.map_err(|error| self.refused(error))?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let is_directory = match entry.file_type() {
                Some(kind) => kind == Type::Directory,
                None => match fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                    Ok(stat) => is_directory(&stat),
                    Err(Errno::ENOENT) => continue,
                    Err(error) => return Err(self.refused_at(name, error)),
                },
            };
            if is_directory {
                subdirectories.push(name.to_owned());
            } else {
                self.file(directory, name)?;
            }
        }
        Ok(subdirectories)
    }

    fn file(&mut self, directory: &OwnedFd, name: &CStr) -> Result<(), RemoveError> {
        let stat = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).ok();
        self.unlink(directory, name, UnlinkatFlags::NoRemoveDir)?;
        self.removed.files += 1;
        if self.removed.files == 1 {
            failpoint!("removal: the first file gone", self.path);
        }
        if let Some(stat) = stat.filter(|stat| stat.st_nlink <= 1) {
            self.removed.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
        }
        Ok(())
    }

    /// The current directory is empty: goes up and removes it.
    fn ascend(&mut self, above_all: &OwnedFd) -> Result<(), RemoveError> {
        let Some(done) = self.stack.pop() else { return Ok(()) };
        let above = self.reach_top(&done)?;
        let above = above.as_deref().unwrap_or(above_all);
        // A kernel before 4.18 does not remove a subvolume as it does a directory.
        let emptied = done.directory.as_ref().is_some_and(|directory| {
            is_open_subvolume(directory) && subvolume::destroy(above, &done.name, directory).is_ok()
        });
        if emptied {
            self.removed.directories += 1;
            return Ok(());
        }
        if self.stack.is_empty() {
            failpoint!("removal: empty", self.path);
        }
        match unlinkat(above, done.name.as_c_str(), UnlinkatFlags::RemoveDir) {
            // Somebody put something in meanwhile, or the file system's listing left something out.
            Err(Errno::ENOTEMPTY | Errno::EEXIST) if done.rounds + 1 < MOST_ROUNDS => {
                self.descend(above, done.name, done.rounds + 1)
            }
            Err(Errno::ENOTEMPTY | Errno::EEXIST) => Err(self.disturbed(&done.name)),
            Ok(()) | Err(Errno::ENOENT) => {
                self.removed.directories += 1;
                Ok(())
            }
            Err(_) => {
                self.unlink(above, &done.name, UnlinkatFlags::RemoveDir)?;
                self.removed.directories += 1;
                Ok(())
            }
        }
    }

    /// The directory that is now on top, opened again from the one below it when it had been closed; `None` above the tree.
    fn reach_top(&mut self, below: &Level) -> Result<Option<Rc<OwnedFd>>, RemoveError> {
        let Some(above) = self.stack.last_mut() else { return Ok(None) };
        if above.directory.is_none() {
            let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
            let from = below.directory.as_deref().ok_or(Errno::EBADF);
            let climbed = from.and_then(|from| openat(from, "..", flags, Mode::empty()));
            let climbed = climbed.and_then(|climbed| Ok((identity(&climbed)?, climbed)));
            match climbed {
                Ok((same, climbed)) if same == above.identity => above.directory = Some(Rc::new(climbed)),
                Ok(_) => return Err(self.disturbed(&below.name)),
                Err(error) => return Err(self.refused_at(&below.name, error)),
            }
        }
        Ok(above.directory.clone())
    }

    /// Unlinks; when forbidden, takes away what forbids it, once.
    fn unlink(&self, directory: &OwnedFd, name: &CStr, kind: UnlinkatFlags) -> Result<(), RemoveError> {
        let first = unlinkat(directory, name, kind);
        let result = match first {
            Err(Errno::EPERM | Errno::EACCES) => {
                // The directory above the tree is not ours to change.
                let inside = (!self.stack.is_empty()).then_some(directory);
                unlock(inside, directory, name);
                unlinkat(directory, name, kind)
            }
            other => other,
        };
        match result {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(Errno::EBUSY) => Err(self.mount_appeared(name)),
            Err(error) => Err(self.refused_at(name, error)),
        }
    }

    /// Where the removal is, for messages. Names need not be UTF-8; a very deep place is told by its beginning and end.
    fn place(&self, name: Option<&CStr>) -> String {
        let names: Vec<String> =
            self.stack.iter().skip(1).map(|level| level.name.to_string_lossy().into_owned()).collect();
        let mut place = self.path.to_string();
        let shown = if names.len() > 20 {
            [&names[..10], &["…".to_owned()], &names[names.len() - 10..]].concat()
        } else {
            names
        };
        for part in shown {
            place = format!("{place}/{part}");
        }
        match name {
            Some(name) if !self.stack.is_empty() => format!("{place}/{}", name.to_string_lossy()),
            _ => place,
        }
    }

    fn refused(&self, error: Errno) -> RemoveError {
        RemoveError::Refused { path: self.path.to_owned(), at: self.place(None), source: error.into() }
    }

    fn refused_at(&self, name: &CStr, error: Errno) -> RemoveError {
        RemoveError::Refused { path: self.path.to_owned(), at: self.place(Some(name)), source: error.into() }
    }

    fn mount_appeared(&self, name: &CStr) -> RemoveError {
        RemoveError::MountAppeared { path: self.path.to_owned(), at: self.place(Some(name)) }
    }

    fn disturbed(&self, name: &CStr) -> RemoveError {
        RemoveError::Disturbed { path: self.path.to_owned(), at: self.place(Some(name)) }
    }
}

/// Opens a subdirectory, but no link and no mount point. A btrfs subvolume is no mount, although its device differs.
fn open_within_mount(parent: &OwnedFd, name: &CStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let resolve =
        ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_BENEATH;
    let how = || OpenHow::new().flags(flags).resolve(resolve);
    let opened = match openat2(parent, name, how()) {
        // A directory of ours without the right to look into it, and we are not root.
        Err(Errno::EACCES) if allow_entering(parent, name) => openat2(parent, name, how()),
        other => other,
    };
    match opened {
        Err(Errno::ENOSYS) => {
            // A kernel before 5.6 tells the mount of an open file all the same.
            let directory = openat(parent, name, flags, Mode::empty())?;
            let same = mount_id(parent).is_some() && mount_id(parent) == mount_id(&directory);
            if same { Ok(directory) } else { Err(Errno::EXDEV) }
        }
        other => other,
    }
}

fn mount_id(fd: &OwnedFd) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("mnt_id:")?.trim().parse().ok())
}

fn allow_entering(parent: &OwnedFd, name: &CStr) -> bool {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let Ok(directory) = openat(parent, name, flags, Mode::empty()) else { return false };
    let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
    std::fs::set_permissions(path, Permissions::from_mode(0o700)).is_ok()
}

/// Takes the immutable and append-only flags off an entry and its directory, and lets the owner write to the directory.
/// Best effort: the second unlinking tells whether it helped.
fn unlock(changeable: Option<&OwnedFd>, directory: &OwnedFd, name: &CStr) {
    let reading =
        OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    if let Some(Ok(directory)) = changeable.map(|directory| openat(directory, ".", reading, Mode::empty())) {
        let _ = syscalls::clear_unchangeable(&directory);
        let _ = File::from(directory).set_permissions(Permissions::from_mode(0o700));
    }
    // Opening anything else than a regular file or a directory could wake a device up.
    let kind = fstatat(directory, name, AtFlags::AT_SYMLINK_NOFOLLOW).map(|stat| stat.st_mode & libc::S_IFMT);
    if matches!(kind, Ok(libc::S_IFREG | libc::S_IFDIR))
        && let Ok(entry) = openat(directory, name, reading, Mode::empty())
    {
        let _ = syscalls::clear_unchangeable(entry.as_fd());
    }
}

fn identity(directory: &OwnedFd) -> nix::Result<(u64, u64)> {
    let stat = fstat(directory)?;
    Ok((stat.st_dev, stat.st_ino))
}

fn is_directory(stat: &FileStat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFDIR
}

#[cfg(test)]
#[path = "remove_tree_tests.rs"]
mod tests;
