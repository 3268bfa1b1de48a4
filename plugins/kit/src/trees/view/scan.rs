//! What a tree is like before a layer is laid over it, and what of it was changed since. Looking changes nothing of it, not even times.

use crate::{content::LEFT_OUT, side_by_side};
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::beneath;
use rustix::{
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, OFlags, Statx, StatxFlags},
    io::Errno,
};
use std::{
    collections::HashMap,
    ffi::{CStr, CString},
    hash::{DefaultHasher, Hash, Hasher},
};

/// Directories in each other: the mount table and tools want paths that are short enough.
const DEEPEST: usize = 200;
/// The longest list of names of attributes.
const NAMES: usize = 64 * 1024;
/// How many changed directories are named.
const NAMED: usize = 5;
/// Attributes by which overlays remember things. In a layer they are hidden, or have a meaning.
const OF_OVERLAYS: &[u8] = b"trusted.overlay.";

/// What was seen of a tree: a number for each directory, which is another when an entry of it is.
#[derive(Debug, Default)]
pub(super) struct Facts(HashMap<u64, u64>);

/// Whether a tree can be a layer.
pub(super) enum Fitness {
    /// It can.
    Fit(Facts),
    /// It cannot, and why, as the end of a sentence.
    Unfit(String),
}

/// Looks at all of a tree but what is no part of an image. What is mounted inside is not looked at.
///
/// # Errors
/// When a directory cannot be read, or the user stops it.
pub(super) fn look(tree: BorrowedFd<'_>, host: &Host<'_>) -> Result<Fitness> {
    let tell = |path: &[u8], number, facts: &mut Vec<_>| facts.push((hash(path), number));
    Ok(match walk(tree, Purpose::Layer, host, tell)? {
        Ok(facts) => Fitness::Fit(Facts(facts.into_iter().flatten().collect())),
        Err(why) => Fitness::Unfit(why),
    })
}

impl Facts {
    /// The directories that have other entries now, or the same in another state; a few of them.
    ///
    /// # Errors
    /// As [`look`].
    pub(super) fn changed(&self, tree: BorrowedFd<'_>, host: &Host<'_>) -> Result<Vec<String>> {
        let tell = |path: &[u8], number, changed: &mut Vec<String>| {
            if changed.len() < NAMED && self.0.get(&hash(path)) != Some(&number) {
                changed.push(format!("/{}", String::from_utf8_lossy(path)));
            }
        };
        let changed = walk(tree, Purpose::Comparison, host, tell)?;
        let mut changed = changed.map_or_else(|too_deep| vec![too_deep], |parts| parts.concat());
        changed.sort();
        changed.truncate(NAMED);
        Ok(changed)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Layer,
    Comparison,
}

/// A directory of the tree.
struct Directory {
    /// Below the tree; of the tree itself it is empty.
    path: Vec<u8>,
    depth: usize,
}

/// What a thread saw.
#[derive(Default)]
struct Seen<T> {
    told: T,
    /// Room for names of attributes.
    names: Vec<u8>,
}

/// Why a walk ends early.
enum End {
    /// The tree can be no layer, and why.
    Unfit(String),
    Failed(Error),
}

/// Tells each directory by its path below the tree and its number. Inside is the reason when the tree can be no layer.
fn walk<T: Default + Send>(
    tree: BorrowedFd<'_>,
    purpose: Purpose,
    host: &Host<'_>,
    tell: impl Fn(&[u8], u64, &mut T) + Sync,
) -> Result<std::result::Result<Vec<T>, String>> {
    let read = |directory: &Directory, seen: &mut Seen<T>| {
        let (number, below) = see(tree, directory, purpose, &mut seen.names)?;
        if let Some(number) = number {
            tell(&directory.path, number, &mut seen.told);
        }
        Ok(below)
    };
    let first = Directory { path: Vec::new(), depth: 0 };
    match side_by_side::walk(first, read, || host.checkpoint().map_err(End::Failed)) {
        Ok(seen) => Ok(Ok(seen.into_iter().map(|seen| seen.told).collect())),
        Err(End::Unfit(why)) => Ok(Err(why)),
        Err(End::Failed(error)) => Err(error),
    }
}

/// Looks at all entries of a directory: its number, if it is still there, and the directories in it.
fn see(
    tree: BorrowedFd<'_>,
    directory: &Directory,
    purpose: Purpose,
    names: &mut Vec<u8>,
) -> std::result::Result<(Option<u64>, Vec<Directory>), End> {
    let fault = |cause: Errno| {
        let path = String::from_utf8_lossy(&directory.path);
        End::Failed(Error::failed(format!("cannot look at /{path} of the tree")).because(cause))
    };
    let mut entries = match open(tree, &directory.path).and_then(Dir::new) {
        // What is mounted there is no part of the tree, and what is gone the directory above tells.
        Err(Errno::XDEV | Errno::NOENT) if directory.depth > 0 => return Ok((None, Vec::new())),
        Err(Errno::NAMETOOLONG) => {
            return Err(End::Unfit(
                "it has a directory whose path is longer than the system takes".to_owned(),
            ));
        }
        opened => opened.map_err(fault)?,
    };
    names.resize(NAMES, 0);
    let (mut number, mut below) = (0u64, Vec::new());
    while let Some(entry) = entries.read() {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        if name == c".." || directory.depth == 0 && is_left_out(name) {
            continue;
        }
        let inside = entries.fd().map_err(fault)?;
        let stat = match stat(inside, name) {
            // It went meanwhile, which the directory's own time tells.
            Err(Errno::NOENT) => continue,
            found => found.map_err(fault)?,
        };
        number = number.wrapping_add(number_of(name, &stat));
        if purpose == Purpose::Layer
            && let Some(what) = of_overlays(inside, name, &stat, names)
        {
            return Err(End::Unfit(format!("/{} {what}", String::from_utf8_lossy(&directory.joined(name)))));
        }
        if name != c"." && kind(&stat) == FileType::Directory {
            if directory.depth + 1 >= DEEPEST {
                return Err(End::Unfit(format!("it has directories more than {DEEPEST} deep in each other")));
            }
            below.push(Directory { path: directory.joined(name), depth: directory.depth + 1 });
        }
    }
    Ok((Some(number), below))
}

fn is_left_out(name: &CStr) -> bool {
    LEFT_OUT.iter().any(|out| out.as_bytes() == name.to_bytes())
}

impl Directory {
    fn joined(&self, name: &CStr) -> Vec<u8> {
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name.to_bytes());
        path
    }
}

/// Opens a directory of the tree. Its access time stays, where the system lets us: it is always so for root.
fn open(tree: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    let path = CString::new(if path.is_empty() { b"." } else { path }).map_err(|_| Errno::INVAL)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match beneath::child(tree, &path, flags | OFlags::NOATIME) {
        Err(Errno::PERM) => beneath::child(tree, &path, flags),
        opened => opened,
    }
}

fn stat(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<Statx> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS)
}

fn kind(stat: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(stat.stx_mode))
}

/// What of an entry an overlay would take for its own, as the end of a sentence about it.
fn of_overlays(
    directory: BorrowedFd<'_>,
    name: &CStr,
    stat: &Statx,
    names: &mut [u8],
) -> Option<&'static str> {
    let device = (stat.stx_rdev_major, stat.stx_rdev_minor);
    match kind(stat) {
        FileType::CharacterDevice if device == (0, 0) => {
            return Some("is a device 0:0, by which an overlay knows removed files");
        }
        // They cannot have any.
        FileType::Symlink => return None,
        _ => {}
    }
    let mut path = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let size = rustix::fs::llistxattr(path.as_slice(), &mut *names).unwrap_or(0);
    let mut listed = names.get(..size)?.split(|byte| *byte == 0);
    listed.any(|name| name.starts_with(OF_OVERLAYS)).then_some("has attributes of another overlay")
}

/// All that changes with an entry, in one number. What changes in a directory below tells that one's own.
fn number_of(name: &CStr, stat: &Statx) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    (stat.stx_ino, stat.stx_mode, stat.stx_uid, stat.stx_gid).hash(&mut hasher);
    if name != c"." && kind(stat) == FileType::Directory {
        return hasher.finish();
    }
    (stat.stx_size, stat.stx_rdev_major, stat.stx_rdev_minor).hash(&mut hasher);
    for time in [&stat.stx_mtime, &stat.stx_ctime] {
        (time.tv_sec, time.tv_nsec).hash(&mut hasher);
    }
    hasher.finish()
}

fn hash(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write to what is made for them")]
mod tests {
    use super::*;
    use disklessset_plugin_api::testing::TestHost;
    use std::{fs, os::fd::AsFd};

    #[test]
    #[allow(clippy::disallowed_methods, reason = "somebody else writes to the tree")]
    fn what_changed_is_named_by_its_directory_and_what_is_no_part_of_an_image_may_change() {
        let test = TestHost::new();
        let host = test.host("LivenetImage");
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().join(path);
        for directory in ["etc/deep", "run", "srv"] {
            fs::create_dir_all(at(directory)).unwrap();
        }
        fs::write(at("srv/file"), "old").unwrap();
        let tree = fs::File::open(place.path()).unwrap();
        let Fitness::Fit(facts) = look(tree.as_fd(), &host).unwrap() else { panic!("it is fit") };
        fs::write(at("run/new"), "").unwrap();
        assert_eq!(facts.changed(tree.as_fd(), &host).unwrap(), [""; 0]);
        fs::write(at("srv/file"), "new").unwrap();
        fs::remove_dir(at("etc/deep")).unwrap();
        let mut changed = facts.changed(tree.as_fd(), &host).unwrap();
        changed.sort();
        assert_eq!(changed, ["/etc", "/srv"]);
    }
}
