//! Who could have planted or could swap what lies on a path.
//!
//! Root loads modules, works and deletes below directories that have names anybody can guess, some of them below
//! `/var/tmp`, where anybody can make things. So a path is walked component by component, by descriptors and without
//! following links blindly, and each component is judged by its owner and mode.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::geteuid;

use crate::system::{FileError, layout::Layout};

/// As the kernel's own limit.
const MOST_LINKS: usize = 40;

/// Where on the path judging begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From<'a> {
    /// At `/`.
    Top,
    /// At this directory, which the user has chosen and answers for, such as that of `--root`. What is above is not judged.
    Directory(&'a Utf8Path),
}

impl<'a> From<'a> {
    /// For the places of a site: its root is the user's choice to answer for; what is below it is ours.
    pub fn of(layout: &'a Layout) -> Self {
        match layout.is_system_root() {
            true => Self::Top,
            false => Self::Directory(layout.root()),
        }
    }
}

/// What an audit that found no fault saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Audit {
    /// Everything up to the last component.
    Complete,
    /// Everything up to this component, which does not exist: only we can make it.
    MissingFrom(Utf8PathBuf),
}

/// Why a path is not to be relied on.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A component belongs to somebody else.
    #[error("{path} belongs to uid {owner} (mode {mode:04o}), who could change what disklessset relies on")]
    Owner {
        /// The component.
        path: Utf8PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// Others may write to a component.
    #[error(
        "{path} can be written by others (mode {mode:04o}, owner uid {owner}), who could change what disklessset relies on"
    )]
    Writable {
        /// The component.
        path: Utf8PathBuf,
        /// Whose it is.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// A link that others could have put there.
    #[error(
        "{path} is a link that somebody else could have planted (owner uid {owner}, mode {mode:04o} of its directory)"
    )]
    Link {
        /// The link.
        path: Utf8PathBuf,
        /// Whose it is.
        owner: u32,
        /// Permission bits of the directory it is in.
        mode: u32,
    },
    /// The path cannot be walked.
    #[error(transparent)]
    File(#[from] FileError),
}

impl TrustError {
    /// For callers whose errors are those of files: what others could change is the reason.
    pub fn into_file_error(self, act: &'static str, path: &Utf8Path) -> FileError {
        match self {
            Self::File(error) => error,
            other => FileError { act, path: path.to_owned(), source: std::io::Error::other(other) },
        }
    }
}

/// Judges every component of an absolute path: owned by root or the running user, and not to be written by others (a
/// sticky directory such as `/tmp` may be on the way); links only where nobody else could have put them.
///
/// # Errors
/// The first component that is not to be relied on, with its owner and mode.
pub fn audit(path: &Utf8Path, from: From<'_>) -> Result<Audit, TrustError> {
    let mut walk = Walk::start(path, from, Rule::Everything)?;
    Ok(if walk.go_on()? { Audit::Complete } else { Audit::MissingFrom(walk.here) })
}

/// Opens a directory (as O_PATH) after a walk on which links were judged as [`audit`] does, and nothing else was.
/// `None` when it is not there.
pub(in crate::system) fn open_directory(path: &Utf8Path) -> Result<Option<OwnedFd>, TrustError> {
    let mut walk = Walk::start(path, From::Top, Rule::Links)?;
    Ok(if walk.go_on()? { Some(walk.current) } else { None })
}

/// Makes what is missing on the way to a directory, by descriptors: `make` is given the directory that a name is missing in, the name,
/// and its path for messages. Links are judged as [`audit`] does, and nothing else is.
///
/// # Errors
/// A link that others could have put there, something on the way that is no directory, and what `make` says.
pub(in crate::system) fn complete(
    path: &Utf8Path,
    make: impl Fn(&OwnedFd, &str, &Utf8Path) -> Result<(), FileError>,
) -> Result<(), TrustError> {
    let mut walk = Walk::start(path, From::Top, Rule::Links)?;
    while !walk.go_on()? {
        let missing = walk.here.clone();
        let (Some(parent), Some(name)) = (missing.parent(), missing.file_name()) else {
            return Err(FileError::of("create directory", path)(Errno::ENOENT).into());
        };
        match make(&walk.current, name, &missing) {
            // Another process may have been faster; that is as good, and what it is, is judged next.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            made => made?,
        }
        walk.here = parent.to_owned();
        walk.ahead.push_front(name.to_owned());
    }
    match walk.stat.st_mode & libc::S_IFMT == libc::S_IFDIR {
        true => Ok(()),
        false => Err(FileError::of("use as a directory", path)(Errno::ENOTDIR).into()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Everything,
    Links,
}

struct Walk {
    rule: Rule,
    current: OwnedFd,
    /// What `current` is, for messages and for judging links in it.
    stat: FileStat,
    here: Utf8PathBuf,
    ahead: VecDeque<String>,
    links: usize,
}

impl Walk {
    fn start(path: &Utf8Path, from: From<'_>, rule: Rule) -> Result<Self, TrustError> {
        let (top, below) = match from {
            From::Directory(top) if path.starts_with(top) => (top, path.strip_prefix(top).unwrap_or(path)),
            _ => (Utf8Path::new("/"), path),
        };
        if !path.is_absolute() {
            return Err(FileError::of("judge", path)(Errno::EINVAL).into());
        }
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let current = open(top.as_std_path(), flags, Mode::empty()).map_err(FileError::of("open", top))?;
        let stat = fstat(&current).map_err(FileError::of("inspect", top))?;
        let ahead = parts(below);
        let walk = Walk { rule, current, stat, here: top.to_owned(), ahead, links: 0 };
        walk.judge()?;
        Ok(walk)
    }

    /// `false` when a component is not there; `here` is that component's path then.
    fn go_on(&mut self) -> Result<bool, TrustError> {
        while let Some(part) = self.ahead.pop_front() {
            let path = self.here.join(&part);
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let next = match openat(self.current.as_fd(), part.as_str(), flags, Mode::empty()) {
                Ok(next) => next,
                Err(Errno::ENOENT) => {
                    self.here = path;
                    return Ok(false);
                }
                Err(error) => return Err(FileError::of("open", &path)(error).into()),
            };
            let stat = fstat(&next).map_err(FileError::of("inspect", &path))?;
            if stat.st_mode & libc::S_IFMT == libc::S_IFLNK {
                self.follow(path, &next, &stat)?;
            } else {
                (self.current, self.stat, self.here) = (next, stat, path);
                self.judge()?;
            }
        }
        Ok(true)
    }

    /// The way goes on where the link points.
    fn follow(&mut self, path: Utf8PathBuf, link: &OwnedFd, stat: &FileStat) -> Result<(), TrustError> {
        let planted = !is_ours(stat.st_uid) || !is_ours(self.stat.st_uid) || self.stat.st_mode & 0o022 != 0;
        if planted {
            return Err(TrustError::Link { path, owner: stat.st_uid, mode: self.stat.st_mode & 0o7777 });
        }
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(FileError::of("open", &path)(Errno::ELOOP).into());
        }
        let target = readlinkat(link, "").map_err(FileError::of("read link", &path))?;
        let target = Utf8PathBuf::from_os_string(target)
            .map_err(|_| FileError::of("read link", &path)(Errno::EILSEQ))?;
        if target.is_absolute() {
            let top = Utf8Path::new("/");
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            self.current = open("/", flags, Mode::empty()).map_err(FileError::of("open", top))?;
            self.stat = fstat(&self.current).map_err(FileError::of("inspect", top))?;
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
        let is_directory = self.stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
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

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

    use super::*;
    use crate::system::test_support::is_root;

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            Place(tempfile::tempdir().unwrap())
        }
        fn dir(&self, name: &str, mode: u32) -> Utf8PathBuf {
            let path = self.path(name);
            std::fs::create_dir(&path).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        }
        fn path(&self, name: &str) -> Utf8PathBuf {
            Utf8Path::from_path(self.0.path()).unwrap().join(name)
        }
        fn audit(&self, name: &str) -> String {
            match audit(&self.path(name), From::Directory(&self.path(""))) {
                Ok(Audit::Complete) => "complete".to_owned(),
                Ok(Audit::MissingFrom(path)) => format!("missing {path}"),
                Err(error) => error.to_string(),
            }
        }
    }

    #[test]
    fn what_only_we_can_change_is_trusted_below_tmp_too() {
        let place = Place::new();
        place.dir("modules.d", 0o755);
        std::fs::File::create(place.path("modules.d/demo_module.so")).unwrap();
        assert_eq!(place.audit("modules.d/demo_module.so"), "complete");
        // The temporary directory lies in /tmp, sticky and open to all, or below a directory of ours.
        assert_eq!(audit(&place.path("modules.d"), From::Top).unwrap(), Audit::Complete);
        assert_eq!(place.audit("modules.d/x/y"), format!("missing {}", place.path("modules.d/x")));
    }

    #[test]
    fn what_others_may_write_is_refused_by_name_and_mode() {
        let place = Place::new();
        place.dir("open", 0o777);
        place.dir("open/modules.d", 0o755);
        assert!(
            place
                .audit("open/modules.d")
                .contains(&format!("{} can be written by others (mode 0777", place.path("open")))
        );
        place.dir("group", 0o775);
        assert!(place.audit("group").contains("(mode 0775"));
        place.dir("sticky", 0o1777);
        place.dir("sticky/ours", 0o755);
        assert_eq!(place.audit("sticky/ours"), "complete");
        assert!(
            place.audit("sticky").contains("(mode 1777"),
            "a sticky directory is no modules directory itself"
        );
        place.dir("file", 0o755);
        let file = std::fs::File::create(place.path("file/x_module.so")).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(place.audit("file/x_module.so").contains("(mode 0666"));
    }

    #[test]
    fn strangers_files_and_planted_links_are_refused() {
        if !is_root("strangers_files_and_planted_links_are_refused") {
            return;
        }
        let place = Place::new();
        let stranger = place.dir("stranger", 0o755);
        place.dir("stranger/modules.d", 0o755);
        chown(&stranger, Some(4242), Some(4242)).unwrap();
        assert!(
            place
                .audit("stranger/modules.d")
                .contains(&format!("{stranger} belongs to uid 4242 (mode 0755)"))
        );

        // The work area planted as a link by a user, in a directory like /var/tmp.
        place.dir("tmp", 0o1777);
        let precious = place.dir("precious", 0o755);
        let planted = place.path("tmp/diskless");
        symlink(&precious, &planted).unwrap();
        lchown(&planted, Some(4242), Some(4242)).unwrap();
        let said = place.audit("tmp/diskless/workdir");
        assert_eq!(
            said,
            format!(
                "{planted} is a link that somebody else could have planted (owner uid 4242, mode 1777 of its directory)"
            )
        );
        assert!(matches!(open_directory(&planted), Err(TrustError::Link { .. })));
    }

    #[test]
    fn an_administrators_link_is_followed_and_its_target_judged() {
        let place = Place::new();
        let target = place.dir("target", 0o755);
        symlink("target", place.path("relative")).unwrap();
        symlink(&target, place.path("absolute")).unwrap();
        symlink("target/../target/./", place.path("winding")).unwrap();
        for link in ["relative", "absolute", "winding"] {
            assert_eq!(place.audit(link), "complete", "{link}");
        }
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o777)).unwrap();
        for link in ["relative", "absolute", "winding"] {
            assert!(place.audit(link).contains("can be written by others"), "{link}");
        }
        symlink("loop", place.path("loop")).unwrap();
        assert!(place.audit("loop").starts_with("cannot open"));
    }
}
