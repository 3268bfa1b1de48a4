//! Small acts on files that are about to be, or no longer, somebody's.

use super::{FileError, atomic_file::aside_stem, failpoint::failpoint, flush::Together};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::beneath::{self, Links, Mounts};
use nix::{
    errno::Errno,
    fcntl::{AT_FDCWD, FallocateFlags, RenameFlags, fallocate, renameat2},
    libc,
};
use rustix::fs::OFlags;
use std::{
    collections::HashSet,
    fs::{self, File, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Opens a file for appending, made when missing, with exactly the permission bits `mode`; never through a link.
///
/// # Errors
/// Whatever the system refuses.
pub fn open_append(path: &Utf8Path, mode: u32) -> Result<File, FileError> {
    let file = File::options()
        .append(true)
        .create(true)
        .mode(mode & 0o700)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(FileError::of("open", path))?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(FileError::of("set the mode of", path))?;
    failpoint!("file: open for more lines", path);
    Ok(file)
}

/// Keeps room for so many bytes after the end of a file, where the file system can.
///
/// # Errors
/// When there is no room.
pub fn keep_room(file: &File, bytes: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    let flags = FallocateFlags::FALLOC_FL_KEEP_SIZE;
    let (at, bytes) = (i64::try_from(length), i64::try_from(bytes));
    let (Ok(at), Ok(bytes)) = (at, bytes) else { return Err(io::ErrorKind::InvalidInput.into()) };
    match fallocate(file, flags, at, bytes) {
        Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
        Err(cause) => Err(cause.into()),
    }
}

/// Sets the permission bits of a file or directory of ours; never through a link.
///
/// # Errors
/// Whatever the system refuses.
pub fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    open_nofollow(path)?
        .set_permissions(Permissions::from_mode(mode))
        .map_err(FileError::of("set the mode of", path))?;
    failpoint!("mode: set", path);
    Ok(())
}

/// Flushes one file or directory to disk.
///
/// # Errors
/// Whatever the system refuses.
pub fn sync_path(path: &Utf8Path) -> Result<(), FileError> {
    open_nofollow(path)?.sync_all().map_err(FileError::of("flush", path))
}

pub(super) fn open_nofollow(path: &Utf8Path) -> Result<File, FileError> {
    File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(FileError::of("open", path))
}

/// Removes a file durably; one that is not there is fine.
///
/// # Errors
/// Whatever the system refuses.
pub fn remove_file(path: &Utf8Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(FileError::of("remove", path)(cause)),
        Ok(()) => {
            failpoint!("file: removed", path);
            super::atomic_file::sync_dir(path.parent().unwrap_or(Utf8Path::new("/")))
        }
    }
}

/// Removes a file, durably once the others are whose removal is flushed with it; one that is not there is fine.
///
/// # Errors
/// Whatever the system refuses.
pub fn remove_file_together(path: &Utf8Path, others: &Together) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        removed => removed.map_err(FileError::of("remove", path))?,
    }
    failpoint!("file: removed", path);
    others.add(path.parent().unwrap_or(Utf8Path::new("/")));
    Ok(())
}

/// Whether there are files beside `path` that its writers make: of one that was killed, or is at it.
pub fn has_asides(path: &Utf8Path) -> bool {
    asides(path).is_ok_and(|found| !found.is_empty())
}

/// Removes what a writer of `path` that was killed left beside it. Only for those who hold the lock under which `path` is
/// written: nobody else's file aside can be there then.
///
/// # Errors
/// Whatever the system refuses.
pub fn sweep_asides(path: &Utf8Path) -> Result<(), FileError> {
    asides(path)?.iter().try_for_each(|aside| remove_file(aside))
}

/// The same for several files of one directory, which is read once.
///
/// # Errors
/// Whatever the system refuses.
pub fn sweep_asides_of(
    directory: &Utf8Path,
    files: &[&Utf8Path],
    others: &Together,
) -> Result<(), FileError> {
    let stems: HashSet<&str> = files.iter().map(|file| aside_stem(file)).collect();
    let found = asides_in(directory, &|stem| stems.contains(stem))?;
    found.iter().try_for_each(|aside| remove_file_together(aside, others))
}

fn asides(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let wanted = aside_stem(path);
    asides_in(path.parent().unwrap_or(Utf8Path::new("/")), &|stem| stem == wanted)
}

fn asides_in(parent: &Utf8Path, is_wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Utf8PathBuf>, FileError> {
    let entries = match parent.read_dir_utf8() {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(FileError::of("read directory", parent)(cause)),
    };
    // `.STEM.PROCESS-NUMBER.new`
    let stem =
        |name: &str| Some(name.strip_prefix('.')?.strip_suffix(".new")?.rsplit_once('.')?.0.to_owned());
    let ours = |name: &str| stem(name).is_some_and(|stem| is_wanted(&stem));
    Ok(entries.flatten().filter(|entry| ours(entry.file_name())).map(|entry| entry.into_path()).collect())
}

/// Exchanges two directories, or two files, in one durable step.
///
/// # Errors
/// Whatever the system refuses; a file system without this kind of rename answers `InvalidInput`.
pub fn exchange(a: &Utf8Path, b: &Utf8Path) -> Result<(), FileError> {
    renameat2(AT_FDCWD, a.as_std_path(), AT_FDCWD, b.as_std_path(), RenameFlags::RENAME_EXCHANGE)
        .map_err(FileError::of("exchange", b))?;
    failpoint!("directories: exchanged", b);
    for path in [a, b] {
        super::atomic_file::sync_dir(path.parent().unwrap_or(Utf8Path::new("/")))?;
    }
    Ok(())
}

/// Finds a path inside an OS tree as a program chrooted into it would: links, absolute ones too, stay inside.
///
/// # Errors
/// `NotFound` when it is not there; else whatever the system refuses.
pub fn resolve_in_tree(tree: &Utf8Path, path: &Utf8Path) -> Result<Utf8PathBuf, FileError> {
    let root = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open(tree)
        .map_err(FileError::of("open tree", tree))?;
    let place = path.as_str().trim_start_matches('/');
    let shown = tree.join(place);
    let found = beneath::inside(&root, Path::new(place), OFlags::PATH, Links::Inside, Mounts::Entered)
        .map_err(FileError::of("find", &shown))?;
    let real = beneath::place_of(&found).map_err(FileError::of("name", &shown))?;
    Utf8PathBuf::from_path_buf(real).map_err(|_| FileError::of("name", &shown)(Errno::EILSEQ))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;

    #[test]
    fn links_in_a_tree_stay_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(dir.path()).unwrap();
        fs::create_dir_all(tree.join("usr/lib/modules")).unwrap();
        std::os::unix::fs::symlink("/usr/lib", tree.join("lib")).unwrap();
        std::os::unix::fs::symlink("../../../../etc", tree.join("conf")).unwrap();
        let tree = tree.canonicalize_utf8().unwrap();
        assert_eq!(resolve_in_tree(&tree, "lib/modules".into()).unwrap(), tree.join("usr/lib/modules"));
        assert_eq!(
            resolve_in_tree(&tree, "/lib/../lib/./modules".into()).unwrap(),
            tree.join("usr/lib/modules")
        );
        assert_eq!(resolve_in_tree(&tree, "../..".into()).unwrap(), tree);
        assert!(
            resolve_in_tree(&tree, "conf/passwd".into()).unwrap_err().is_not_found(),
            "the server's is not seen"
        );
    }

    #[test]
    fn exchanged_directories_swap_whole() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        for name in ["a", "b"] {
            fs::create_dir(base.join(name)).unwrap();
            fs::write(base.join(name).join(name), name).unwrap();
        }
        exchange(&base.join("a"), &base.join("b")).unwrap();
        assert!(base.join("a/b").exists() && base.join("b/a").exists());
    }
}
