//! `ModuleManager`: modules come and go on record, under the lock of the modules directory.

use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Hold, Level, Result};

use super::error::{InstallError, api_error};
use super::lock::lock;
use super::plan::{self, InstallPlan, RemovePlan};
use super::recovery::clean;
use crate::failure;
use crate::installations::Effect;
use crate::integrity::Digest;
use crate::module_files::{self, Installed, Register, Signer};
use crate::modules::ModuleEntry;
use crate::modules::signature::{NAMESPACE, Signature, SignatureError, TrustedKeys};
use crate::operation::Operation;
use crate::site::Site;
use crate::system::{FileError, atomic_file, lock::Lock};

/// Manages the files of a site's modules directory.
#[derive(Clone, Copy)]
pub struct ModuleManager<'s> {
    site: &'s Site,
}

/// What is known of a module's file beside what it says itself.
#[derive(Debug, Clone, Default)]
pub struct ModuleFacts {
    /// What was remembered when it was installed; nothing of a file that was dropped in by hand.
    pub installed: Option<Installed>,
    /// What somebody should know, in one line.
    pub note: Option<String>,
}

impl<'s> ModuleManager<'s> {
    /// A manager for a site.
    pub fn new(site: &'s Site) -> Self {
        Self { site }
    }

    /// What an installation would do, as far as that can be told without running anything of the file.
    ///
    /// # Errors
    /// When the file would not be used, or nobody may put it there.
    pub fn plan_install(&self, file: &Utf8Path) -> Result<InstallPlan> {
        let directory = self.site.layout.modules_dir();
        plan::must_be_writable(&directory).map_err(api_error)?;
        plan::plan_install(file, &directory).map_err(api_error)
    }

    /// Installs a module: copies it aside into the modules directory (made when missing), has the copy checked, and renames it
    /// into its place. `check` gets the copy, under a name that no scan takes for a module; it may load it here
    /// ([`load_here`](super::load_here())) or in a child process. Its error is one line.
    ///
    /// `signature` is the file of its signature; `FILE.sig`, where that is there, unless one is named.
    ///
    /// Returns the module as it is listed now: it may be waiting for a base class.
    ///
    /// # Errors
    /// When it would not be used or does not pass. The modules directory is then as it was.
    pub fn install(
        &self,
        file: &Utf8Path,
        signature: Option<&Utf8Path>,
        check: &dyn Fn(&Utf8Path) -> std::result::Result<(), String>,
    ) -> Result<ModuleEntry> {
        let plan = self.plan_install(file)?;
        let what = format!("install module {}", plan.identity().name);
        let lock = lock(self.site, &what)?;
        // Again, now that nobody else can be at it.
        let plan = self.plan_install(file)?;
        let directory = self.site.layout.modules_dir();
        atomic_file::create_dir_all(&directory, 0o755).map_err(failure::of)?;
        module_files::remove_leftovers(&directory);
        let target = plan.target().to_owned();
        self.changing(lock, &what, |operation| {
            let staging = plan.temporary_path();
            // Whatever becomes of the copy, it is ours: a failure in the middle of it leaves something to remove.
            operation.acquire(Effect::ModuleCopy { path: staging.clone() }, Hold::Action, || Ok(()))?;
            plan.copy_to(&staging).map_err(api_error)?;
            let signed_by = self.check_signature(&plan, signature, &staging)?;
            check(&staging).map_err(|cause| api_error(plan.failed(&staging, &cause)))?;
            let seen = std::fs::symlink_metadata(&staging)
                .map_err(|cause| failure::of(FileError::of("inspect", &staging)(cause)))?;
            let digest = Digest::of_file(&staging)?.to_string();
            let record = Box::new(Installed::new(
                (plan.identity().name.to_string(), plan.identity().version.to_string()),
                plan.origin(),
                digest,
                signed_by,
            ));
            let effect = Effect::ModuleIn { path: target.clone(), staging, inode: seen.ino(), record };
            operation.acquire(effect, Hold::Action, || Ok(()))
        })?;
        let registry = self.site.scan_modules();
        let listed = registry.entries().iter().find(|entry| entry.file == target).cloned();
        listed.ok_or_else(|| {
            Error::failed(format!("{target} is gone again: another process has removed it"))
                .hint("`disklessset module list` shows what is there")
        })
    }

    /// What a removal would do. A file that is refused goes by the name that `module list` shows.
    ///
    /// # Errors
    /// When there is no such module, or nobody may take it away.
    pub fn plan_remove(&self, name: &str) -> Result<RemovePlan> {
        let directory = self.site.layout.modules_dir();
        let plan = plan::plan_remove(name, &directory).map_err(api_error)?;
        plan::must_be_writable(&directory).map_err(api_error)?;
        Ok(plan)
    }

    /// Removes the file of a module and gives back what was planned. Its images stay.
    ///
    /// # Errors
    /// As [`Self::plan_remove`], and whatever the system refuses.
    pub fn remove(&self, name: &str) -> Result<RemovePlan> {
        let what = format!("remove module {name}");
        // An interrupted removal of the same module is recovered before it is said that there is none.
        if let Some(said) = clean(self.site)? {
            self.warn(&said);
        }
        self.plan_remove(name)?;
        let lock = lock(self.site, &what)?;
        let plan = self.plan_remove(name)?;
        let path = plan.file().to_owned();
        let seen = std::fs::symlink_metadata(&path)
            .map_err(|cause| failure::of(FileError::of("inspect", &path)(cause)))?;
        let effect = Effect::ModuleOut { path, inode: seen.ino() };
        self.changing(lock, &what, |operation| operation.acquire(effect, Hold::Action, || Ok(())))?;
        Ok(plan)
    }

    /// What is known of modules beside what they say themselves. What cannot be found out is a note.
    pub fn facts(&self, entries: &[ModuleEntry]) -> Vec<ModuleFacts> {
        match Register::read(&self.site.layout) {
            Ok(register) => entries.iter().map(|entry| facts_of(&register, &entry.file)).collect(),
            Err(error) => {
                let note = Some(failure::one_line(&failure::of(error)));
                vec![ModuleFacts { installed: None, note }; entries.len()]
            }
        }
    }

    /// Whose signature the copy has, as far as the site wants to know.
    fn check_signature(
        &self,
        plan: &InstallPlan,
        given: Option<&Utf8Path>,
        staging: &Utf8Path,
    ) -> Result<Option<Signer>> {
        let signature = given.map_or_else(|| format!("{}.sig", plan.origin()).into(), Utf8Path::to_owned);
        let refused = |cause: String| {
            let file = plan.origin().to_owned();
            let hint =
                format!("ssh-keygen -Y sign -n {NAMESPACE} -f KEY {file}, with a key of {}", self.keys());
            api_error(InstallError::Signature { file, cause }).hint(hint)
        };
        let keys = TrustedKeys::read(&self.site.layout).map_err(|error| refused(error.to_string()))?;
        let required = self.site.configuration.requires_module_signatures();
        let found = match keys.check(staging, &signature) {
            Ok(found) => found,
            Err(error @ SignatureError::Wrong { .. }) => return Err(refused(error.to_string())),
            Err(error) if required => return Err(refused(error.to_string())),
            Err(error) => {
                self.warn(&format!("the signature of {} was not checked: {error}", plan.origin()));
                Signature::NotChecked
            }
        };
        match found {
            Signature::Trusted(signer) => Ok(Some(signer)),
            Signature::Missing if given.is_some() => Err(refused(format!("there is no {signature}"))),
            Signature::Missing if required => {
                Err(refused(format!("it has no signature {signature}, which this site requires")))
            }
            Signature::Unknown if required => {
                Err(refused(format!("{signature} is of a key that this site does not trust")))
            }
            Signature::NotChecked if required => {
                Err(refused("this site requires signatures and trusts no key".to_owned()))
            }
            Signature::Unknown => {
                self.warn(&format!("{signature} is of a key that this site does not trust"));
                Ok(None)
            }
            Signature::Missing | Signature::NotChecked => Ok(None),
        }
    }

    fn keys(&self) -> Utf8PathBuf {
        self.site.layout.trusted_keys_dir()
    }

    fn warn(&self, text: &str) {
        self.site.observer.line(Level::Warning, text);
    }

    fn changing(&self, lock: Lock, what: &str, run: impl FnOnce(&Operation<'_>) -> Result<()>) -> Result<()> {
        self.site.observed(what, "modules", || {
            let operation = Operation::begin_on_modules(self.site, lock, what)?;
            match run(&operation).and_then(|()| operation.commit()) {
                Ok(()) => operation.succeed(),
                Err(error) => Err(operation.fail(error).0),
            }
        })
    }
}

fn facts_of(register: &Register, file: &Utf8Path) -> ModuleFacts {
    let Some(record) = register.of(file) else { return ModuleFacts::default() };
    let note = match record.is_still(file) {
        Ok(true) => None,
        Ok(false) => Some(format!("{file} is no longer the file that was installed")),
        Err(error) => Some(failure::one_line(&error)),
    };
    ModuleFacts { installed: Some(record.clone()), note }
}
