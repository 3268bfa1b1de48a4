//! Who may have written what is loaded: a module runs with all rights of the one who starts the host.
//!
//! The rule is [`trusted_path`]'s: a file, its directory and everything above belong to root or to the running user, and
//! nobody else can write to them. Here it is applied to many files of one directory without walking its path for each.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::system::FileError;
use crate::system::trusted_path::{self, Audit, From, TrustError};

/// Why a file is not trusted, with the path, owner and mode of what is at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Untrusted {
    text: String,
    hint: Option<String>,
}

impl Untrusted {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl std::convert::From<TrustError> for Untrusted {
    fn from(error: TrustError) -> Self {
        let hint = match &error {
            TrustError::Owner { path, .. } => Some(format!("chown root {path}")),
            TrustError::Writable { path, .. } => Some(format!("chmod go-w {path}")),
            TrustError::Link { .. } | TrustError::File(_) => None,
        };
        let text = match &error {
            // Its own line leaves out what the system said.
            TrustError::File(file) => format!("{file}: {}", file.source),
            other => other.to_string(),
        };
        Self { text, hint }
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks files; each directory is walked to once.
#[derive(Debug)]
pub struct Trust {
    /// The running user.
    user: u32,
    directories: HashMap<Utf8PathBuf, Result<(), Untrusted>>,
}

impl Trust {
    /// For the running user; nothing is known yet.
    pub fn new() -> Self {
        Self { user: nix::unistd::geteuid().as_raw(), directories: HashMap::new() }
    }

    /// Whether the file at this path is trusted.
    ///
    /// # Errors
    /// What is at fault.
    pub fn check(&mut self, file: &Utf8Path) -> Result<(), Untrusted> {
        let seen = std::fs::symlink_metadata(file).map_err(|cause| cannot_look(file, cause))?;
        self.check_seen(file, &seen)
    }

    /// As [`Self::check`], for a file that was just looked at (itself, not what a link leads to).
    ///
    /// # Errors
    /// What is at fault.
    pub fn check_seen(&mut self, file: &Utf8Path, seen: &Metadata) -> Result<(), Untrusted> {
        let directory = match file.parent() {
            Some(directory) if !directory.as_str().is_empty() => directory,
            _ => Utf8Path::new("."),
        };
        self.check_directory(directory)?;
        if seen.is_symlink() {
            return audit(file);
        }
        let (path, owner, mode) = (file.to_owned(), seen.uid(), seen.mode() & 0o7777);
        if owner != 0 && owner != self.user {
            return Err(TrustError::Owner { path, owner, mode }.into());
        }
        if mode & 0o022 != 0 {
            return Err(TrustError::Writable { path, owner, mode }.into());
        }
        Ok(())
    }

    /// Whether a directory is fit to hold modules.
    ///
    /// # Errors
    /// What is at fault.
    pub fn check_directory(&mut self, directory: &Utf8Path) -> Result<(), Untrusted> {
        if let Some(known) = self.directories.get(directory) {
            return known.clone();
        }
        let checked = audit(directory);
        self.directories.insert(directory.to_owned(), checked.clone());
        checked
    }
}

fn audit(path: &Utf8Path) -> Result<(), Untrusted> {
    let absolute = camino::absolute_utf8(path).map_err(|cause| cannot_look(path, cause))?;
    match trusted_path::audit(&absolute, From::Top)? {
        Audit::Complete => Ok(()),
        Audit::MissingFrom(missing) => Err(cannot_look(&missing, std::io::ErrorKind::NotFound.into())),
    }
}

fn cannot_look(path: &Utf8Path, cause: std::io::Error) -> Untrusted {
    TrustError::File(FileError::of("inspect", path)(cause)).into()
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
            Trust::new().check(&self.path(name)).map_err(|cause| cause.to_string())
        }
    }

    #[test]
    fn what_others_can_write_is_refused_with_path_and_mode() {
        assert_eq!(Place::new().check("mods/demo_module.so"), Ok(()));
        for (name, mode) in [("mods/demo_module.so", 0o664), ("mods", 0o757), ("mods", 0o1777), ("", 0o770)] {
            let place = Place::new();
            place.mode(name, mode);
            let error = place.check("mods/demo_module.so").unwrap_err();
            let path = place.path(name).as_str().trim_end_matches('/').to_owned();
            assert!(
                error.starts_with(&format!("{path} can be written by others (mode {mode:04o}")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_link_is_as_good_as_all_it_leads_through() {
        let place = Place::new();
        std::fs::create_dir(place.path("open")).unwrap();
        std::fs::write(place.path("open/real.so"), "x").unwrap();
        place.mode("open", 0o755);
        place.mode("open/real.so", 0o644);
        symlink("../open/real.so", place.path("mods/link_module.so")).unwrap();
        assert_eq!(place.check("mods/link_module.so"), Ok(()));
        place.mode("open", 0o777);
        assert!(place.check("mods/link_module.so").unwrap_err().contains("open can be written by others"));
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
            assert!(error.contains("belongs to uid 4242"), "{error}");
        }
    }
}
