//! `module install` and `module remove`: files of the modules directory come and go by rename, never by overwriting. A
//! process that runs from the old file keeps it.

use std::fs::File;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::statvfs::{FsFlags, statvfs};
use semver::Version;

use super::note::{self, Identity};
use super::refusal::{Refusal, file_name};
use super::registry::{ModuleEntry, ModuleRegistry, ModuleState};
use super::trust::{Trust, Untrusted};
use crate::system::{FileError, atomic_file, failpoint::failpoint};

/// Why a module is not installed or removed; nothing is changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The file is no module that would be used.
    #[error("cannot install {file}: {refusal}")]
    Refused {
        /// The file.
        file: Utf8PathBuf,
        /// Why.
        refusal: Box<Refusal>,
    },
    /// It did not pass the check of its code.
    #[error("cannot install {file}: {cause}")]
    Check {
        /// The file.
        file: Utf8PathBuf,
        /// What the check said, in one line.
        cause: String,
    },
    /// What is put there would not be used.
    #[error("cannot install into {directory}: {cause}")]
    Directory {
        /// The modules directory.
        directory: Utf8PathBuf,
        /// Why.
        cause: Untrusted,
    },
    /// There is no such module.
    #[error("cannot remove module {name}: there is none in {directory}")]
    NoModule {
        /// The name.
        name: String,
        /// The modules directory.
        directory: Utf8PathBuf,
    },
    /// Several files carry the name and none is in use.
    #[error("cannot remove module {name}: which of {files}? remove the file itself")]
    Ambiguous {
        /// The name.
        name: String,
        /// The files.
        files: String,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

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

/// Looks at a file and at the modules directory and plans the installation: pre-flight, and no clash with what is there.
/// Nothing of the file runs.
///
/// # Errors
/// [`InstallError::Refused`] for a file that would not be used; [`InstallError::Directory`].
pub fn plan_install(file: &Utf8Path, directory: &Utf8Path) -> Result<InstallPlan, InstallError> {
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
    if let Some(refusal) = class_taken(&identity, &registry) {
        return Err(refused(refusal));
    }
    let old = registry
        .entries()
        .iter()
        .find(|entry| entry.name == identity.name.as_str() && entry.state != ModuleState::Refused);
    // A module that lies there under its other possible name is replaced under that name.
    let target = old.map_or_else(|| directory.join(identity.name.file_name()), |old| old.file.clone());
    let replaces = old.and_then(|old| old.version.clone());
    Ok(InstallPlan { file: file.to_owned(), identity, directory: directory.to_owned(), target, replaces })
}

fn class_taken(identity: &Identity, registry: &ModuleRegistry) -> Option<Refusal> {
    let others = registry
        .entries()
        .iter()
        .filter(|entry| entry.state != ModuleState::Refused && entry.name != identity.name.as_str());
    others.into_iter().find_map(|other| {
        let class =
            identity.classes.iter().find(|class| other.classes.iter().any(|c| c.name == class.name))?;
        Some(Refusal::ClassTaken {
            class: class.name.to_string(),
            module: other.name.clone(),
            first: file_name(&other.file).to_owned(),
        })
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

    /// Copies the file aside into the modules directory (made when missing), has the copy checked, and renames it into its
    /// place. `check` gets the copy, under a name that no scan takes for a module; it may load it here
    /// ([`load_here`]) or in a child process. Its error is one line.
    ///
    /// Returns the module as it is listed now: it may be waiting for a base class.
    ///
    /// # Errors
    /// [`InstallError`]; nothing is left behind.
    pub fn carry_out(
        self,
        check: &dyn Fn(&Utf8Path) -> Result<(), String>,
    ) -> Result<ModuleEntry, InstallError> {
        let refused = |refusal| InstallError::Refused { file: self.file.clone(), refusal: Box::new(refusal) };
        atomic_file::create_dir_all(&self.directory, 0o755)?;
        remove_leftovers(&self.directory);
        let (mut source, _) = note::open(&self.file).map_err(refused)?;
        // The mode is set whatever the umask: 0644 is all that loading needs.
        let (aside, copy) = atomic_file::create_aside(&self.target, 0o644)?;
        let aside = Aside { path: aside };
        self.fill(&mut source, copy, &aside.path)?;
        // The file may have changed since the plan was made; what counts is what was copied.
        let copied = note::inspect(&aside.path).map_err(refused)?;
        if copied.identity != self.identity {
            let cause = "it was changed while it was being installed".to_owned();
            return Err(InstallError::Check { file: self.file.clone(), cause });
        }
        check(&aside.path).map_err(|cause| InstallError::Check {
            file: self.file.clone(),
            cause: cause.replace(aside.path.as_str(), self.file.as_str()),
        })?;
        failpoint!("module: checked", aside.path);
        atomic_file::rename_replacing(&aside.path, &self.target)?;
        let registry = ModuleRegistry::scan(&self.directory);
        let listed = registry.entries().iter().find(|entry| entry.file == self.target).cloned();
        listed.ok_or_else(|| {
            FileError::of("find", &self.target)(io::Error::from(io::ErrorKind::NotFound)).into()
        })
    }

    fn fill(&self, source: &mut File, mut copy: File, aside: &Utf8Path) -> Result<(), InstallError> {
        io::copy(source, &mut copy).map_err(FileError::of("copy the module to", aside))?;
        failpoint!("module: copied aside", aside);
        copy.sync_all().map_err(FileError::of("write", aside))?;
        failpoint!("module: flushed aside", aside);
        Ok(())
    }
}

/// A file aside: gone when it was not renamed.
struct Aside {
    path: Utf8PathBuf,
}

impl Drop for Aside {
    fn drop(&mut self) {
        // After the rename there is nothing of this name.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// The check of [`InstallPlan::carry_out`] that loads the module into this process: layout and description.
///
/// # Errors
/// The loader's, in one line with its causes.
pub fn load_here(file: &Utf8Path) -> Result<(), String> {
    match super::loader::load(file) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let text = text.strip_prefix(&format!("cannot load {file}: ")).unwrap_or(&text).to_owned();
            Err(error.causes().iter().fold(text, |text, cause| format!("{text}: {cause}")))
        }
    }
}

/// Removes what installations that were killed left aside: `.NAME_module.so.PID-N.new` of processes that are gone.
pub fn remove_leftovers(directory: &Utf8Path) {
    let Ok(entries) = directory.read_dir_utf8() else { return };
    for entry in entries.flatten() {
        let Some(pid) = aside_of(entry.file_name()) else { continue };
        if !Utf8Path::new("/proc").join(pid).exists() && Utf8Path::new("/proc/self").exists() {
            // Another installation may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// The process that made a file aside.
fn aside_of(name: &str) -> Option<&str> {
    let (module, rest) = name.strip_prefix('.')?.split_once("_module.so.")?;
    let (pid, number) = rest.strip_suffix(".new")?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (!module.is_empty() && digits(pid) && digits(number)).then_some(pid)
}

/// Finds the file of a module by name and plans its removal. A file that is refused goes by the name that
/// `module list` shows.
///
/// # Errors
/// [`InstallError::NoModule`], [`InstallError::Ambiguous`].
pub fn plan_remove(name: &str, directory: &Utf8Path) -> Result<RemovePlan, InstallError> {
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

    /// Removes the file.
    ///
    /// # Errors
    /// Whatever the system refuses.
    pub fn carry_out(self) -> Result<(), InstallError> {
        std::fs::remove_file(&self.file).map_err(FileError::of("remove", &self.file))?;
        failpoint!("module: removed", self.file);
        if let Some(directory) = self.file.parent() {
            atomic_file::sync_dir(directory)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_killed_installations_count_as_leftovers() {
        assert_eq!(aside_of(".demo_module.so.123-0.new"), Some("123"));
        for other in [
            "demo_module.so",
            ".demo_module.so",
            ".demo_module.so.1.new",
            ".x.1-2.new",
            "._module.so.1-2.new",
        ] {
            assert_eq!(aside_of(other), None, "{other}");
        }
    }
}
