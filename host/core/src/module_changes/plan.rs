//! What `module install` and `module remove` would do, found out before anything is changed.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};
use semver::Version;

use super::error::InstallError;
use crate::modules::refusal::file_name;
use crate::modules::{
    Identity, ModuleEntry, ModuleRegistry, ModuleState, NotedClass, Refusal, SourceName, Trust, note,
};
use crate::system::{FileError, atomic_file, failpoint::failpoint};

/// What an installation would do; so far nothing was changed.
#[derive(Debug)]
pub struct InstallPlan {
    file: Utf8PathBuf,
    identity: Identity,
    directory: Utf8PathBuf,
    target: Utf8PathBuf,
    replaces: Option<Version>,
}

/// What a removal would do; so far nothing was changed.
#[derive(Debug)]
pub struct RemovePlan {
    file: Utf8PathBuf,
    waiting: Vec<String>,
}

/// Whether this user may put files into the modules directory, or make it.
///
/// # Errors
/// [`InstallError::NotWritable`].
pub(super) fn must_be_writable(directory: &Utf8Path) -> Result<(), InstallError> {
    let nearest = directory.ancestors().find(|path| path.exists()).unwrap_or(directory);
    access(nearest.as_std_path(), AccessFlags::W_OK | AccessFlags::X_OK).map_err(|cause| {
        let user = nix::unistd::geteuid();
        let cause = match cause {
            Errno::EACCES => format!("user {user} may not write to {nearest}"),
            Errno::EROFS => format!("{nearest} is on a file system that is mounted read-only"),
            other => format!("{nearest}: {}", other.desc()),
        };
        InstallError::NotWritable { directory: directory.to_owned(), cause }
    })
}

/// Looks at a file and at the modules directory and plans the installation: pre-flight, and no clash with what is there.
/// Nothing of the file runs.
///
/// # Errors
/// [`InstallError::Refused`] for a file that would not be used; [`InstallError::Directory`].
pub(super) fn plan_install(file: &Utf8Path, directory: &Utf8Path) -> Result<InstallPlan, InstallError> {
    let refused = |refusal| InstallError::Refused { file: file.to_owned(), refusal: Box::new(refusal) };
    let identity = note::inspect(file).map_err(refused)?.identity;
    if directory.exists() {
        Trust::new()
            .check_directory(directory)
            .map_err(|cause| InstallError::Directory { directory: directory.to_owned(), cause })?;
        if statvfs(directory.as_std_path()).is_ok_and(|system| system.flags().contains(FsFlags::ST_NOEXEC)) {
            return Err(refused(Refusal::NoExec));
        }
    }
    let registry = ModuleRegistry::scan(directory);
    if let Some(refusal) = taken_by_another(&identity, &registry) {
        return Err(refused(refusal));
    }
    let old = registry
        .entries()
        .iter()
        .find(|entry| entry.name == identity.name.as_str() && entry.state != ModuleState::Refused);
    if let Some(refusal) = old.and_then(|old| another_module(&identity, old)) {
        return Err(refused(refusal));
    }
    // A module that lies there under its other possible name is replaced under that name.
    let target = old.map_or_else(|| directory.join(identity.name.file_name()), |old| old.file.clone());
    let replaces = old.and_then(|old| old.version.clone());
    Ok(InstallPlan { file: file.to_owned(), identity, directory: directory.to_owned(), target, replaces })
}

/// Two modules that share a name and neither class nor source are two modules: a newer version of one has at least one of them still.
fn another_module(identity: &Identity, old: &ModuleEntry) -> Option<Refusal> {
    let names = |classes: &[NotedClass], sources: &[SourceName]| {
        let classes = classes.iter().map(|class| class.name.to_string());
        let sources = sources.iter().map(|source| format!("source {source}"));
        classes.chain(sources).collect::<Vec<_>>().join(", ")
    };
    let shared = identity.classes.iter().any(|new| old.classes.iter().any(|class| class.name == new.name))
        || identity.sources.iter().any(|new| old.sources.contains(new));
    let brings_nothing = old.classes.is_empty() && old.sources.is_empty();
    (!shared && !brings_nothing).then(|| Refusal::AnotherModule {
        name: old.name.clone(),
        installed: names(&old.classes, &old.sources),
        here: names(&identity.classes, &identity.sources),
    })
}

fn taken_by_another(identity: &Identity, registry: &ModuleRegistry) -> Option<Refusal> {
    let others = registry
        .entries()
        .iter()
        .filter(|entry| entry.state != ModuleState::Refused && entry.name != identity.name.as_str());
    others.into_iter().find_map(|other| {
        let class = identity.classes.iter().find(|class| other.classes.iter().any(|c| c.name == class.name));
        let source = identity.sources.iter().find(|source| other.sources.contains(source));
        let (module, first) = (other.name.clone(), file_name(&other.file).to_owned());
        match (class, source) {
            (Some(class), _) => Some(Refusal::ClassTaken { class: class.name.to_string(), module, first }),
            (None, Some(source)) => {
                Some(Refusal::SourceTaken { source_name: source.to_string(), module, first })
            }
            (None, None) => None,
        }
    })
}

impl InstallPlan {
    /// Who is installed.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file it will be.
    pub fn target(&self) -> &Utf8Path {
        &self.target
    }

    /// The version of the same module that it replaces.
    pub fn replaces(&self) -> Option<&Version> {
        self.replaces.as_ref()
    }

    /// Copies the module to a new file, which is all of it on disk then, and looks at the copy: the original may have changed
    /// since the plan was made, and what counts is what was copied.
    ///
    /// # Errors
    /// [`InstallError`]; the copy is the caller's to remove.
    pub(super) fn copy_to(&self, temporary_path: &Utf8Path) -> Result<(), InstallError> {
        let refused = |refusal| InstallError::Refused { file: self.file.clone(), refusal: Box::new(refusal) };
        let (mut source, _) = note::open(&self.file).map_err(refused)?;
        // The mode is set whatever the umask: 0644 is all that loading needs.
        let mut copy = atomic_file::create_new(temporary_path, 0o644)?;
        io::copy(&mut source, &mut copy).map_err(FileError::of("copy the module to", temporary_path))?;
        failpoint!("module: copied aside", temporary_path);
        copy.sync_all().map_err(FileError::of("write", temporary_path))?;
        failpoint!("module: flushed aside", temporary_path);
        let copied = note::inspect(temporary_path).map_err(refused)?;
        if copied.identity != self.identity {
            let cause = "it was changed while it was being installed".to_owned();
            return Err(InstallError::Check { file: self.file.clone(), cause });
        }
        Ok(())
    }

    /// A name for the copy that nobody else has, and that no scan takes for a module.
    pub(super) fn temporary_path(&self) -> Utf8PathBuf {
        let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let (pid, number) = (std::process::id(), clock.map_or(0, |clock| clock.as_nanos()));
        self.directory.join(format!(".{}.{pid}-{number}.new", self.identity.name.file_name()))
    }

    /// The file that is copied.
    pub(super) fn origin(&self) -> &Utf8Path {
        &self.file
    }

    /// The error of a copy that did not pass: it is told as one of the file.
    pub(super) fn failed(&self, temporary_path: &Utf8Path, cause: &str) -> InstallError {
        let cause = cause.replace(temporary_path.as_str(), self.file.as_str());
        InstallError::Check { file: self.file.clone(), cause }
    }
}

/// Finds the file of a module by name and plans its removal. A file that is refused goes by the name that
/// `module list` shows.
///
/// # Errors
/// [`InstallError::NoModule`], [`InstallError::Ambiguous`].
pub(super) fn plan_remove(name: &str, directory: &Utf8Path) -> Result<RemovePlan, InstallError> {
    let registry = ModuleRegistry::scan(directory);
    let named: Vec<&ModuleEntry> = registry.entries().iter().filter(|entry| entry.name == name).collect();
    let in_use = named.iter().find(|entry| entry.state != ModuleState::Refused);
    let entry = match (in_use, named.as_slice()) {
        (Some(entry), _) | (None, [entry]) => entry,
        (None, []) => {
            return Err(InstallError::NoModule { name: name.to_owned(), directory: directory.to_owned() });
        }
        (None, several) => {
            let files: Vec<&str> = several.iter().map(|entry| entry.file.as_str()).collect();
            return Err(InstallError::Ambiguous { name: name.to_owned(), files: files.join(", ") });
        }
    };
    let builds_on_it = |other: &&ModuleEntry| {
        let bases = other.classes.iter().filter_map(|class| class.base.as_ref());
        other.name != name
            && bases.into_iter().any(|base| entry.classes.iter().any(|own| own.name.as_str() == base.class))
    };
    let waiting = registry.ready().filter(builds_on_it).map(|other| other.name.clone()).collect();
    if entry.file.symlink_metadata().is_ok_and(|seen| seen.is_dir()) {
        return Err(InstallError::IsDirectory { file: entry.file.clone() });
    }
    Ok(RemovePlan { file: entry.file.clone(), waiting })
}

impl RemovePlan {
    /// The file that goes.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// Modules in use that build on classes of this one and will wait for it.
    pub fn will_wait(&self) -> &[String] {
        &self.waiting
    }
}
