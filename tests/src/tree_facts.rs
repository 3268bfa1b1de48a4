//! All that can be told of a tree, entry by entry, and what differs between two: to be sure that a copy loses nothing.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr};
use std::fmt::Debug;
use std::hash::Hasher;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, SeekFrom, Statx, StatxAttributes, StatxFlags,
};
use rustix::io::Errno;

/// One entry, the topmost directory among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// What it is.
    pub kind: FileType,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner and group.
    pub owner: (u32, u32),
    /// Bytes of a file, 0 of anything else.
    pub size: u64,
    /// Last access, seconds and nanoseconds. Looking does not change it.
    pub accessed: (i64, u32),
    /// Last change of content.
    pub modified: (i64, u32),
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Where a link leads.
    pub target: Vec<u8>,
    /// A digest of a file's content: it tells accidents apart, not attackers.
    pub digest: u64,
    /// Where a file has data, begin and end; the rest are holes.
    pub data: Vec<(u64, u64)>,
    /// Extended attributes: those of users, of root, capabilities, ACLs.
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// `chattr +i`.
    pub immutable: bool,
    /// `chattr +a`.
    pub append_only: bool,
    /// How many names it has.
    pub names: u32,
    /// The first of its names in the tree, in the order of paths.
    pub same_as: PathBuf,
}

/// A tree as it was when it was looked at. What is mounted inside is not looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeFacts {
    /// By path below the tree; the topmost directory's is empty.
    pub entries: BTreeMap<PathBuf, EntryFacts>,
}

impl TreeFacts {
    /// Looks at a tree. As root; very deep trees and names of any kind are fine.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn of(tree: &Utf8Path) -> io::Result<Self> {
        let top = rustix::fs::open(tree.as_std_path(), DIRECTORY, Mode::empty())?;
        let mut look = Look { entries: BTreeMap::new(), names: BTreeMap::new() };
        look.directory(top, Path::new(""))?;
        let mut entries = look.entries;
        for paths in look.names.values() {
            let first = paths.iter().min().cloned().unwrap_or_default();
            for path in paths {
                if let Some(facts) = entries.get_mut(path) {
                    facts.same_as.clone_from(&first);
                }
            }
        }
        Ok(Self { entries })
    }

    /// What is different in another tree, a line each; none when they are the same.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, before) in &self.entries {
            match other.entries.get(path) {
                None => lines.push(format!("{path:?}: missing")),
                Some(after) => before.compare(after, |what, before, after| {
                    lines.push(format!("{path:?}: {what} was {before}, is {after}"));
                }),
            }
        }
        let added = other.entries.keys().filter(|path| !self.entries.contains_key(*path));
        lines.extend(added.map(|path| format!("{path:?}: added")));
        lines
    }
}

impl EntryFacts {
    fn compare(&self, other: &Self, mut say: impl FnMut(&str, String, String)) {
        let mut one = |what: &str, before: &dyn Debug, after: &dyn Debug| {
            let (before, after) = (format!("{before:?}"), format!("{after:?}"));
            if before != after {
                say(what, before, after);
            }
        };
        one("kind", &self.kind, &other.kind);
        one("mode", &format!("{:o}", self.mode), &format!("{:o}", other.mode));
        one("owner", &self.owner, &other.owner);
        one("size", &self.size, &other.size);
        one("accessed", &self.accessed, &other.accessed);
        one("modified", &self.modified, &other.modified);
        one("device", &self.device, &other.device);
        one("target", &OsStr::from_bytes(&self.target), &OsStr::from_bytes(&other.target));
        one("digest", &self.digest, &other.digest);
        one("data", &self.data, &other.data);
        one("immutable", &self.immutable, &other.immutable);
        one("append_only", &self.append_only, &other.append_only);
        one("names", &self.names, &other.names);
        one("same_as", &self.same_as, &other.same_as);
        for name in self.attributes.keys().chain(other.attributes.keys()) {
            let what = format!("attribute {}", String::from_utf8_lossy(name));
            one(&what, &self.attributes.get(name), &other.attributes.get(name));
        }
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC).union(OFlags::NOATIME);
const RESOLVE: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_XDEV);

struct Look {
    entries: BTreeMap<PathBuf, EntryFacts>,
    /// Paths by device and inode.
    names: BTreeMap<(u32, u32, u64), Vec<PathBuf>>,
}

impl Look {
    fn directory(&mut self, directory: OwnedFd, path: &Path) -> io::Result<()> {
        self.entry(directory.as_fd(), c".", path)?;
        let mut entries = Dir::read_from(&directory)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let below = path.join(OsStr::from_bytes(name.to_bytes()));
            let is_directory = stat(directory.as_fd(), name)?.1 == FileType::Directory;
            match is_directory
                .then(|| rustix::fs::openat2(&directory, name, DIRECTORY, Mode::empty(), RESOLVE))
            {
                Some(Err(Errno::XDEV)) | None => self.entry(directory.as_fd(), name, &below)?,
                Some(opened) => self.directory(opened?, &below)?,
            }
        }
        Ok(())
    }

    fn entry(&mut self, directory: BorrowedFd<'_>, name: &CStr, path: &Path) -> io::Result<()> {
        let (stat, kind) = stat(directory, name)?;
        let (target, file) = match kind {
            FileType::Symlink => {
                (rustix::fs::readlinkat(directory, name, Vec::new())?.into_bytes(), Content::default())
            }
            FileType::RegularFile => (Vec::new(), content(directory, name)?),
            _ => (Vec::new(), Content::default()),
        };
        let has = |flag| stat.stx_attributes.contains(flag);
        let is_file = kind == FileType::RegularFile;
        let is_directory = kind == FileType::Directory;
        let inode = (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino);
        self.names.entry(inode).or_default().push(path.to_owned());
        self.entries.insert(
            path.to_owned(),
            EntryFacts {
                kind,
                mode: u32::from(stat.stx_mode) & 0o7777,
                owner: (stat.stx_uid, stat.stx_gid),
                size: if is_file { stat.stx_size } else { 0 },
                accessed: (stat.stx_atime.tv_sec, stat.stx_atime.tv_nsec),
                modified: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
                device: (stat.stx_rdev_major, stat.stx_rdev_minor),
                target,
                digest: file.digest,
                data: file.data,
                attributes: attributes(directory, name)?,
                immutable: has(StatxAttributes::IMMUTABLE),
                append_only: has(StatxAttributes::APPEND),
                // Of a directory it is a matter of the file system.
                names: if is_directory { 1 } else { stat.stx_nlink },
                same_as: path.to_owned(),
            },
        );
        Ok(())
    }
}

fn stat(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<(Statx, FileType)> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let stat = rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS)?;
    let kind = FileType::from_raw_mode(u32::from(stat.stx_mode));
    Ok((stat, kind))
}

#[derive(Default)]
struct Content {
    digest: u64,
    data: Vec<(u64, u64)>,
}

/// Reads only what is no hole, so that large sparse files cost nothing.
fn content(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<Content> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NOATIME | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, name, flags, Mode::empty())?;
    let mut hasher = std::hash::DefaultHasher::new();
    let mut data = Vec::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    loop {
        let begin = match rustix::fs::seek(&file, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            Err(Errno::NXIO) => break,
            Err(cause) => return Err(cause.into()),
        };
        let end = rustix::fs::seek(&file, SeekFrom::Hole(begin))?;
        data.push((begin, end));
        at = begin;
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            match rustix::io::pread(&file, &mut buffer[..most], at)? {
                0 => break,
                read => {
                    hasher.write(&buffer[..read]);
                    at += read as u64;
                }
            }
        }
        at = end;
    }
    Ok(Content { digest: hasher.finish(), data })
}

fn attributes(directory: BorrowedFd<'_>, name: &CStr) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let path = Path::new("/proc/self/fd")
        .join(directory.as_raw_fd().to_string())
        .join(OsStr::from_bytes(name.to_bytes()));
    let mut list = vec![0; 64 * 1024];
    let size = match rustix::fs::llistxattr(&path, &mut list[..]) {
        Err(Errno::OPNOTSUPP) => 0,
        listed => listed?,
    };
    let mut found = BTreeMap::new();
    for name in list[..size].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 64 * 1024];
        let size = rustix::fs::lgetxattr(&path, OsStr::from_bytes(name), &mut value[..])?;
        value.truncate(size);
        found.insert(name.to_vec(), value);
    }
    Ok(found)
}
