//! The way to what is removed, and what must not be on it or in it.

use super::RemoveError;
use crate::{FileError, beneath::own_path, mount_table, trusted_path};
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rustix::{
    fd::OwnedFd,
    fs::{Mode, OFlags, openat},
    io::Errno,
};

/// The directory the tree is in, reached without links that others could have planted, and the tree's name in it.
pub(super) fn open_parent<'a>(
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
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        current = match openat(&current, part.as_str(), flags, Mode::empty()) {
            Ok(next) => next,
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(RemoveError::Link { path: path.to_owned(), link: here });
            }
            Err(error) => return Err(FileError::of("open", &here)(error).into()),
        };
    }
    Ok(Some((current, name.as_str())))
}

/// Looks the tree up in the kernel's table under the name the kernel has for it.
pub(super) fn refuse_mounts(path: &Utf8Path, parent: &OwnedFd, name: &str) -> Result<(), RemoveError> {
    let link = own_path(parent);
    let place = Utf8Path::new(&link).read_link_utf8().map_err(FileError::of("locate", path))?.join(name);
    let mounts = mount_table::mounts()?.into_iter().map(|mount| mount.target);
    let mounts: Vec<Utf8PathBuf> = mounts.filter(|mount| mount.starts_with(&place)).collect();
    if mounts.is_empty() { Ok(()) } else { Err(RemoveError::Mounted { path: path.to_owned(), mounts }) }
}
