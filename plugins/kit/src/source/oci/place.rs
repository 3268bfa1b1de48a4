//! Putting one member of a layer into the tree, with all that is known of it.

use super::{
    kept::HeldFiles,
    members::{Kind, Member},
    name,
    tree::{self, Times, Tree, cstring},
    unpack_error::UnpackError,
};
use rustix::{
    fd::{AsFd, BorrowedFd},
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags},
    io::Errno,
};
use std::{
    ffi::{CStr, CString},
    fs::File,
    io::{Read, Write},
    os::unix::fs::FileExt,
};

/// Attributes that are the bookkeeping of an overlay file system: they would hide files where the tree becomes a layer of one.
const OVERLAY: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];

/// What of a layer could not be kept.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// How many attributes, and the first of them.
    pub(super) attributes: u64,
    pub(super) first: Option<String>,
    /// How many members with access control lists as text.
    pub(super) foreign_acls: u64,
}

/// Why a system call failed, as a fault of the member or of the server.
fn fault(member: &Member, act: &str) -> impl Fn(Errno) -> UnpackError {
    let (path, act) = (member.path.clone(), act.to_owned());
    move |cause| {
        let cause = std::io::Error::from(cause);
        match Errno::from_io_error(&cause) {
            Some(Errno::NOSPC | Errno::DQUOT | Errno::IO | Errno::ROFS | Errno::MFILE | Errno::NFILE) => {
                UnpackError::Server(format!("cannot {act} {}: {cause}", super::unpack_error::shown(&path)))
            }
            _ => UnpackError::member(&path, format!("cannot be made: {act}: {cause}")),
        }
    }
}

/// Makes a member with its data; `parts` is its path.
pub(super) fn put(
    tree: &Tree,
    member: &Member,
    parts: &[&[u8]],
    data: &mut dyn Read,
    kept: Option<&HeldFiles>,
    lost: &mut Lost,
) -> Result<(), UnpackError> {
    lost.foreign_acls += u64::from(member.foreign_acl);
    let Some((last, above)) = parts.split_last() else {
        return match member.kind {
            Kind::Directory => apply_metadata(tree.root(), c".", member, lost),
            _ => Err(UnpackError::member(&member.path, "would replace the root directory")),
        };
    };
    let parent = tree.make_directory(above).map_err(fault(member, "open its directory"))?;
    let parent = parent.as_fd();
    let name = cstring(last).map_err(fault(member, "name"))?;
    let _kept = Times::of(parent).map_err(fault(member, "look at its directory"))?;
    match member.kind {
        Kind::File => write(parent, &name, member, data)?,
        Kind::Directory => make_directory(parent, &name).map_err(fault(member, "make"))?,
        Kind::HardLink => return link(tree, parent, &name, member, kept),
        Kind::Symlink => {
            let target = cstring(&member.link)
                .map_err(|_| UnpackError::member(&member.path, "links to a name with a NUL"))?;
            replacing(parent, &name, || rustix::fs::symlinkat(&*target, parent, &*name))
                .map_err(fault(member, "make"))?;
        }
        Kind::Character | Kind::Block | Kind::Fifo => {
            let kind = match member.kind {
                Kind::Character => FileType::CharacterDevice,
                Kind::Block => FileType::BlockDevice,
                _ => FileType::Fifo,
            };
            let device = rustix::fs::makedev(member.device.0, member.device.1);
            let mode = Mode::from_raw_mode(0o600);
            replacing(parent, &name, || rustix::fs::mknodat(parent, &*name, kind, mode, device))
                .map_err(fault(member, "make"))?;
        }
    }
    apply_metadata(parent, &name, member, lost)
}

/// Makes something in the place of whatever is there.
fn replacing<T>(
    parent: BorrowedFd<'_>,
    name: &CStr,
    make: impl Fn() -> rustix::io::Result<T>,
) -> rustix::io::Result<T> {
    match make() {
        Err(Errno::EXIST) => {
            tree::remove(parent, name)?;
            make()
        }
        made => made,
    }
}

/// A directory that is there stays, with what is in it.
fn make_directory(parent: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<()> {
    let made = rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700));
    if made != Err(Errno::EXIST) {
        return made;
    }
    let stat = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
    if tree::kind(&stat) == FileType::Directory {
        return Ok(());
    }
    tree::remove(parent, name)?;
    rustix::fs::mkdirat(parent, name, Mode::from_raw_mode(0o700))
}

fn attributes(path: &std::path::Path) -> rustix::io::Result<Vec<CString>> {
    let length = match rustix::fs::llistxattr_query(path) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        length => length?,
    };
    let mut list = Vec::with_capacity(length);
    rustix::fs::llistxattr(path, rustix::buffer::spare_capacity(&mut list))?;
    // The security module of the server gives every file its label, and takes it from nobody.
    let names = list.split(|byte| *byte == 0).filter(|name| !name.is_empty() && *name != b"security.selinux");
    names.map(cstring).collect()
}

fn link(
    tree: &Tree,
    parent: BorrowedFd<'_>,
    name: &CStr,
    member: &Member,
    kept: Option<&HeldFiles>,
) -> Result<(), UnpackError> {
    let refuse = |why: String| {
        Err(UnpackError::member(
            &member.path,
            format!("is a hard link to {}, {why}", super::unpack_error::shown(&member.link)),
        ))
    };
    let parts = name::parts(&member.link)
        .or_else(|_| refuse("which leads upwards".to_owned()).map(|()| Vec::new()))?;
    let Some((last, above)) = parts.split_last() else {
        return refuse("which is the root directory".to_owned());
    };
    let find = || -> rustix::io::Result<_> {
        let directory = tree.directory(above)?;
        let last = cstring(last)?;
        let stat = rustix::fs::statat(&directory, &*last, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((directory, last, stat))
    };
    let (directory, last, stat) = match find() {
        Ok(found) => found,
        Err(Errno::NOENT | Errno::NOTDIR) => match kept.and_then(|kept| kept.find(&parts)) {
            Some(found) => found,
            None => return refuse("which is not in the image at that point".to_owned()),
        },
        Err(cause) => return refuse(format!("which cannot be reached: {}", std::io::Error::from(cause))),
    };
    if tree::kind(&stat) == FileType::Directory {
        return refuse("which is a directory".to_owned());
    }
    let there = rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW);
    if there.is_ok_and(|there| there.st_ino == stat.st_ino && there.st_dev == stat.st_dev) {
        return Ok(());
    }
    replacing(parent, name, || rustix::fs::linkat(&directory, &*last, parent, name, AtFlags::empty()))
        .map_err(fault(member, "link"))
}

fn write(
    parent: BorrowedFd<'_>,
    name: &CStr,
    member: &Member,
    data: &mut dyn Read,
) -> Result<(), UnpackError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let make = || rustix::fs::openat(parent, name, flags, Mode::from_raw_mode(0o600));
    let mut file = File::from(replacing(parent, name, make).map_err(fault(member, "make"))?);
    let mut buffer = vec![0; 1 << 16];
    let cannot = |cause: std::io::Error| match Errno::from_io_error(&cause) {
        Some(errno) => fault(member, "write")(errno),
        None => UnpackError::Server(cause.to_string()),
    };
    let mut copy =
        |length: u64, write: &mut dyn FnMut(&[u8], u64) -> std::io::Result<()>| -> Result<(), UnpackError> {
            let mut done = 0;
            while done < length {
                let most = usize::try_from(length - done).unwrap_or(usize::MAX).min(buffer.len());
                match data.read(&mut buffer[..most])? {
                    0 => return Err(UnpackError::Damaged("its tar archive ends too early".to_owned())),
                    got => {
                        write(&buffer[..got], done).map_err(cannot)?;
                        done += got as u64;
                    }
                }
            }
            Ok(())
        };
    match &member.sparse {
        None => copy(member.stored, &mut |bytes, _| file.write_all(bytes)),
        Some(sparse) => {
            file.set_len(sparse.real_size).map_err(cannot)?;
            let mut pieces = sparse.pieces.iter();
            pieces.try_for_each(|(offset, length)| {
                copy(*length, &mut |bytes, at| file.write_all_at(bytes, offset + at))
            })
        }
    }
}

/// Owner, mode, attributes, times: in this order, as changing the owner takes setuid bits and capabilities away. Attributes that the
/// layer does not tell of go: those a directory has from a lower layer, and access rules inherited from the directory above.
fn apply_metadata(
    parent: BorrowedFd<'_>,
    name: &CStr,
    member: &Member,
    lost: &mut Lost,
) -> Result<(), UnpackError> {
    let (uid, gid) = (Uid::from_raw(member.uid), Gid::from_raw(member.gid));
    rustix::fs::chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(fault(member, "set the owner"))?;
    if member.kind != Kind::Symlink {
        let path = tree::own_path(parent, name);
        let clear = |attribute: CString| rustix::fs::lremovexattr(&path, &*attribute);
        attributes(&path)
            .and_then(|all| all.into_iter().try_for_each(clear))
            .map_err(fault(member, "clear its attributes"))?;
        let mode = Mode::from_raw_mode(member.mode);
        rustix::fs::chmodat(parent, name, mode, AtFlags::empty()).map_err(fault(member, "set the mode"))?;
    }
    if !member.xattrs.is_empty() {
        set_attributes(parent, name, member, lost)?;
    }
    let time = Timespec { tv_sec: member.mtime.0, tv_nsec: i64::from(member.mtime.1) };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(fault(member, "set the time"))
}

fn set_attributes(
    parent: BorrowedFd<'_>,
    name: &CStr,
    member: &Member,
    lost: &mut Lost,
) -> Result<(), UnpackError> {
    let path = tree::own_path(parent, name);
    for (attribute, value) in &member.xattrs {
        if OVERLAY.iter().any(|start| attribute.starts_with(start)) {
            continue;
        }
        let act = format!("set the attribute {}", super::unpack_error::shown(attribute));
        let called = cstring(attribute).map_err(fault(member, &act))?;
        match rustix::fs::lsetxattr(&path, &*called, value, XattrFlags::empty()) {
            Ok(()) => {}
            // A security module may know no such label.
            Err(cause) if cause == Errno::NOTSUP || attribute == b"security.selinux" => {
                lost.attributes += 1;
                let (attribute, path) =
                    (super::unpack_error::shown(attribute), super::unpack_error::shown(&member.path));
                lost.first.get_or_insert_with(|| format!("{attribute} of {path}"));
            }
            Err(cause) => return Err(fault(member, &act)(cause)),
        }
    }
    Ok(())
}
