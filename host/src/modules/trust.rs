//! Who may have written what is loaded: a module runs with all rights of the one who starts the host.
//!
//! A file is trusted when it, its directory and every directory above belong to root or to the running user and nobody
//! else can write to them. A sticky directory above (`/tmp`) is fine: others cannot rename what is not theirs. The
//! same holds for every link on the way.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use camino::{Utf8Path, Utf8PathBuf};

/// Links followed before it is called a loop, as the kernel does.
const MOST_LINKS: usize = 40;

/// Why a file is not trusted; it names the file, directory or link at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It belongs to somebody else.
    #[error("{path} belongs to user {owner}, not to {wanted}")]
    Owner {
        /// What is at fault.
        path: String,
        /// The owner's number.
        owner: u32,
        /// Whose it should be.
        wanted: &'static str,
    },
    /// Others may write to it.
    #[error("{path} can be written by others (mode {mode:04o})")]
    Writable {
        /// What is at fault.
        path: String,
        /// Its permission bits.
        mode: u32,
    },
    /// It cannot be found out.
    #[error("cannot look at {path}: {cause}")]
    Unknown {
        /// What could not be looked at.
        path: String,
        /// The system's words.
        cause: String,
    },
}

impl Untrusted {
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Owner { path, wanted: "root", .. } => Some(format!("chown root {path}")),
            Self::Writable { path, .. } => Some(format!("chmod go-w {path}")),
            Self::Owner { .. } | Self::Unknown { .. } => None,
        }
    }
}

/// Checks files; each directory is looked at once.
#[derive(Debug)]
pub struct Trust {
    /// The running user; root is trusted always.
    user: u32,
    directories: HashMap<Utf8PathBuf, Result<PathBuf, Untrusted>>,
    passed: HashSet<PathBuf>,
}

impl Trust {
    /// For the user this process acts as.
    pub fn of_this_process() -> Self {
        Self::of_user(nix::unistd::geteuid().as_raw())
    }

    /// For this user.
    pub fn of_user(user: u32) -> Self {
        Self { user, directories: HashMap::new(), passed: HashSet::new() }
    }

    /// Whether the file at this path is trusted.
    ///
    /// # Errors
    /// What is at fault, with owner or mode.
    pub fn check(&mut self, file: &Utf8Path) -> Result<(), Untrusted> {
        self.check_seen(file, &look(file.as_std_path())?)
    }

    /// As [`Self::check`], for a file that was just looked at (itself, not what a link leads to).
    ///
    /// # Errors
    /// What is at fault, with owner or mode.
    pub fn check_seen(&mut self, file: &Utf8Path, seen: &Metadata) -> Result<(), Untrusted> {
        let (Some(directory), Some(name)) = (file.parent(), file.file_name()) else {
            return Err(unknown(file.as_std_path(), "it is no file"));
        };
        let directory = if directory.as_str().is_empty() { Utf8Path::new(".") } else { directory };
        let place = self.check_directory(directory)?.join(name);
        if !seen.is_symlink() {
            return self.check_one(&place, seen, Above::No);
        }
        let target = self.walk(&place)?;
        // The directory that holds the target may be written by nobody else either, sticky or not.
        if let Some(holder) = target.parent() {
            self.check_one(holder, &look(holder)?, Above::No)?;
        }
        Ok(())
    }

    /// Whether a directory is fit to hold modules; returns where it really is.
    ///
    /// # Errors
    /// What is at fault, with owner or mode.
    pub fn check_directory(&mut self, directory: &Utf8Path) -> Result<PathBuf, Untrusted> {
        if let Some(known) = self.directories.get(directory) {
            return known.clone();
        }
        let checked = absolute(directory).and_then(|path| {
            let real = self.walk(path.as_std_path())?;
            self.check_one(&real, &look(&real)?, Above::No)?;
            Ok(real)
        });
        self.directories.insert(directory.to_owned(), checked.clone());
        checked
    }

    /// Goes down a path, looking at everything it passes, links and what they lead through included.
    fn walk(&mut self, path: &Path) -> Result<PathBuf, Untrusted> {
        let mut here = PathBuf::from("/");
        let mut rest = names(path);
        let mut links = 0;
        self.pass(&here)?;
        while let Some(name) = rest.pop() {
            if name == ".." {
                here.pop();
                continue;
            }
            let next = here.join(&name);
            if self.passed.contains(&next) {
                here = next;
                continue;
            }
            let metadata = look(&next)?;
            if !metadata.is_symlink() {
                self.pass(&next)?;
                here = next;
                continue;
            }
            self.check_owner(&next, &metadata)?;
            links += 1;
            if links > MOST_LINKS {
                return Err(unknown(path, "too many links"));
            }
            let target = std::fs::read_link(&next).map_err(|cause| unknown(&next, cause))?;
            if target.is_absolute() {
                here = PathBuf::from("/");
            }
            rest.extend(names(&target));
        }
        Ok(here)
    }

    fn pass(&mut self, path: &Path) -> Result<(), Untrusted> {
        if !self.passed.contains(path) {
            self.check_one(path, &look(path)?, Above::Yes)?;
            self.passed.insert(path.to_owned());
        }
        Ok(())
    }

    fn check_one(&self, path: &Path, metadata: &Metadata, above: Above) -> Result<(), Untrusted> {
        self.check_owner(path, metadata)?;
        let mode = metadata.mode() & 0o7777;
        let sticky = above == Above::Yes && metadata.is_dir() && mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !sticky {
            return Err(Untrusted::Writable { path: path.display().to_string(), mode });
        }
        Ok(())
    }

    fn check_owner(&self, path: &Path, metadata: &Metadata) -> Result<(), Untrusted> {
        let owner = metadata.uid();
        if owner == 0 || owner == self.user {
            return Ok(());
        }
        let wanted = if self.user == 0 { "root" } else { "root or you" };
        Err(Untrusted::Owner { path: path.display().to_string(), owner, wanted })
    }
}

/// Whether a directory only lies on the way to the one that holds the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Above {
    Yes,
    No,
}

/// The names of a path, last first.
fn names(path: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect();
    names.reverse();
    names
}

fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf, Untrusted> {
    camino::absolute_utf8(path).map_err(|cause| unknown(path.as_std_path(), cause))
}

fn look(path: &Path) -> Result<Metadata, Untrusted> {
    std::fs::symlink_metadata(path).map_err(|cause| unknown(path, cause))
}

fn unknown(path: &Path, cause: impl ToString) -> Untrusted {
    Untrusted::Unknown { path: path.display().to_string(), cause: cause.to_string() }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    struct Place(tempfile::TempDir);

    impl Place {
        /// A trusted directory `mods` with a trusted file `demo_module.so`.
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            std::fs::create_dir(place.path("mods")).unwrap();
            std::fs::write(place.path("mods/demo_module.so"), "x").unwrap();
            place.mode("mods", 0o755);
            place.mode("mods/demo_module.so", 0o644);
            place
        }
        fn path(&self, name: &str) -> Utf8PathBuf {
            Utf8Path::from_path(self.0.path()).unwrap().join(name)
        }
        fn mode(&self, name: &str, mode: u32) {
            std::fs::set_permissions(self.path(name), Permissions::from_mode(mode)).unwrap();
        }
        fn check(&self, name: &str) -> Result<(), String> {
            Trust::of_this_process().check(&self.path(name)).map_err(|cause| cause.to_string())
        }
    }

    #[test]
    fn a_file_of_ones_own_below_a_sticky_directory_is_trusted() {
        assert_eq!(Place::new().check("mods/demo_module.so"), Ok(()));
    }

    #[test]
    fn what_others_can_write_is_refused_with_path_and_mode() {
        for (name, mode) in [("mods/demo_module.so", 0o664), ("mods", 0o757), ("mods", 0o1777), ("", 0o770)] {
            let place = Place::new();
            place.mode(name, mode);
            let error = place.check("mods/demo_module.so").unwrap_err();
            let path = place.path(name).as_str().trim_end_matches('/').to_owned();
            assert_eq!(error, format!("{path} can be written by others (mode {mode:04o})"));
        }
    }

    #[test]
    fn a_sticky_directory_further_up_is_fine() {
        let place = Place::new();
        place.mode("", 0o1777);
        assert_eq!(place.check("mods/demo_module.so"), Ok(()));
    }

    #[test]
    fn a_link_is_as_good_as_all_it_leads_through() {
        let place = Place::new();
        std::fs::create_dir(place.path("open")).unwrap();
        std::fs::write(place.path("open/real.so"), "x").unwrap();
        symlink("../open/real.so", place.path("mods/link_module.so")).unwrap();
        assert_eq!(place.check("mods/link_module.so"), Ok(()));
        place.mode("open", 0o777);
        assert!(place.check("mods/link_module.so").unwrap_err().contains("open can be written by others"));
        place.mode("open", 0o1777);
        assert!(place.check("mods/link_module.so").unwrap_err().contains("open can be written by others"));
        symlink("loop_module.so", place.path("mods/loop_module.so")).unwrap();
        assert!(place.check("mods/loop_module.so").unwrap_err().contains("too many links"));
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        if !nix::unistd::geteuid().is_root() {
            println!("SKIPPED: giving files to another user needs root");
            return;
        }
        for name in ["mods/demo_module.so", "mods", ""] {
            let place = Place::new();
            chown(place.path(name), Some(4242), None).unwrap();
            let error = place.check("mods/demo_module.so").unwrap_err();
            assert!(error.ends_with("belongs to user 4242, not to root"), "{error}");
            assert_eq!(
                Trust::of_user(4242).check(&place.path("mods/demo_module.so")),
                Ok(()),
                "the user may load his own, and root's"
            );
        }
    }
}
