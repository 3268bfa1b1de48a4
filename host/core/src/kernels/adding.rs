//! Adds kernels, from files or from OS trees, and makes their initramfs.

use super::{
    from_tree::{self, Initramfs},
    in_tree,
    initramfs::{self, Dracut},
    linked::Origin,
    manager::{KernelManager, lock, modules_of},
    sums::{self, NewFile},
    vmlinuz,
};
use crate::{
    failure,
    integrity::Digests,
    needs,
    operation::Operation,
    system::{FileError, files},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Kernel, KernelVersion, Result};

impl KernelManager<'_> {
    /// Adds a kernel file, with the directory of its modules if there is one.
    ///
    /// The version is the one inside the file, as `uname -r` will print it; a file without one must be named `vmlinuz-V`.
    ///
    /// # Errors
    /// When the file is no kernel, another of that version is registered, or copying fails.
    pub fn add(&self, file: &Utf8Path, modules: Option<&Utf8Path>) -> Result<KernelVersion> {
        let (kernel, modules) = self.check_file(file, modules)?;
        let version = kernel.version.clone();
        self.changing("add a kernel", |operation| {
            from_tree::is_known(&self.site.layout, &kernel, file)?;
            let directory = operation.staging(&self.site.layout.kernels_dir(), "kernel")?;
            let copy = directory.join("vmlinuz");
            from_tree::copy_file(file, &copy)?;
            let modules = match &modules {
                Some(from) => {
                    let origin = Origin { modules: from, tree: None };
                    Some(from_tree::stage_modules(operation, &origin, &version)?)
                }
                None => None,
            };
            operation.stage_kernel(from_tree::staged(kernel.clone(), copy, modules));
            from_tree::publish_staged(operation)
        })?;
        Ok(version)
    }

    /// Refuses a file that would not be added.
    ///
    /// # Errors
    /// As [`KernelManager::add`], as far as that can be told without doing it.
    pub fn check_file(
        &self,
        file: &Utf8Path,
        modules: Option<&Utf8Path>,
    ) -> Result<(Kernel, Option<Utf8PathBuf>)> {
        let kernel = Kernel::new(version_of(file)?);
        let modules = modules.map(|given| modules_below(given, &kernel.version)).transpose()?;
        from_tree::is_known(&self.site.layout, &kernel, file)?;
        Ok((kernel, modules))
    }

    /// Refuses a tree whose kernel would not be added.
    ///
    /// # Errors
    /// As [`KernelManager::add_from_tree`], as far as that can be told without doing it.
    pub fn check_tree(&self, tree: &Utf8Path) -> Result<()> {
        let tree = real_tree(tree)?;
        let own = in_tree::find(&tree)?;
        from_tree::is_known(&self.site.layout, &Kernel::new(own.version), &own.vmlinuz).map(drop)
    }

    /// Refuses a kernel whose initramfs could not be made; gives the directory of its modules.
    ///
    /// # Errors
    /// As [`KernelManager::generate_initramfs`], as far as that can be told without doing it.
    pub fn check_initramfs(&self, version: &KernelVersion) -> Result<Utf8PathBuf> {
        self.must_exist(&Kernel::new(version.clone()))?;
        let modules = modules_of(&self.site.layout, version).ok_or_else(|| {
            Error::new(
                ErrorKind::NOT_FOUND,
                format!("the modules of kernel {version} are not on this server"),
            )
            .hint(
                "add the kernel again with its modules: disklessset kernel add --vmlinuz FILE --modules DIR",
            )
        })?;
        needs::must_have(&format!("make the initramfs of kernel {version}"), "initramfs")?;
        Ok(modules)
    }

    /// Adds the kernel that an OS tree brings, with its modules; with its initramfs too when the tree has dracut.
    ///
    /// # Errors
    /// When the tree has no kernel or several, or making fails.
    pub fn add_from_tree(&self, tree: &Utf8Path) -> Result<KernelVersion> {
        let tree = real_tree(tree)?;
        self.changing("add a kernel", |operation| add_of_tree(operation, &tree))
    }

    /// Makes (or makes anew) the initramfs of a registered kernel with the server's dracut.
    ///
    /// # Errors
    /// When the kernel is not there, its modules are nowhere on the server, or dracut fails.
    pub fn generate_initramfs(&self, version: &KernelVersion) -> Result<()> {
        let kernel = Kernel::new(version.clone());
        let modules = self.check_initramfs(version)?;
        let layout = &self.site.layout;
        self.changing("make an initramfs", |operation| {
            let directory = operation.staging(&layout.kernels_dir(), "initramfs")?;
            let made =
                initramfs::make(operation, &Dracut::OfServer { modules: &modules }, version, &directory)?;
            files::set_mode(&made, 0o644).map_err(failure::of)?;
            let brought = [NewFile { name: kernel.initramfs(), from: &made }];
            sums::publish(operation, &kernel, &brought, Digests::Carried, &directory, None)?;
            // Over an older one: nodes get the old file or the new one.
            sums::put(operation, &made, &layout.kernels_dir().join(kernel.initramfs()), None)
        })
    }

    /// Runs a change of kernels under their lock and on record.
    pub(super) fn changing<T>(
        &self,
        action: &str,
        run: impl FnOnce(&Operation<'_>) -> Result<T>,
    ) -> Result<T> {
        self.site.observed(action, "kernels", || {
            let lock = lock(self.site)?;
            let operation = Operation::begin_on_kernels(self.site, lock, action)?;
            match run(&operation).and_then(|value| operation.commit().map(|()| value)) {
                Ok(value) => operation.apply_committed().and_then(|()| operation.succeed()).map(|()| value),
                Err(error) => Err(operation.fail(error).0),
            }
        })
    }
}

fn real_tree(tree: &Utf8Path) -> Result<Utf8PathBuf> {
    tree.canonicalize_utf8().map_err(|cause| failure::usage(FileError::of("open", tree)(cause)))
}

/// Adds the kernel that an OS tree brings, within an action.
///
/// # Errors
/// As [`KernelManager::add_from_tree`].
pub(crate) fn add_of_tree(operation: &Operation<'_>, tree: &Utf8Path) -> Result<KernelVersion> {
    let has_dracut = ["usr/bin/dracut", "usr/sbin/dracut"].iter().any(|place| tree.join(place).is_file());
    let initramfs = if has_dracut { Initramfs::Make } else { Initramfs::Later };
    let taken = from_tree::stage(operation, tree, initramfs)?;
    from_tree::publish_staged(operation)?;
    Ok(taken.kernel.version)
}

fn version_of(file: &Utf8Path) -> Result<KernelVersion> {
    let inside = vmlinuz::version_of_file(file).map_err(failure::usage)?;
    // `/boot/vmlinuz` is a link to a name with a version.
    let real = file.canonicalize_utf8().unwrap_or_else(|_| file.to_owned());
    let named = [file, &real].into_iter().find_map(|file| named(file.file_name()?));
    inside.or(named).ok_or_else(|| {
        Error::usage(format!("{file} is no kernel with a version in it, and is not named vmlinuz-VERSION"))
    })
}

/// The version in the name of a kernel file.
fn named(name: &str) -> Option<KernelVersion> {
    let version = |kind: &&str| name.strip_prefix(*kind)?.strip_prefix('-');
    in_tree::NAMES.iter().find_map(version).and_then(|version| KernelVersion::parse(version).ok())
}

/// The directory of the modules of a version: the one given, or below it.
fn modules_below(given: &Utf8Path, version: &KernelVersion) -> Result<Utf8PathBuf> {
    let given =
        given.canonicalize_utf8().map_err(|cause| failure::usage(FileError::of("open", given)(cause)))?;
    let below = [version.to_string(), format!("lib/modules/{version}"), format!("usr/lib/modules/{version}")];
    let places = std::iter::once(given.clone()).chain(below.iter().map(|place| given.join(place)));
    places
        .into_iter()
        .find(|dir| dir.file_name() == Some(version.as_str()) && dir.join("modules.dep").is_file())
        .ok_or_else(|| {
            Error::usage(format!("there are no modules of kernel {version} in {given}"))
                .hint("the directory is the one with modules.dep in it, such as /lib/modules/VERSION")
        })
}
