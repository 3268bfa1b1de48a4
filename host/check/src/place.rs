//! The throw-away place: a root, a modules directory, and a drawer for what the processes tell each other.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use disklessset_core::configuration::DEFAULT_PATH;
use disklessset_core::modules::{Identity, ModuleEntry, ModuleRegistry, NotedClass};
use disklessset_core::system::atomic_file;
use disklessset_core::system::lock::{Lock, LockProbe, Wait};
use disklessset_core::system::remove_tree::remove_tree;
use disklessset_core::system::trusted_path::{Audit, From, audit};

/// What the names of places begin with.
const PREFIX: &str = "disklessset-check-";
/// The lock in a place that its check holds as long as it lives, and what it is for.
const OWNER: &str = "owner";
const OPERATION: &str = "module check";
/// What the name of a place ends with that is about to be removed.
const GONE: &str = "-gone";

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
    /// The small OS tree that the check brings.
    pub(super) fn small_tree(&self) -> Utf8PathBuf {
        self.base.join("tree")
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
pub(super) struct TrialRoot {
    directory: tempfile::TempDir,
    rooms: Rooms,
    _owner: Lock,
}

impl TrialRoot {
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
        let usual = if rustix::process::geteuid().is_root() { "/var/cache" } else { "/var/tmp" };
        let below = std::env::var_os("TMPDIR").unwrap_or_else(|| usual.into());
        if let Some(below) = below.to_str() {
            sweep(Utf8Path::new(below));
        }
        let directory = tempfile::Builder::new().prefix(PREFIX).tempdir_in(below).map_err(failed)?;
        // OS trees are made in it, with setuid programs: other users stay out (of the whole, so that the rooms can have the modes they
        // have at a site).
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).map_err(failed)?;
        let base =
            Utf8Path::from_path(directory.path()).ok_or("the directory of temporary files is not UTF-8")?;
        // Before anything else is in it: without a lock only an empty place is taken for one that nobody has.
        let owner = Lock::acquire(base, OWNER, "the throw-away root", OPERATION, Wait::No);
        let owner = owner.map_err(|cause| format!("cannot make a throw-away root: {cause}"))?;
        let rooms = Rooms::of(base);
        let drawer = (rooms.drawer(), 0o700);
        let open = [rooms.root(), rooms.modules(), rooms.without()].map(|room| (room, 0o755));
        let temporary = rooms.temporary().map(|(room, _)| (room, 0o1777));
        for (room, mode) in open.into_iter().chain(temporary).chain([drawer]) {
            atomic_file::create_dir(&room, mode).map_err(|error| error.to_string())?;
        }
        let place = Self { directory, rooms, _owner: owner };
        place.copy(file, &identity.name.file_name())?;
        let others = registry.entries().iter().filter(|other| other.name != identity.name.as_str());
        for other in others {
            // Those that are refused are nobody's base, and of two that bring one class or source only one
            // can be used: here the one that is checked.
            if other.reason.is_none() && !brings_the_same(identity, other) {
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

/// Removes the places of checks that were killed. Best effort: what stays is in nobody's way, and the next check looks again.
fn sweep(below: &Utf8Path) {
    for entry in below.read_dir_utf8().into_iter().flatten().flatten() {
        if entry.file_name().starts_with(PREFIX) && is_ours(entry.path()) {
            remove_abandoned(below, entry.path());
        }
    }
}

/// Whether a directory, and no link, can have been made by a check of the same user: by its owner and mode, and because nobody
/// else could have put it there.
fn is_ours(path: &Utf8Path) -> bool {
    let made_so = path.symlink_metadata().is_ok_and(|meta| {
        meta.is_dir()
            && meta.uid() == rustix::process::geteuid().as_raw()
            && [0o700, 0o755].contains(&(meta.mode() & 0o7777))
    });
    made_so && matches!(audit(path, From::Top), Ok(Audit::Complete))
}

/// Removes a place that no living check has.
fn remove_abandoned(below: &Utf8Path, path: &Utf8Path) {
    // One killed before it had its lock has made nothing yet. A living one at that moment makes its directory again.
    if std::fs::remove_dir(path).is_ok() || !path.join(format!("{OWNER}.lock")).is_file() {
        return;
    }
    if !matches!(LockProbe::look(path, OWNER), Ok(LockProbe::Free)) {
        return;
    }
    let Ok(_ours) = Lock::acquire(path, OWNER, "the throw-away root", OPERATION, Wait::No) else { return };
    // Under another name nobody finds it who was about to take the lock.
    let renamed = Utf8PathBuf::from(format!("{}{GONE}", path.as_str().trim_end_matches(GONE)));
    if path == renamed || atomic_file::rename_noreplace(path, &renamed).is_ok() {
        let _ = remove_tree(&renamed, &[below.to_owned()]);
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

/// Whether an installed module brings a class or source that the checked one brings, too.
fn brings_the_same(identity: &Identity, other: &ModuleEntry) -> bool {
    let class = |own: &NotedClass| other.classes.iter().any(|theirs| theirs.name == own.name);
    identity.classes.iter().any(class) || identity.sources.iter().any(|own| other.sources.contains(own))
}

fn file_name(module: &ModuleEntry) -> String {
    module.file.file_name().unwrap_or(module.file.as_str()).to_owned()
}
