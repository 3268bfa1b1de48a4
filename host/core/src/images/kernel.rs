//! The kernel of an image: the one it boots, and the one that its own OS tree brings.

use super::{
    actions::Changed,
    host_action::HostAction,
    manager::{ImageManager, request},
};
use crate::{
    kernels::{self, KernelManager},
    modules::HostService,
    operation::Operation,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Image, ImageName, Kernel, KernelVersion, Result, messages::steps};

impl ImageManager<'_> {
    /// Changes the kernel of an image: kernel and initramfs together, in record and boot file.
    ///
    /// # Errors
    /// When image or kernel are not there, or the kernel has no initramfs.
    pub fn set_kernel(&self, name: &ImageName, version: &KernelVersion) -> Result<()> {
        let action = HostAction::SetKernel.name();
        self.site.observed(action, name.as_str(), || self.change_kernel(name, version, action))
    }

    /// Changes the kernel of an image under its lock; files that are others under the same names make a new version, too.
    pub(super) fn change_kernel(
        &self,
        name: &ImageName,
        version: &KernelVersion,
        action: &str,
    ) -> Result<()> {
        let image = self.get_created_image(name)?;
        let _kernels = kernels::lock(self.site)?;
        let kernels = KernelManager::new(self.site);
        let kernel: Kernel = match self.boots(&image)?.initramfs {
            true => kernels.usable(version)?,
            false => kernels.alone(version)?,
        };
        self.changing(name, action, |operation, image| {
            let mut request = request(steps::SET_KERNEL);
            request.attrs.insert("kernel".to_owned(), serde_json::to_value(&kernel)?);
            self.step(operation, image, request).map(|_| Changed { kernel_anew: true, ..Changed::of(()) })
        })
    }

    /// Registers the kernel inside an image, with its modules and its initramfs.
    ///
    /// # Errors
    /// When the image's class has no OS tree to look into, or as for trees.
    pub fn add_kernel_of(&self, name: &ImageName) -> Result<KernelVersion> {
        self.with_tree(name, kernels::add_of_tree)
    }

    /// Shows the OS tree of an image to `run`, for as long as that takes, through the step `os_tree` of its class.
    pub(super) fn with_tree<T>(
        &self,
        name: &ImageName,
        run: impl FnOnce(&Operation<'_>, &Utf8Path) -> Result<T>,
    ) -> Result<T> {
        let (lock, mut image) = self.lock_and_load(name, "read the tree of")?;
        self.module_needed(image.class(), name)?;
        let operation = Operation::begin(self.site, name, lock, HostAction::OsTree.name(), image.class())?;
        match self.tree_shown(&operation, &mut image).and_then(|tree| run(&operation, &tree)) {
            Ok(value) => operation.succeed().map(|()| value),
            Err(error) => Err(operation.fail(error).0),
        }
    }

    /// Where the class of an image shows its OS tree.
    pub(super) fn tree_shown(&self, operation: &dyn HostService, image: &mut Image) -> Result<Utf8PathBuf> {
        let value = self.step(operation, image, request(steps::OS_TREE))?;
        value.as_str().map(Utf8PathBuf::from).ok_or_else(|| {
            Error::failed(format!("class {} does not say where the OS tree is", image.class()))
                .hint("tell the author of its module")
        })
    }
}
