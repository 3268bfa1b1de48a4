//! Files inside an OS tree, reached so that no link in the tree can lead out of it.
//!
//! Every path is resolved by the kernel with the tree as its root (`openat2`, `RESOLVE_IN_ROOT`): `/etc/shadow` behind a link
//! is the tree's, never the server's. Nothing below a mount inside the tree is reached.

use crate::beneath::{self, Links};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use rustix::{
    fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Gid, IFlags, Mode, OFlags, Stat, Uid},
    io::Errno,
};
use std::{
    ffi::{CStr, CString},
    io::{Read, Write},
};

/// The most that is read of one file: what we read are accounts, keys and configuration.
const MOST: u64 = 16 * 1024 * 1024;

/// Why a file inside a tree could not be worked on.
#[derive(Debug, thiserror::Error)]
#[error("cannot {act} {file} in the tree {tree}")]
pub struct TreeFileError {
    /// What was tried.
    pub act: &'static str,
    /// The path inside the tree.
    pub file: String,
    /// The tree.
    pub tree: Utf8PathBuf,
    /// Why not.
    pub source: std::io::Error,
}

impl From<TreeFileError> for Error {
    fn from(error: TreeFileError) -> Self {
        let cause = error.source.to_string();
        Self::failed(error.to_string()).because(cause)
    }
}

type Result<T> = std::result::Result<T, TreeFileError>;

/// Mode and owner of a file that is made anew. A file that is replaced keeps its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewFile {
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl NewFile {
    /// Root's, with these permission bits.
    pub const fn of_root(mode: u32) -> Self {
        Self { mode, uid: 0, gid: 0 }
    }
}

/// An OS tree whose files can be read and changed.
#[derive(Debug)]
pub struct TreeFiles {
    root: OwnedFd,
    tree: Utf8PathBuf,
}

impl TreeFiles {
    /// The tree in this directory.
    ///
    /// # Errors
    /// When it is not a directory or cannot be opened.
    pub fn open(tree: &Utf8Path) -> Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = rustix::fs::open(tree.as_std_path(), flags, Mode::empty()).map_err(|cause| {
            TreeFileError { act: "open", file: "/".to_owned(), tree: tree.to_owned(), source: cause.into() }
        })?;
        Ok(Self { root, tree: tree.to_owned() })
    }

    /// The tree's directory.
    pub fn path(&self) -> &Utf8Path {
        &self.tree
    }

    fn fault(&self, act: &'static str, file: &str) -> impl Fn(Errno) -> TreeFileError {
        let (file, tree) = (file.to_owned(), self.tree.clone());
        move |cause| TreeFileError { act, file: file.clone(), tree: tree.clone(), source: cause.into() }
    }

    fn open_at(&self, path: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let path = path.trim_start_matches('/');
        let path = if path.is_empty() { "." } else { path };
        beneath::inside(&self.root, path.as_ref(), flags, Links::Inside)
    }

    fn parent(&self, file: &str) -> rustix::io::Result<(OwnedFd, String)> {
        let path = Utf8Path::new(file.trim_start_matches('/'));
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let parent = path.parent().map_or("", Utf8Path::as_str);
        Ok((self.open_at(parent, OFlags::PATH | OFlags::DIRECTORY)?, name.to_owned()))
    }

    /// What a file says, links inside the tree followed; `None` when there is none (a dangling link included).
    ///
    /// # Errors
    /// When it is no regular file, too large, behind a loop of links or a mount, or unreadable.
    pub fn read(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let fault = self.fault("read", file);
        // A FIFO planted there must not block us.
        let fd = match self.open_at(file, OFlags::RDONLY | OFlags::NONBLOCK) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Ok(None),
            Err(cause) => return Err(fault(cause)),
        };
        let stat = rustix::fs::fstat(&fd).map_err(&fault)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(fault(Errno::INVAL));
        }
        let mut bytes = Vec::new();
        let mut limited = std::fs::File::from(fd).take(MOST + 1);
        let act = |cause: std::io::Error| TreeFileError { source: cause, ..fault(Errno::IO) };
        limited.read_to_end(&mut bytes).map_err(act)?;
        if bytes.len() as u64 > MOST { Err(fault(Errno::FBIG)) } else { Ok(Some(bytes)) }
    }

    /// What a text file says, bytes that are not UTF-8 replaced.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_text(&self, file: &str) -> Result<Option<String>> {
        Ok(self.read(file)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn stat(&self, file: &str) -> Option<Stat> {
        rustix::fs::fstat(self.open_at(file, OFlags::PATH).ok()?).ok()
    }

    /// Whether something is there, links inside the tree followed.
    pub fn exists(&self, file: &str) -> bool {
        self.stat(file).is_some()
    }

    /// Whether a directory is there, links inside the tree followed.
    pub fn is_directory(&self, file: &str) -> bool {
        self.stat(file).is_some_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory)
    }

    /// Where a directory of the tree really lies on the server, links inside the tree followed: for tools that take paths.
    ///
    /// # Errors
    /// When it is not there.
    pub fn real_path(&self, directory: &str) -> Result<Utf8PathBuf> {
        let fault = self.fault("find", directory);
        let fd = self.open_at(directory, OFlags::PATH | OFlags::DIRECTORY).map_err(&fault)?;
        let own = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let real = rustix::fs::readlink(own, Vec::new()).map_err(&fault)?;
        real.into_string().map(Utf8PathBuf::from).map_err(|_| fault(Errno::ILSEQ))
    }

    /// Where a regular file of the tree really lies on the server, links inside the tree followed; `None` when there is none.
    ///
    /// # Errors
    /// When its name is not UTF-8.
    pub fn real_file(&self, file: &str) -> Result<Option<Utf8PathBuf>> {
        let fault = self.fault("find", file);
        let Ok(fd) = self.open_at(file, OFlags::PATH) else { return Ok(None) };
        let stat = rustix::fs::fstat(&fd).map_err(&fault)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let own = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let real = rustix::fs::readlink(own, Vec::new()).map_err(&fault)?;
        real.into_string().map(|real| Some(real.into())).map_err(|_| fault(Errno::ILSEQ))
    }

    /// Puts a file in place in one rename. One that was there keeps mode and owner; a link there is replaced by a file of
    /// its own, not followed.
    ///
    /// # Errors
    /// When the directory is not there, or writing fails.
    pub fn replace(&self, file: &str, bytes: &[u8], new: NewFile) -> Result<()> {
        let fault = self.fault("write", file);
        let (parent, name) = self.parent(file).map_err(&fault)?;
        let regular = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let like = self.stat(file).filter(regular).map_or(new, |stat| NewFile {
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
        });
        let aside = format!(".{name}.disklessset");
        let _ = rustix::fs::unlinkat(&parent, &aside, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::openat(&parent, &aside, flags, Mode::from_raw_mode(0o600)).map_err(&fault)?;
        let put = || unlocking(&parent, &name, || rustix::fs::renameat(&parent, &aside, &parent, &name));
        let written = write_with(fd, bytes, like).and_then(|()| put().map_err(Into::into));
        written.map_err(|cause| {
            let _ = rustix::fs::unlinkat(&parent, &aside, AtFlags::empty());
            TreeFileError { source: cause, ..fault(Errno::IO) }
        })
    }

    /// Makes a directory and those above it, root's with these permission bits; one that is there stays as it is.
    ///
    /// # Errors
    /// When something else is in the way.
    pub fn make_directory(&self, directory: &str, mode: u32) -> Result<()> {
        let fault = self.fault("make the directory", directory);
        if self.is_directory(directory) {
            return Ok(());
        }
        if let Some(above) =
            Utf8Path::new(directory).parent().filter(|p| !p.as_str().trim_matches('/').is_empty())
        {
            self.make_directory(above.as_str(), 0o755)?;
        }
        let (parent, name) = self.parent(directory).map_err(&fault)?;
        rustix::fs::mkdirat(&parent, &name, Mode::from_raw_mode(mode)).map_err(&fault)?;
        // The umask of the server must not decide what nodes see.
        rustix::fs::chmodat(&parent, &name, Mode::from_raw_mode(mode), AtFlags::empty()).map_err(&fault)
    }

    /// Makes a directory root's and takes from all others the right to write in it. Whether something had to be changed.
    ///
    /// # Errors
    /// When it is not there, or cannot be changed.
    pub fn let_only_root_write(&self, directory: &str) -> Result<bool> {
        let fault = self.fault("change the mode of", directory);
        let fd = self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY).map_err(&fault)?;
        let stat = rustix::fs::fstat(&fd).map_err(&fault)?;
        let mode = Mode::from_raw_mode(stat.st_mode);
        let others = Mode::WGRP | Mode::WOTH;
        if stat.st_uid == 0 && !mode.intersects(others) {
            return Ok(false);
        }
        rustix::fs::fchown(&fd, Some(Uid::ROOT), None).map_err(&fault)?;
        rustix::fs::fchmod(&fd, mode - others).map_err(&fault)?;
        Ok(true)
    }

    /// Makes a symbolic link, in place of whatever file or link is there.
    ///
    /// # Errors
    /// When the directory is not there or the link cannot be made.
    pub fn link(&self, file: &str, target: &str) -> Result<()> {
        self.remove(file)?;
        let fault = self.fault("make the link", file);
        let (parent, name) = self.parent(file).map_err(&fault)?;
        rustix::fs::symlinkat(target, &parent, &name).map_err(&fault)
    }

    /// What a link says, followed or not; `None` for what is no link, or not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn link_target(&self, file: &str) -> Result<Option<Vec<u8>>> {
        let fault = self.fault("read the link", file);
        let (parent, name) = match self.parent(file) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(cause) => return Err(fault(cause)),
        };
        match rustix::fs::readlinkat(&parent, &name, Vec::new()) {
            Ok(target) => Ok(Some(target.into_bytes())),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// Removes a file or a link; nothing there is fine.
    ///
    /// # Errors
    /// When it is a directory or cannot be removed.
    pub fn remove(&self, file: &str) -> Result<()> {
        let fault = self.fault("remove", file);
        let (parent, name) = match self.parent(file) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(cause) => return Err(fault(cause)),
        };
        match unlocking(&parent, &name, || rustix::fs::unlinkat(&parent, &name, AtFlags::empty())) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// The names in a directory that are UTF-8 (the others are of no use to us); none when it is not there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn list(&self, directory: &str) -> Result<Vec<String>> {
        let fault = self.fault("read", directory);
        let fd = match self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => fd,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(Vec::new()),
            Err(cause) => return Err(fault(cause)),
        };
        let mut names: Vec<String> = entries(fd.as_fd())
            .map_err(&fault)?
            .into_iter()
            .filter_map(|(name, _)| name.into_string().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// Removes everything in a directory and keeps the directory; none there is fine.
    ///
    /// # Errors
    /// When something is mounted inside, or cannot be removed.
    pub fn empty_directory(&self, directory: &str) -> Result<()> {
        let fault = self.fault("empty", directory);
        match self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => empty(fd.as_fd(), Keep::Nothing).map_err(&fault),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// Removes a directory with everything in it; none there is fine.
    ///
    /// # Errors
    /// As [`Self::empty_directory`].
    pub fn remove_directory(&self, directory: &str) -> Result<()> {
        self.empty_directory(directory)?;
        let fault = self.fault("remove", directory);
        let (parent, name) = match self.parent(directory) {
            Ok(found) => found,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(cause) => return Err(fault(cause)),
        };
        match rustix::fs::unlinkat(&parent, &name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(cause) => Err(fault(cause)),
        }
    }

    /// Removes all files below a directory and keeps the directories with their owners and modes, as log directories need.
    ///
    /// # Errors
    /// As [`Self::empty_directory`].
    pub fn empty_of_files(&self, directory: &str) -> Result<()> {
        let fault = self.fault("empty", directory);
        match self.open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(fd) => empty(fd.as_fd(), Keep::Directories).map_err(&fault),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
            Err(cause) => Err(fault(cause)),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    Directories,
}

/// Does something to a file. One that somebody made unchangeable (`chattr +i`, as is done to a `resolv.conf`) is freed before.
fn unlocking(
    parent: &OwnedFd,
    name: &str,
    act: impl Fn() -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    let outcome = act();
    if outcome != Err(Errno::PERM) {
        return outcome;
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let is_file = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    // Opening a device could wake it up.
    if rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).is_ok_and(is_file)
        && let Ok(file) = rustix::fs::openat(parent, name, flags, Mode::empty())
        && let Ok(has) = rustix::fs::ioctl_getflags(&file)
        && has.intersects(IFlags::IMMUTABLE | IFlags::APPEND)
    {
        rustix::fs::ioctl_setflags(&file, has - (IFlags::IMMUTABLE | IFlags::APPEND))?;
        return act();
    }
    outcome
}

fn write_with(fd: OwnedFd, bytes: &[u8], like: NewFile) -> std::io::Result<()> {
    let mut out = std::fs::File::from(fd);
    out.write_all(bytes)?;
    // Owner first: changing it clears setuid bits.
    rustix::fs::fchown(&out, Some(Uid::from_raw(like.uid)), Some(Gid::from_raw(like.gid)))?;
    rustix::fs::fchmod(&out, Mode::from_raw_mode(like.mode))?;
    Ok(())
}

fn entries(directory: BorrowedFd<'_>) -> rustix::io::Result<Vec<(CString, FileType)>> {
    let mut found = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if entry.file_name() == c"." || entry.file_name() == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let stat = rustix::fs::statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(stat.st_mode)
            }
            known => known,
        };
        found.push((entry.file_name().to_owned(), kind));
    }
    Ok(found)
}

fn empty(directory: BorrowedFd<'_>, keep: Keep) -> rustix::io::Result<()> {
    for (name, kind) in entries(directory)? {
        if kind != FileType::Directory {
            rustix::fs::unlinkat(directory, &name, AtFlags::empty())?;
            continue;
        }
        empty(open_below(directory, &name)?.as_fd(), keep)?;
        if keep == Keep::Nothing {
            rustix::fs::unlinkat(directory, &name, AtFlags::REMOVEDIR)?;
        }
    }
    Ok(())
}

fn open_below(directory: BorrowedFd<'_>, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    beneath::child(directory, name, flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    fn tree() -> (tempfile::TempDir, TreeFiles, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        std::fs::create_dir_all(path.join("tree/etc")).unwrap();
        let files = TreeFiles::open(&path.join("tree")).unwrap();
        (dir, files, path)
    }

    fn put(path: &Utf8Path, text: &str) {
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }

    #[test]
    fn an_unchangeable_file_is_replaced_and_removed_like_any_other() {
        let (_dir, files, base) = tree();
        let names = ["etc/resolv.conf", "etc/log"].map(|name| base.join("tree").join(name));
        for (path, flag) in names.iter().zip([IFlags::IMMUTABLE, IFlags::APPEND]) {
            put(path, "old");
            let file = std::fs::File::open(path).unwrap();
            let set = rustix::fs::ioctl_getflags(&file)
                .and_then(|has| rustix::fs::ioctl_setflags(&file, has | flag));
            if set.is_err() {
                // Not root, or a file system without such flags.
                let said = "SKIPPED, files cannot be made unchangeable here\n";
                std::io::stderr().write_all(said.as_bytes()).unwrap();
                return;
            }
        }
        files.replace("etc/resolv.conf", b"new", NewFile::of_root(0o644)).unwrap();
        assert_eq!(files.read("etc/resolv.conf").unwrap().unwrap(), b"new");
        files.remove("etc/log").unwrap();
        assert!(!files.exists("etc/log"));
    }

    #[test]
    fn a_replaced_file_keeps_mode_and_owner() {
        let (_dir, files, base) = tree();
        let shadow = base.join("tree/etc/shadow");
        put(&shadow, "old");
        std::fs::set_permissions(&shadow, std::fs::Permissions::from_mode(0o640)).unwrap();
        files.replace("etc/shadow", b"new", NewFile::of_root(0o600)).unwrap();
        assert_eq!(std::fs::read_to_string(&shadow).unwrap(), "new");
        assert_eq!(shadow.metadata().unwrap().mode() & 0o7777, 0o640);
        assert_eq!(std::fs::read_dir(base.join("tree/etc")).unwrap().count(), 1, "nothing left aside");
    }

    #[test]
    fn links_that_lead_out_are_harmless() {
        let (_dir, files, base) = tree();
        let canary = base.join("canary");
        std::fs::create_dir(&canary).unwrap();
        put(&canary.join("shadow"), "precious");
        // A file that is an absolute link, a directory that is one, and one that climbs.
        symlink(canary.join("shadow"), base.join("tree/etc/shadow")).unwrap();
        symlink(&canary, base.join("tree/abs")).unwrap();
        symlink("../../canary", base.join("tree/etc/up")).unwrap();
        for file in ["etc/shadow", "abs/shadow", "etc/up/shadow", "../canary/shadow"] {
            assert_eq!(files.read(file).unwrap(), None, "{file}");
            let _ = files.replace(file, b"evil", NewFile::of_root(0o600));
            let _ = files.remove(file);
        }
        for directory in ["abs", "etc/up", "../canary"] {
            let _ = files.empty_directory(directory);
            let _ = files.make_directory(&format!("{directory}/made"), 0o755);
        }
        assert_eq!(std::fs::read_to_string(canary.join("shadow")).unwrap(), "precious");
        assert_eq!(std::fs::read_dir(&canary).unwrap().count(), 1);
    }

    #[test]
    fn a_link_onto_itself_and_a_fifo_are_errors_not_traps() {
        let (_dir, files, base) = tree();
        symlink("/etc/shadow", base.join("tree/etc/shadow")).unwrap();
        assert!(files.read("etc/shadow").is_err(), "resolves to itself inside the tree");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            base.join("tree/etc/passwd").as_std_path(),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        assert!(files.read("etc/passwd").is_err());
    }

    #[test]
    fn links_inside_the_tree_work_as_on_the_node() {
        let (_dir, files, base) = tree();
        std::fs::create_dir_all(base.join("tree/usr/lib")).unwrap();
        put(&base.join("tree/usr/lib/os-release"), "ID=x\n");
        symlink("/usr/lib/os-release", base.join("tree/etc/os-release")).unwrap();
        assert_eq!(files.read_text("etc/os-release").unwrap().unwrap(), "ID=x\n");
        files.replace("etc/os-release", b"ID=y\n", NewFile::of_root(0o644)).unwrap();
        assert_eq!(std::fs::read_to_string(base.join("tree/usr/lib/os-release")).unwrap(), "ID=x\n");
        assert!(!base.join("tree/etc/os-release").symlink_metadata().unwrap().is_symlink());
    }

    #[test]
    fn emptying_keeps_what_it_says_and_follows_nothing() {
        let (_dir, files, base) = tree();
        let canary = base.join("canary");
        std::fs::create_dir(&canary).unwrap();
        put(&canary.join("f"), "precious");
        std::fs::create_dir_all(base.join("tree/var/log/a/b")).unwrap();
        put(&base.join("tree/var/log/a/b/x.log"), "x");
        symlink(&canary, base.join("tree/var/log/out")).unwrap();
        files.empty_of_files("var/log").unwrap();
        assert!(base.join("tree/var/log/a/b").is_dir());
        assert!(!base.join("tree/var/log/a/b/x.log").exists());
        files.empty_directory("var/log").unwrap();
        assert_eq!(std::fs::read_dir(base.join("tree/var/log")).unwrap().count(), 0);
        assert!(canary.join("f").exists());
    }
}
