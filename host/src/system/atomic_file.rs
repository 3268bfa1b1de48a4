//! Files that are whole or absent, whatever happens: durable replacement, renames that reach the disk, bounded reads.
//!
//! A rename survives a power cut only when its directory was synced after it, and a file that a rename publishes
//! must have been synced before it. Both are done here, so that no caller can forget one.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::sync::atomic::{AtomicU32, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use nix::fcntl::{AT_FDCWD, OFlag, RenameFlags, openat, renameat2};
use nix::libc;
use nix::sys::stat::{Mode, mkdirat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::system::{
    FileError,
    failpoint::failpoint,
    flush::{self, Together},
    trusted_path,
};

/// Makes `path` hold exactly `content` with the permission bits `mode`, durably: after a crash at any point the
/// file is the old one or the new one. A link at `path` is replaced, not followed.
///
/// # Errors
/// Whatever the system refuses; the old file is then untouched and nothing is left beside it.
pub fn replace(path: &Utf8Path, content: &[u8], mode: u32) -> Result<(), FileError> {
    let (aside, mut file) = create_aside(path, mode)?;
    failpoint!("file aside: half written", path, dying: file.write_all(&content[..content.len() / 2]));
    let written = file
        .write_all(content)
        .inspect(|()| failpoint!("file aside: written", path))
        .and_then(|()| file.sync_all())
        .inspect(|()| failpoint!("file aside: flushed", path))
        .map_err(FileError::of("write", &aside))
        .and_then(|()| std::fs::rename(&aside, path).map_err(FileError::of("replace", path)))
        .inspect(|()| failpoint!("file aside: in its place", path));
    if let Err(error) = written {
        // The file aside is ours alone; if even this fails there is nothing better to do than to say the first error.
        let _ = std::fs::remove_file(&aside);
        return Err(error);
    }
    sync_dir(parent_of(path))
}

/// Makes files of one directory hold exactly these contents, as [`replace`] does one, with one flush before the renames. The renames are
/// durable once the others are whose changes are flushed with them.
///
/// # Errors
/// Whatever the system refuses. Some of the files may be new ones then, and nothing is left beside them.
pub fn replace_together(files: &[(&Utf8Path, &[u8])], mode: u32, others: &Together) -> Result<(), FileError> {
    let mut asides = Vec::new();
    let done = (|| {
        for (path, content) in files {
            let (aside, mut file) = create_aside(path, mode)?;
            asides.push(aside);
            file.write_all(content).map_err(FileError::of("write", path))?;
            failpoint!("file aside: written", path);
        }
        flush::sync_files(&asides.iter().map(Utf8PathBuf::as_path).collect::<Vec<_>>())?;
        for ((path, _), aside) in files.iter().zip(&asides) {
            std::fs::rename(aside, path).map_err(FileError::of("replace", path))?;
            failpoint!("file aside: in its place", path);
            others.add(parent_of(path));
        }
        Ok(())
    })();
    if done.is_err() {
        for aside in &asides {
            // Ours alone, or in its place; the first error is the one to tell.
            let _ = std::fs::remove_file(aside);
        }
    }
    done
}

/// Creates a new empty file beside `path`, named after it with a leading dot, for content that is renamed to `path`
/// when it is whole. The mode is exact, whatever the umask.
///
/// # Errors
/// Whatever the system refuses.
pub fn create_aside(path: &Utf8Path, mode: u32) -> Result<(Utf8PathBuf, File), FileError> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let stem = aside_stem(path);
    for _ in 0..1000 {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let aside = parent_of(path).join(format!(".{stem}.{}-{number}.new", std::process::id()));
        match create_new(&aside, mode) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((aside, file)),
        }
    }
    let source = io::Error::from(io::ErrorKind::AlreadyExists);
    Err(FileError { act: "find a free name beside", path: path.to_owned(), source })
}

/// What the names of files aside have of their file's name: all of it, unless it is too long for a name with more to it.
pub(super) fn aside_stem(path: &Utf8Path) -> &str {
    let name = path.file_name().unwrap_or("file");
    let mut end = name.len().min(200);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    &name[..end]
}

/// Creates a file that must not exist, with exactly the permission bits `mode`.
///
/// # Errors
/// `AlreadyExists` when anything has that name, a dangling link included; else whatever the system refuses.
pub fn create_new(path: &Utf8Path, mode: u32) -> Result<File, FileError> {
    let file = File::options()
        .write(true)
        .read(true)
        .create_new(true)
        .mode(mode & 0o700)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
        .map_err(FileError::of("create", path))?;
    failpoint!("file: made, without its mode", path);
    match file.set_permissions(Permissions::from_mode(mode)) {
        Ok(()) => {
            failpoint!("file: made", path);
            Ok(file)
        }
        Err(cause) => {
            // Made by us a moment ago; if even this fails there is nothing better to do than to say the first error.
            let _ = std::fs::remove_file(path);
            Err(FileError::of("set the mode of", path)(cause))
        }
    }
}

/// Opens a log for appending, 0640, made when missing; never through a link, never anything but a regular file.
///
/// # Errors
/// Whatever the system refuses.
pub fn open_log(path: &Utf8Path) -> Result<File, FileError> {
    let file = File::options()
        .append(true)
        .create(true)
        .mode(0o640)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(FileError::of("open the log", path))?;
    require_regular(&file, path)?;
    Ok(file)
}

/// Makes renames, creations and removals in a directory survive a power cut.
///
/// # Errors
/// Whatever the system refuses.
pub fn sync_dir(path: &Utf8Path) -> Result<(), FileError> {
    let directory = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open(path)
        .map_err(FileError::of("open directory", path))?;
    directory.sync_all().map_err(FileError::of("sync directory", path))?;
    failpoint!("directory: flushed", path);
    Ok(())
}

/// Renames durably, and only if nothing has the new name.
///
/// # Errors
/// `AlreadyExists` when something has the new name; else whatever the system refuses.
pub fn rename_noreplace(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    let flags = RenameFlags::RENAME_NOREPLACE;
    renameat2(AT_FDCWD, from.as_std_path(), AT_FDCWD, to.as_std_path(), flags)
        .map_err(FileError::of("rename to", to))?;
    failpoint!("renamed to a new name", to);
    sync_both(from, to)
}

/// Renames durably; a file that has the new name is replaced, a directory that has it must be empty.
///
/// # Errors
/// Whatever the system refuses.
pub fn rename_replacing(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    std::fs::rename(from, to).map_err(FileError::of("rename to", to))?;
    failpoint!("renamed over what was there", to);
    sync_both(from, to)
}

fn sync_both(from: &Utf8Path, to: &Utf8Path) -> Result<(), FileError> {
    sync_dir(parent_of(to))?;
    if parent_of(from) == parent_of(to) { Ok(()) } else { sync_dir(parent_of(from)) }
}

/// Creates one directory, which must not exist, with exactly the permission bits `mode`, durably.
///
/// # Errors
/// `AlreadyExists` when anything has that name; else whatever the system refuses. Then there is no new directory.
pub fn create_dir(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    std::fs::DirBuilder::new()
        .mode(mode & 0o700)
        .create(path)
        .map_err(FileError::of("create directory", path))?;
    failpoint!("directory: made, without its mode", path);
    finish_dir(path, mode).inspect_err(|_| {
        // Ours and empty; if even this fails there is nothing better to do than to say the first error.
        let _ = std::fs::remove_dir(path);
    })
}

fn finish_dir(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    // The umask took bits from the creation. O_NOFOLLOW: what is changed is what was just made, not a link put in its place.
    let directory = File::options()
        .read(true)
        .custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW)
        .open(path)
        .map_err(FileError::of("open directory", path))?;
    directory
        .set_permissions(Permissions::from_mode(mode))
        .map_err(FileError::of("set the mode of", path))?;
    sync_dir(parent_of(path))
}

/// Creates a directory that must not exist in one that is open; `path` is for messages. As [`create_dir`] otherwise.
///
/// # Errors
/// As for [`create_dir`].
pub(in crate::system) fn create_dir_in(
    parent: &OwnedFd,
    name: &str,
    path: &Utf8Path,
    mode: u32,
) -> Result<(), FileError> {
    mkdirat(parent, name, Mode::S_IRWXU).map_err(FileError::of("create directory", path))?;
    failpoint!("directory: made, without its mode", path);
    finish_dir_in(parent, name, path, mode).inspect_err(|_| {
        // Ours and empty; if even this fails there is nothing better to do than to say the first error.
        let _ = unlinkat(parent, name, UnlinkatFlags::RemoveDir);
    })
}

fn finish_dir_in(parent: &OwnedFd, name: &str, path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let made = openat(parent, name, flags, Mode::empty()).map_err(FileError::of("open directory", path))?;
    File::from(made)
        .set_permissions(Permissions::from_mode(mode))
        .map_err(FileError::of("set the mode of", path))?;
    // The descriptor may only name the directory.
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let open = openat(parent, ".", flags, Mode::empty()).map_err(FileError::of("sync directory", path))?;
    File::from(open).sync_all().map_err(FileError::of("sync directory", path))
}

/// Creates a directory and its missing parents, all with exactly the permission bits `mode`; what exists stays as it is. Goes by
/// descriptors, and not through a link that another user could have put on the way.
///
/// # Errors
/// `NotADirectory` when something else has one of the names; such a link; else whatever the system refuses.
pub fn create_dir_all(path: &Utf8Path, mode: u32) -> Result<(), FileError> {
    let absolute = camino::absolute_utf8(path).map_err(FileError::of("locate", path))?;
    trusted_path::complete(&absolute, |parent, name, missing| create_dir_in(parent, name, missing, mode))
        .map_err(|error| error.into_file_error("create directory", path))
}

/// Reads a regular file of at most `max_bytes` bytes. Never follows a link at `path` itself and never waits on a FIFO.
///
/// # Errors
/// `InvalidInput` for anything but a regular file, `FileTooLarge` beyond the bound, else what the system refuses.
pub fn read_bounded(path: &Utf8Path, max_bytes: u64) -> Result<Vec<u8>, FileError> {
    let file = File::options()
        .read(true)
        // O_NONBLOCK: opening a FIFO would otherwise wait for somebody to write to it.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(FileError::of("read", path))?;
    let length = require_regular(&file, path)?;
    let too_large = || {
        let text = format!("larger than the {max_bytes} bytes such a file may have");
        FileError {
            act: "read",
            path: path.to_owned(),
            source: io::Error::new(io::ErrorKind::FileTooLarge, text),
        }
    };
    if length > max_bytes {
        return Err(too_large());
    }
    let mut content = Vec::new();
    // The file may grow while it is read: the bound holds for what is read, not for what was announced.
    file.take(max_bytes.saturating_add(1)).read_to_end(&mut content).map_err(FileError::of("read", path))?;
    if content.len() as u64 > max_bytes { Err(too_large()) } else { Ok(content) }
}

/// Refuses anything but a regular file; returns its length in bytes.
fn require_regular(file: &File, path: &Utf8Path) -> Result<u64, FileError> {
    let metadata = file.metadata().map_err(FileError::of("inspect", path))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let source = io::Error::new(io::ErrorKind::InvalidInput, "not a regular file");
    Err(FileError { act: "read", path: path.to_owned(), source })
}

/// The directory that holds the name; `.` for a bare name.
fn parent_of(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Place(tempfile::tempdir().unwrap())
        }
        fn path(&self, name: &str) -> Utf8PathBuf {
            Utf8Path::from_path(self.0.path()).unwrap().join(name)
        }
        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> = std::fs::read_dir(self.0.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        }
    }

    #[test]
    fn replacing_gives_content_and_mode_whatever_the_umask_and_leaves_nothing_beside() {
        let place = Place::new();
        let file = place.path("image_data.yml");
        replace(&file, b"old", 0o600).unwrap();
        replace(&file, b"new", 0o666).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o666);
        assert_eq!(place.names(), ["image_data.yml"]);
    }

    #[test]
    fn replacing_a_link_leaves_its_target_alone() {
        let place = Place::new();
        std::fs::write(place.path("precious"), "keep").unwrap();
        std::os::unix::fs::symlink("precious", place.path("link")).unwrap();
        replace(&place.path("link"), b"new", 0o644).unwrap();
        assert_eq!(std::fs::read_to_string(place.path("precious")).unwrap(), "keep");
        assert_eq!(std::fs::read_to_string(place.path("link")).unwrap(), "new");
    }

    #[test]
    fn a_replacement_that_fails_leaves_nothing_beside() {
        let place = Place::new();
        std::fs::create_dir_all(place.path("taken/by/a/directory")).unwrap();
        let error = replace(&place.path("taken"), b"new", 0o644).unwrap_err();
        assert!(error.to_string().contains("cannot replace"), "{error}");
        assert_eq!(place.names(), ["taken"]);
    }

    #[test]
    fn a_rename_does_not_swallow_what_has_the_name() {
        let place = Place::new();
        std::fs::write(place.path("a"), "a").unwrap();
        std::fs::write(place.path("b"), "b").unwrap();
        let error = rename_noreplace(&place.path("a"), &place.path("b")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read_to_string(place.path("b")).unwrap(), "b");
        rename_noreplace(&place.path("a"), &place.path("c")).unwrap();
        assert_eq!(place.names(), ["b", "c"]);
    }

    #[test]
    fn directories_get_the_mode_that_was_asked_for() {
        let place = Place::new();
        create_dir(&place.path("shared"), 0o777).unwrap();
        assert_eq!(std::fs::metadata(place.path("shared")).unwrap().mode() & 0o7777, 0o777);
        create_dir_all(&place.path("x/y/z"), 0o750).unwrap();
        create_dir_all(&place.path("x/y/z"), 0o700).unwrap();
        assert_eq!(std::fs::metadata(place.path("x/y")).unwrap().mode() & 0o7777, 0o750);
        assert_eq!(std::fs::metadata(place.path("x/y/z")).unwrap().mode() & 0o7777, 0o750);
        std::fs::write(place.path("file"), "").unwrap();
        assert!(create_dir_all(&place.path("file/below"), 0o755).is_err());
    }

    #[test]
    fn directories_are_not_made_through_links_of_others() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = Place::new();
        create_dir(&place.path("open"), 0o1777).unwrap();
        create_dir(&place.path("victim"), 0o755).unwrap();
        let planted = place.path("open/planted");
        std::os::unix::fs::symlink(place.path("victim"), &planted).unwrap();
        for owner in [65534, 0] {
            std::os::unix::fs::lchown(&planted, Some(owner), Some(owner)).unwrap();
            let error = create_dir_all(&planted.join("new/deep"), 0o755).unwrap_err();
            assert!(error.source.to_string().contains("could have planted"), "{}", error.source);
            // That it is there already is no reason to go through the link.
            assert!(create_dir_all(&planted, 0o755).is_err());
        }
        assert_eq!(std::fs::read_dir(place.path("victim")).unwrap().count(), 0);
        // A link of root's own, where nobody else can make any, is what root meant.
        std::os::unix::fs::symlink("victim", place.path("own")).unwrap();
        create_dir_all(&place.path("own/new/deep"), 0o755).unwrap();
        assert!(place.path("victim/new/deep").is_dir());
    }

    #[test]
    fn reading_is_bounded_follows_no_link_and_does_not_hang_on_a_fifo() {
        let place = Place::new();
        std::fs::write(place.path("file"), "12345").unwrap();
        std::os::unix::fs::symlink("file", place.path("link")).unwrap();
        nix::unistd::mkfifo(place.path("fifo").as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_bounded(&place.path("file"), 5).unwrap(), b"12345");
        assert_eq!(read_bounded(&place.path("file"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert!(read_bounded(&place.path("link"), 5).is_err());
        for special in [place.path("fifo"), place.path(".")] {
            assert_eq!(read_bounded(&special, 5).unwrap_err().source.to_string(), "not a regular file");
        }
        // A file that says it is empty and is not.
        assert!(read_bounded("/proc/self/stat".into(), 4).is_err());
    }
}
