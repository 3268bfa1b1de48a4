//! The throw-away place: a root, a modules directory, and a drawer for what the processes tell each other.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use crate::configuration::DEFAULT_PATH;
use crate::modules::{Identity, ModuleEntry, ModuleRegistry};
use crate::system::atomic_file;

/// What is where below a place.
#[derive(Debug, Clone)]
pub(super) struct Rooms {
    base: Utf8PathBuf,
}

impl Rooms {
    pub(super) fn of(base: &Utf8Path) -> Self {
        Self { base: base.to_owned() }
    }
    /// What `--root` gets.
    pub(super) fn root(&self) -> Utf8PathBuf {
        self.base.join("root")
    }
    /// The modules directory with the module in it.
    pub(super) fn modules(&self) -> Utf8PathBuf {
        self.base.join("modules.d")
    }
    /// One in which it is missing.
    pub(super) fn without(&self) -> Utf8PathBuf {
        self.base.join("without.d")
    }
    /// Orders and answers.
    pub(super) fn drawer(&self) -> Utf8PathBuf {
        self.base.join("drawer")
    }
    /// Where what is written below `/tmp` and `/var/tmp` lands, where we are root.
    pub(super) fn temporary(&self) -> [(Utf8PathBuf, &'static Utf8Path); 2] {
        [
            (self.base.join("tmp"), Utf8Path::new("/tmp")),
            (self.base.join("var-tmp"), Utf8Path::new("/var/tmp")),
        ]
    }
}

/// The place, until it is removed.
pub(super) struct Place {
    directory: tempfile::TempDir,
    rooms: Rooms,
}

impl Place {
    /// Makes a place with a module and all other modules of a site.
    ///
    /// # Errors
    /// Whatever the system refuses, in one line.
    pub(super) fn new(
        file: &Utf8Path,
        identity: &Identity,
        registry: &ModuleRegistry,
    ) -> Result<Self, String> {
        let failed = |cause: std::io::Error| format!("cannot make a throw-away root: {cause}");
        // Images are large, and /tmp may be memory. Outside of /tmp and /var/tmp, which are watched.
        let usual = if nix::unistd::geteuid().is_root() { "/var/cache" } else { "/var/tmp" };
        let below = std::env::var_os("TMPDIR").unwrap_or_else(|| usual.into());
        let directory =
            tempfile::Builder::new().prefix("disklessset-check-").tempdir_in(below).map_err(failed)?;
        // Tools that give up their privileges have to get there.
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).map_err(failed)?;
        let base =
            Utf8Path::from_path(directory.path()).ok_or("the directory of temporary files is not UTF-8")?;
        let rooms = Rooms::of(base);
        let drawer = (rooms.drawer(), 0o700);
        let open = [rooms.root(), rooms.modules(), rooms.without()].map(|room| (room, 0o755));
        let temporary = rooms.temporary().map(|(room, _)| (room, 0o1777));
        for (room, mode) in open.into_iter().chain(temporary).chain([drawer]) {
            atomic_file::create_dir(&room, mode).map_err(|error| error.to_string())?;
        }
        let place = Self { directory, rooms };
        place.copy(file, &identity.name.file_name())?;
        let others = registry.entries().iter().filter(|other| other.name != identity.name.as_str());
        for other in others {
            // Those that are refused are nobody's base.
            if other.reason.is_none() {
                place.copy(&other.file, &file_name(other))?;
            }
        }
        Ok(place)
    }

    fn copy(&self, file: &Utf8Path, name: &str) -> Result<(), String> {
        let target = self.rooms.modules().join(name);
        let copied = std::fs::copy(file, &target)
            .and_then(|_| std::fs::set_permissions(&target, Permissions::from_mode(0o644)));
        copied.map_err(|cause| format!("cannot copy {file}: {cause}"))
    }

    /// Gives the modules the sections of the configuration that they have at the site.
    pub(super) fn configure(&self, sections: &BTreeMap<String, serde_json::Value>) -> Result<(), String> {
        let text = serde_yaml::to_string(&serde_json::json!({ "modules": sections }));
        let text = text.map_err(|cause| cause.to_string())?;
        let file = self.rooms.root().join(DEFAULT_PATH.trim_start_matches('/'));
        let directory = file.parent().unwrap_or(&file);
        atomic_file::create_dir_all(directory, 0o755)
            .and_then(|()| atomic_file::replace(&file, text.as_bytes(), 0o600))
            .map_err(|error| format!("{error}: {}", error.source))
    }

    pub(super) fn base(&self) -> &Utf8Path {
        &self.rooms.base
    }

    /// Puts a message into the drawer.
    pub(super) fn leave(&self, name: &str, message: &impl Serialize) -> Result<Utf8PathBuf, String> {
        leave(&self.rooms, name, message)
    }

    pub(super) fn remove(self) -> Result<(), String> {
        let path = self.base().to_owned();
        self.directory.close().map_err(|cause| format!("cannot remove {path}: {cause}"))
    }
}

/// Puts a message into the drawer of a place.
pub(super) fn leave(rooms: &Rooms, name: &str, message: &impl Serialize) -> Result<Utf8PathBuf, String> {
    let file = rooms.drawer().join(name);
    let text = serde_json::to_vec(message).map_err(|cause| cause.to_string())?;
    // Values of parameters may be secrets.
    atomic_file::replace(&file, &text, 0o600).map_err(|error| error.to_string())?;
    Ok(file)
}

fn file_name(module: &ModuleEntry) -> String {
    module.file.file_name().unwrap_or(module.file.as_str()).to_owned()
}
