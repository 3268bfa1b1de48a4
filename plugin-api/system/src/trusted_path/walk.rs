//! The walk along a path, by descriptors.

use super::{From, TrustError};
use crate::FileError;
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{FileType, Mode, OFlags, Stat},
    io::Errno,
    process::geteuid,
};
use std::collections::VecDeque;

/// As the kernel's own limit.
const MOST_LINKS: usize = 40;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Everything,
    Links,
}

pub(super) struct Walk {
    pub(super) rule: Rule,
    pub(super) current: OwnedFd,
    /// What `current` is, for messages and for judging links in it.
    pub(super) stat: Stat,
    pub(super) here: Utf8PathBuf,
    pub(super) ahead: VecDeque<String>,
    pub(super) links: usize,
}

impl Walk {
    pub(super) fn start(path: &Utf8Path, from: From<'_>, rule: Rule) -> Result<Self, TrustError> {
        let (top, below) = match from {
            From::Directory(top) if path.starts_with(top) => (top, path.strip_prefix(top).unwrap_or(path)),
            _ => (Utf8Path::new("/"), path),
        };
        if !path.is_absolute() {
            return Err(FileError::of("judge", path)(Errno::INVAL).into());
        }
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let current =
            rustix::fs::open(top.as_std_path(), flags, Mode::empty()).map_err(FileError::of("open", top))?;
        let stat = rustix::fs::fstat(&current).map_err(FileError::of("inspect", top))?;
        let ahead = parts(below);
        let walk = Walk { rule, current, stat, here: top.to_owned(), ahead, links: 0 };
        walk.judge()?;
        Ok(walk)
    }

    /// `false` when a component is not there; `here` is that component's path then.
    pub(super) fn go_on(&mut self) -> Result<bool, TrustError> {
        while let Some(part) = self.ahead.pop_front() {
            let path = self.here.join(&part);
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let next = match rustix::fs::openat(self.current.as_fd(), part.as_str(), flags, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::NOENT) => {
                    self.here = path;
                    return Ok(false);
                }
                Err(error) => return Err(FileError::of("open", &path)(error).into()),
            };
            let stat = rustix::fs::fstat(&next).map_err(FileError::of("inspect", &path))?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
                self.follow(path, &next, &stat)?;
            } else {
                (self.current, self.stat, self.here) = (next, stat, path);
                self.judge()?;
            }
        }
        Ok(true)
    }

    /// The way goes on where the link points.
    fn follow(&mut self, path: Utf8PathBuf, link: &OwnedFd, stat: &Stat) -> Result<(), TrustError> {
        let planted = !is_ours(stat.st_uid) || !is_ours(self.stat.st_uid) || self.stat.st_mode & 0o022 != 0;
        if planted {
            return Err(TrustError::Link { path, owner: stat.st_uid, mode: self.stat.st_mode & 0o7777 });
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(FileError::of("open", &path)(Errno::LOOP).into());
        }
        let target =
            rustix::fs::readlinkat(link, c"", Vec::new()).map_err(FileError::of("read link", &path))?;
        let target = target.into_string().map_err(|_| FileError::of("read link", &path)(Errno::ILSEQ))?;
        let target = Utf8PathBuf::from(target);
        if target.is_absolute() {
            let top = Utf8Path::new("/");
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            self.current = rustix::fs::open("/", flags, Mode::empty()).map_err(FileError::of("open", top))?;
            self.stat = rustix::fs::fstat(&self.current).map_err(FileError::of("inspect", top))?;
            self.here = top.to_owned();
            self.judge()?;
        }
        for part in parts(&target).into_iter().rev() {
            self.ahead.push_front(part);
        }
        Ok(())
    }

    fn judge(&self) -> Result<(), TrustError> {
        if self.rule == Rule::Links {
            return Ok(());
        }
        let (path, owner, mode) = (self.here.clone(), self.stat.st_uid, self.stat.st_mode & 0o7777);
        if !is_ours(owner) {
            return Err(TrustError::Owner { path, owner, mode });
        }
        let is_directory = FileType::from_raw_mode(self.stat.st_mode) == FileType::Directory;
        // In a sticky directory nobody can remove or rename what is ours, and that the next component is, is judged next.
        let sticky_on_the_way = is_directory && mode & 0o1000 != 0 && !self.ahead.is_empty();
        if mode & 0o022 != 0 && !sticky_on_the_way {
            return Err(TrustError::Writable { path, owner, mode });
        }
        Ok(())
    }
}

fn parts(path: &Utf8Path) -> VecDeque<String> {
    path.components()
        .filter_map(|part| match part {
            Utf8Component::Normal(name) => Some(name.to_owned()),
            Utf8Component::ParentDir => Some("..".to_owned()),
            _ => None,
        })
        .collect()
}

/// Whether something of this user is ours: root's, or the running user's.
pub(crate) fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}
