//! What a tree is like before a layer is laid over it, and what of it was changed since. Looking changes nothing of it, not even times.

use crate::content::LEFT_OUT;
use disklessset_plugin_api::{Error, Host, Result};
use disklessset_system::beneath;
use rustix::{
    fd::{AsRawFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, OFlags, Statx, StatxFlags},
    io::Errno,
};
use std::{
    collections::HashMap,
    ffi::CStr,
    hash::{DefaultHasher, Hash, Hasher},
};

/// Directories in each other: each is held open on the way down.
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
    let mut facts = Facts::default();
    let unfit = walk(tree, Purpose::Layer, host, &mut |path, number| {
        facts.0.insert(hash(path), number);
    })?;
    Ok(unfit.map_or(Fitness::Fit(facts), Fitness::Unfit))
}

impl Facts {
    /// The directories that have other entries now, or the same in another state; the first few of them.
    ///
    /// # Errors
    /// As [`look`].
    pub(super) fn changed(&self, tree: BorrowedFd<'_>, host: &Host<'_>) -> Result<Vec<String>> {
        let mut changed = Vec::new();
        let too_deep = walk(tree, Purpose::Comparison, host, &mut |path, number| {
            if changed.len() < NAMED && self.0.get(&hash(path)) != Some(&number) {
                changed.push(format!("/{}", String::from_utf8_lossy(path)));
            }
        })?;
        changed.extend(too_deep);
        Ok(changed)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Layer,
    Comparison,
}

/// A directory on the way down.
struct Level {
    entries: Dir,
    /// How long the path of the one above is.
    above: usize,
    number: u64,
}

/// The way through a tree.
struct Walk {
    purpose: Purpose,
    levels: Vec<Level>,
    /// Of the directory that is looked at, below the tree.
    path: Vec<u8>,
    /// Room for names of attributes.
    names: Vec<u8>,
}

/// Tells each directory, by its path below the tree, when all below it was seen. Ends early with the reason when the tree can be no layer.
fn walk(
    tree: BorrowedFd<'_>,
    purpose: Purpose,
    host: &Host<'_>,
    each: &mut dyn FnMut(&[u8], u64),
) -> Result<Option<String>> {
    let mut walk = Walk { purpose, levels: Vec::new(), path: Vec::new(), names: vec![0; NAMES] };
    let entries = open(tree, c".").and_then(Dir::new).map_err(|cause| walk.fault(cause))?;
    walk.levels.push(Level { entries, above: 0, number: 0 });
    while let Some(level) = walk.levels.last_mut() {
        let Some(entry) = level.entries.read() else {
            each(&walk.path, level.number);
            walk.path.truncate(level.above);
            walk.levels.pop();
            host.checkpoint()?;
            continue;
        };
        let entry = entry.map_err(|cause| walk.fault(cause))?;
        let unfit = walk.see(entry.file_name()).map_err(|cause| walk.fault(cause))?;
        if unfit.is_some() {
            return Ok(unfit);
        }
    }
    Ok(None)
}

impl Walk {
    fn fault(&self, cause: Errno) -> Error {
        let path = String::from_utf8_lossy(&self.path);
        Error::failed(format!("cannot look at /{path} of the tree")).because(cause)
    }

    /// Looks at an entry of the directory, and goes down into one that is a directory.
    fn see(&mut self, name: &CStr) -> rustix::io::Result<Option<String>> {
        let is_left_out =
            self.path.is_empty() && LEFT_OUT.iter().any(|out| out.as_bytes() == name.to_bytes());
        let Some(level) = self.levels.last_mut().filter(|_| name != c".." && !is_left_out) else {
            return Ok(None);
        };
        let directory = level.entries.fd()?;
        let stat = match stat(directory, name) {
            // It went meanwhile, which the directory's own time tells.
            Err(Errno::NOENT) => return Ok(None),
            found => found?,
        };
        level.number = level.number.wrapping_add(number_of(name, &stat));
        if self.purpose == Purpose::Layer
            && let Some(what) = of_overlays(directory, name, &stat, &mut self.names)
        {
            let inside = [self.path.as_slice(), name.to_bytes()].join(&b"/"[..]);
            return Ok(Some(format!("/{} {what}", String::from_utf8_lossy(&inside).trim_start_matches('/'))));
        }
        if name == c"." || kind(&stat) != FileType::Directory {
            return Ok(None);
        }
        match open(directory, name).and_then(Dir::new) {
            Ok(entries) => Ok(self.go_down(name, entries)),
            // What is mounted there is no part of the tree.
            Err(Errno::XDEV | Errno::NOENT) => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    fn go_down(&mut self, name: &CStr, entries: Dir) -> Option<String> {
        if self.levels.len() >= DEEPEST {
            return Some(format!("it has directories more than {DEEPEST} deep in each other"));
        }
        let above = self.path.len();
        if above > 0 {
            self.path.push(b'/');
        }
        self.path.extend_from_slice(name.to_bytes());
        self.levels.push(Level { entries, above, number: 0 });
        None
    }
}

/// Opens a directory in another. Its access time stays, where the system lets us: it is always so for root.
fn open(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match beneath::child(directory, name, flags | OFlags::NOATIME) {
        Err(Errno::PERM) => beneath::child(directory, name, flags),
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
