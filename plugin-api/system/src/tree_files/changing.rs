//! Makes and replaces what is in a tree.

use super::{NewFile, Result, TreeFileError, TreeFiles, removing::unlocking};
use camino::Utf8Path;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid},
    io::Errno,
};
use std::io::Write;

impl TreeFiles {
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
        let temporary = format!(".{name}.disklessset");
        let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            rustix::fs::openat(&parent, &temporary, flags, Mode::from_raw_mode(0o600)).map_err(&fault)?;
        let put = || unlocking(&parent, &name, || rustix::fs::renameat(&parent, &temporary, &parent, &name));
        let written = write_with(fd, bytes, like).and_then(|()| put().map_err(Into::into));
        written.map_err(|cause| {
            let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
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
}

fn write_with(fd: OwnedFd, bytes: &[u8], like: NewFile) -> std::io::Result<()> {
    let mut out = std::fs::File::from(fd);
    out.write_all(bytes)?;
    // Owner first: changing it clears setuid bits.
    rustix::fs::fchown(&out, Some(Uid::from_raw(like.uid)), Some(Gid::from_raw(like.gid)))?;
    rustix::fs::fchmod(&out, Mode::from_raw_mode(like.mode))?;
    Ok(())
}
