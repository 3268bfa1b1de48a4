//! Which modules there are: the modules directory seen through the notes of its files. Nothing is loaded.

use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::statvfs::{FsFlags, statvfs};
use semver::Version;
use serde::Serialize;

use super::doubles::{self, Candidate};
use super::load_error::LoadError;
use super::loader::{self, LoadedModule};
use super::names::SourceName;
use super::note::{self, FileIdentity, Inspected, NotedClass};
use super::refusal::Refusal;
use super::signature::Signed;
use super::trust::Trust;
use super::waiting;

/// Whether a file is used as a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ModuleState {
    /// Its classes can be used.
    Ready,
    /// It is fine, and a class it builds on is not there.
    Waiting,
    /// It is not used.
    Refused,
}

impl std::fmt::Display for ModuleState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Waiting => "waiting",
            Self::Refused => "refused",
        })
    }
}

/// One file of the modules directory.
#[derive(Debug, Clone)]
pub struct ModuleEntry {
    /// The module's name; of a file without readable note what its file name suggests.
    pub name: String,
    /// The file.
    pub file: Utf8PathBuf,
    /// The module's version, where it could be read.
    pub version: Option<Version>,
    /// The API version it was built against, where it could be read.
    pub api: Option<Version>,
    /// One line about it, perhaps empty.
    pub title: String,
    /// Its classes, where they could be read.
    pub classes: Vec<NotedClass>,
    /// The sources of OS trees that it brings, where they could be read.
    pub sources: Vec<SourceName>,
    /// Whether it is used.
    pub state: ModuleState,
    /// Why it is not used, in one line; `None` when it is.
    pub reason: Option<String>,
    /// What to do about it, in one line.
    pub hint: Option<String>,
    /// Its code, once it was needed: whatever becomes of the file, what was begun with this code ends with it.
    pub(super) loaded: Arc<OnceLock<&'static LoadedModule>>,
}

/// The modules of one directory at one moment, sorted by file name.
#[derive(Debug, Clone)]
pub struct ModuleRegistry {
    directory: Utf8PathBuf,
    entries: Vec<ModuleEntry>,
    problem: Option<String>,
    hint: Option<String>,
}

/// A class that no module here can serve, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No file has it.
    #[error("no module here has class {class}")]
    NoClass {
        /// The class.
        class: String,
    },
    /// A file has it and is not used.
    #[error("class {class} is of module {module}, which is not used: {reason}")]
    NotUsed {
        /// The class.
        class: String,
        /// The module.
        module: String,
        /// What its module says against it, or what is wrong with its file.
        reason: String,
    },
}

/// A source of OS trees that no module here can serve, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceUnavailable {
    /// No file has it.
    #[error("no module here brings source {name}")]
    NoSource {
        /// The source.
        name: String,
    },
    /// A file has it and is not used.
    #[error("source {name} is of module {module}, which is not used: {reason}")]
    NotUsed {
        /// The source.
        name: String,
        /// The module.
        module: String,
        /// What its module says against it, or what is wrong with its file.
        reason: String,
    },
}

/// One step of a chain of classes: a class and the module that has it.
#[derive(Debug, Clone, Copy)]
pub struct ChainLink<'r> {
    /// The class.
    pub class: &'r str,
    /// Its module.
    pub module: &'r ModuleEntry,
}

impl ModuleRegistry {
    /// Looks at all `*_module.so` files of a directory. Never fails: what is wrong is said in [`Self::problem`] or in
    /// the entries.
    pub fn scan(directory: &Utf8Path) -> Self {
        Self::scan_by(directory, &|_| Ok(()))
    }

    /// The same for a site that requires signatures.
    pub fn scan_with(directory: &Utf8Path, signed: &Signed) -> Self {
        Self::scan_by(directory, &|file| signed.judge(file))
    }

    fn scan_by(directory: &Utf8Path, rule: &dyn Fn(&Utf8Path) -> Result<(), Refusal>) -> Self {
        let mut registry =
            Self { directory: directory.to_owned(), entries: Vec::new(), problem: None, hint: None };
        let names = match file_names(directory) {
            Ok(names) => names,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
                registry.hint = Some(format!(
                    "there is no modules directory {directory}: put module files there, or name another directory with --modules-dir"
                ));
                return registry;
            }
            Err(cause) => {
                registry.problem = Some(format!("cannot read the modules directory {directory}: {cause}"));
                return registry;
            }
        };
        let mut trust = Trust::new();
        let exec = if forbids_running(directory) { Err(Refusal::NoExec) } else { Ok(()) };
        let mut candidates: Vec<Candidate> =
            names.into_iter().map(|name| look_at(directory, name, &mut trust, &exec, rule)).collect();
        doubles::refuse(&mut candidates);
        registry.entries = candidates.into_iter().map(|candidate| candidate.entry).collect();
        waiting::mark_unusable(&mut registry.entries);
        registry
    }

    /// The directory that was scanned.
    pub fn directory(&self) -> &Utf8Path {
        &self.directory
    }

    /// All files, sorted by name.
    pub fn entries(&self) -> &[ModuleEntry] {
        &self.entries
    }

    /// Why the directory could not be read.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What to tell somebody who wonders why there are no modules.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The modules that are used.
    pub fn ready(&self) -> impl Iterator<Item = &ModuleEntry> {
        self.entries.iter().filter(|entry| entry.state == ModuleState::Ready)
    }

    /// A module by name: the one that is used, else any file that carries the name.
    pub fn module(&self, name: &str) -> Option<&ModuleEntry> {
        let mut named = self.entries.iter().filter(|entry| entry.name == name);
        let first = named.clone().next();
        named.find(|entry| entry.state == ModuleState::Ready).or(first)
    }

    /// The module in use that has a class.
    ///
    /// # Errors
    /// [`Unavailable`], with the reason of the module that has it where there is one.
    pub fn module_of(&self, class: &str) -> Result<&ModuleEntry, Unavailable> {
        self.link(class).map(|link| link.module)
    }

    /// The module in use that brings a source of OS trees.
    ///
    /// # Errors
    /// [`SourceUnavailable`], with the reason of the module that brings it where there is one.
    pub fn module_with(&self, source: &str) -> Result<&ModuleEntry, SourceUnavailable> {
        let brings = |module: &&ModuleEntry| module.sources.iter().any(|own| own.as_str() == source);
        let mut holders = self.entries.iter().filter(brings);
        let first = holders.clone().next();
        holders.find(|module| module.state == ModuleState::Ready).ok_or_else(|| match first {
            None => SourceUnavailable::NoSource { name: source.to_owned() },
            Some(module) => SourceUnavailable::NotUsed {
                name: source.to_owned(),
                module: module.name.clone(),
                reason: module.reason.clone().unwrap_or_default(),
            },
        })
    }

    /// A class and all it is built on: the class itself first, the class that is built on nothing last.
    ///
    /// # Errors
    /// [`Unavailable`]: only for the class itself, for modules in use have all their bases.
    pub fn chain(&self, class: &str) -> Result<Vec<ChainLink<'_>>, Unavailable> {
        let mut chain = vec![self.link(class)?];
        while let Some(base) = chain.last().and_then(base_of) {
            // Circles were refused by the scan; this is for the day somebody breaks that.
            if chain.iter().any(|link| link.class == base) {
                break;
            }
            chain.push(self.link(base)?);
        }
        Ok(chain)
    }

    fn link(&self, class: &str) -> Result<ChainLink<'_>, Unavailable> {
        let mut holders = self.entries.iter().filter_map(|module| {
            let noted = module.classes.iter().find(|noted| noted.name.as_str() == class)?;
            Some(ChainLink { class: noted.name.as_str(), module })
        });
        let first = holders.clone().next();
        let unavailable = || match first {
            None => Unavailable::NoClass { class: class.to_owned() },
            Some(link) => Unavailable::NotUsed {
                class: class.to_owned(),
                module: link.module.name.clone(),
                reason: link.module.reason.clone().unwrap_or_default(),
            },
        };
        holders.find(|link| link.module.state == ModuleState::Ready).ok_or_else(unavailable)
    }
}

/// The class that the last link is built on.
fn base_of<'r>(link: &ChainLink<'r>) -> Option<&'r str> {
    let noted = link.module.classes.iter().find(|noted| noted.name.as_str() == link.class)?;
    noted.base.as_ref().map(|base| base.class.as_str())
}

impl ModuleEntry {
    /// Its code, loaded when it is needed for the first time.
    ///
    /// # Errors
    /// Everything that keeps the file from being loaded.
    pub(super) fn load(&self) -> Result<&'static LoadedModule, LoadError> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = loader::load(&self.file)?;
        Ok(self.loaded.get_or_init(|| loaded))
    }

    /// Marks the file as not used.
    pub(super) fn refuse(&mut self, refusal: &Refusal) {
        self.state = ModuleState::Refused;
        self.reason = Some(refusal.to_string());
        self.hint = refusal.hint();
    }
}

/// The names that may be modules', sorted; files that begin with a dot are never modules.
fn file_names(directory: &Utf8Path) -> std::io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in directory.as_std_path().read_dir()? {
        let name = entry?.file_name();
        let bytes = name.as_encoded_bytes();
        if bytes.ends_with(b"_module.so") && !bytes.starts_with(b".") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn forbids_running(directory: &Utf8Path) -> bool {
    statvfs(directory.as_std_path()).is_ok_and(|system| system.flags().contains(FsFlags::ST_NOEXEC))
}

/// One file, judged by itself.
fn look_at(
    directory: &Utf8Path,
    name: std::ffi::OsString,
    trust: &mut Trust,
    exec: &Result<(), Refusal>,
    rule: &dyn Fn(&Utf8Path) -> Result<(), Refusal>,
) -> Candidate {
    let (name, is_text) = match name.into_string() {
        Ok(name) => (name, true),
        Err(other) => (other.to_string_lossy().into_owned(), false),
    };
    let mut entry = ModuleEntry {
        name: name_from_file(&name),
        file: directory.join(&name),
        version: None,
        api: None,
        title: String::new(),
        classes: Vec::new(),
        sources: Vec::new(),
        state: ModuleState::Ready,
        reason: None,
        hint: None,
        loaded: Arc::default(),
    };
    if !is_text {
        entry.refuse(&Refusal::FileNameNotUtf8);
        return Candidate { entry, identity: None };
    }
    let mut identity = None;
    let unreadable = |cause: std::io::Error| Refusal::Unreadable { cause: cause.to_string() };
    let look = || {
        let seen = std::fs::symlink_metadata(&entry.file)?;
        let behind = if seen.is_symlink() { std::fs::metadata(&entry.file)? } else { seen.clone() };
        Ok((seen, behind))
    };
    let judged = look().map_err(unreadable).and_then(|(seen, behind)| {
        let (file, metadata) = note::open_seen(&entry.file, &behind)?;
        identity = Some(FileIdentity::of(&metadata));
        let inspected = note::inspect_open(&entry.file, &file, &metadata)?;
        let (named, fits) = (inspected.require_file_name(), inspected.require_glibc());
        describe(&mut entry, inspected);
        named?;
        fits?;
        trust.check_seen(&entry.file, &seen)?;
        exec.clone()?;
        rule(&entry.file)
    });
    if let Err(refusal) = judged {
        if let Refusal::OtherApi { built_for, .. } = &refusal {
            entry.api = Some(built_for.clone());
        }
        entry.refuse(&refusal);
    }
    Candidate { entry, identity }
}

fn describe(entry: &mut ModuleEntry, inspected: Inspected) {
    let identity = inspected.identity;
    entry.name = identity.name.to_string();
    entry.version = Some(identity.version);
    entry.api = Some(identity.api);
    entry.title = identity.title;
    entry.classes = identity.classes;
    entry.sources = identity.sources;
}

/// What a file name suggests as the module's name.
fn name_from_file(name: &str) -> String {
    let stem = name.strip_suffix("_module.so").unwrap_or(name);
    stem.strip_prefix("lib").filter(|rest| !rest.is_empty()).unwrap_or(stem).to_owned()
}
