//! Opens module files: the one place of the host, beside its room of system calls, with unsafe code.
//!
//! abi_stable's own loading keeps one module per type and refuses modules older than the host, so each file is opened
//! here: note first, then the dynamic linker, the header, versions, layouts in both directions, the root, the module's
//! one object and its description. What was opened stays open and is never dropped: layouts and vtables live inside, and
//! no destructor of a module is to run.
#![allow(unsafe_code)]

use std::fs::{File, Metadata};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::sync::{Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use disklessset_plugin_api::abi::{ModuleBox, ModuleRootRef};
use disklessset_plugin_api::abi_stable::StableAbi;
use disklessset_plugin_api::abi_stable::library::{
    AbiHeaderRef, LibHeader, ROOT_MODULE_LOADER_NAME_WITH_NUL,
};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use semver::Version;

use super::description::Description;
use super::layout;
use super::load_error::{self, LoadError};
use super::note::{self, FileIdentity, Identity, host_api, same_series};
use super::refusal::Refusal;

/// A module whose code is in this process, ready for [`LoadedModule::call`](super::session).
pub struct LoadedModule {
    file: Utf8PathBuf,
    file_identity: FileIdentity,
    identity: Identity,
    description: Description,
    pub(super) object: &'static ModuleBox,
}

impl LoadedModule {
    /// The file it came from.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// What its note says.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Its classes and their actions.
    pub fn description(&self) -> &Description {
        &self.description
    }
}

impl std::fmt::Debug for LoadedModule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedModule").field("file", &self.file).field("identity", &self.identity).finish()
    }
}

static LOADED: Mutex<Vec<&'static LoadedModule>> = Mutex::new(Vec::new());

/// Loads a module, once per file: the same unchanged file gives the same module. A file that was replaced by rename is
/// loaded beside the old one.
///
/// Neither file name nor trust is checked: that is [`super::ModuleRegistry`]'s part.
///
/// # Errors
/// Everything that keeps the file from being used, before as much of it runs as can be avoided.
pub fn load(path: &Utf8Path) -> Result<&'static LoadedModule, LoadError> {
    let file = camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned());
    let refused = |refusal| LoadError::Refused { file: file.clone(), refusal: Box::new(refusal) };
    let (opened, metadata) = note::open(&file).map_err(refused)?;
    let file_identity = FileIdentity::of(&metadata);
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = loaded.iter().find(|known| known.file_identity.same_file(&file_identity)) {
        // The dynamic linker would hand out the old code for the same inode, over pages that have changed.
        let unchanged = known.file_identity == file_identity;
        return if unchanged { Ok(known) } else { Err(LoadError::Changed { file }) };
    }
    let inspected = note::inspect_open(&file, &opened, &metadata).map_err(refused)?;
    inspected.require_glibc().map_err(refused)?;
    let identity = inspected.identity;
    if fstatvfs(&opened).is_ok_and(|system| system.flags().contains(FsFlags::ST_NOEXEC)) {
        return Err(refused(Refusal::NoExec));
    }
    let name_is_used = loaded.iter().any(|known| known.file == file);
    let library = open_library(&file, opened, &metadata, name_is_used)?;
    let object = open_module(&file, library)?;
    let description = describe(&file, &identity, object)?;
    let module = LoadedModule { file, file_identity, identity, description, object };
    let module: &'static LoadedModule = Box::leak(Box::new(module));
    loaded.push(module);
    Ok(module)
}

fn open_library(
    file: &Utf8Path,
    opened: File,
    metadata: &Metadata,
    name_is_used: bool,
) -> Result<&'static Library, LoadError> {
    // The dynamic linker knows libraries by name: for a file that replaced one already loaded it needs another name. The
    // descriptor is one; it stays open, because its number must not come to name another file.
    let name =
        if name_is_used { format!("/proc/self/fd/{}", opened.as_raw_fd()) } else { file.as_str().to_owned() };
    // SAFETY: the file's initialisers run. It is a module by its note and whole by its headers, and who may have written it
    // is the registry's check; code that means harm cannot be kept from it by any check here.
    let library = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL) }
        .map_err(|cause| load_error::of_linker(file, &name, &cause))?;
    // Never closed, see the head of this file.
    let library: &'static Library = Box::leak(Box::new(library));
    if name_is_used {
        let _ = opened.into_raw_fd();
    } else if std::fs::metadata(file).is_ok_and(|now| FileIdentity::of(&now) != FileIdentity::of(metadata)) {
        return Err(LoadError::Changed { file: file.to_owned() });
    }
    Ok(library)
}

fn open_module(file: &Utf8Path, library: &'static Library) -> Result<&'static ModuleBox, LoadError> {
    let file = file.to_owned();
    // SAFETY: abi_stable exports a static `AbiHeader` under this name; the symbol's address is a reference to it. That it is
    // one is what `upgrade` checks first, by its magic text.
    let symbol = unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL.as_bytes()) };
    let Ok(header) = symbol.map(|symbol| *symbol) else { return Err(LoadError::NoHeader { file }) };
    let header: &'static LibHeader = match header.upgrade() {
        Ok(header) => header,
        Err(_) => return Err(LoadError::OtherBinaryInterface { file }),
    };
    // Versions before layouts: of two layouts that differ because the versions do, nobody wants to read the difference.
    let here = host_api();
    let built_for = Version::parse(header.version_strings().version.as_str())
        .map_err(|_| LoadError::OtherBinaryInterface { file: file.clone() })?;
    if !same_series(&built_for, &here) {
        let refusal = Box::new(Refusal::OtherApi { built_for, here });
        return Err(LoadError::Refused { file, refusal });
    }
    let theirs = header.layout().ok_or_else(|| LoadError::OtherBinaryInterface { file: file.clone() })?;
    if let Err(details) = layout::fit(<ModuleRootRef as StableAbi>::LAYOUT, theirs) {
        return Err(LoadError::Layout {
            file,
            built_for: Box::new(built_for),
            here: Box::new(here),
            details,
        });
    }
    // SAFETY: the layout was found to fit the line above, in one direction or the other; abi_stable's own check
    // insists on one direction. What is missing on either side is at the end and has a default.
    let root = unsafe { header.init_root_module_with_unchecked_layout::<ModuleRootRef>() }
        .map_err(|cause| LoadError::Root { file: file.clone(), cause: first_line(&cause.to_string()) })?;
    match root.open()().into_result() {
        Ok(object) => Ok(Box::leak(Box::new(object))),
        Err(error) => Err(LoadError::Module { file, error: Box::new(Error::from_abi(error)) }),
    }
}

fn describe(file: &Utf8Path, identity: &Identity, object: &ModuleBox) -> Result<Description, LoadError> {
    let text = object.describe().into_result().map_err(|error| LoadError::Module {
        file: file.to_owned(),
        error: Box::new(Error::from_abi(error)),
    })?;
    Description::parse(text.as_str(), identity)
        .map_err(|cause| LoadError::Description { file: file.to_owned(), cause })
}

fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
