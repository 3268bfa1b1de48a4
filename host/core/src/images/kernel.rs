//! The kernel of an image: the one it boots, and the one that its own OS tree brings.

use super::{
    actions::Changed,
    host_action::HostAction,
    manager::{ImageManager, request},
};
use crate::{
    kernels::{self, KernelManager},
    operation::Operation,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, ImageName, Kernel, KernelVersion, Result, messages::steps};

impl ImageManager<'_> {
    /// Changes the kernel of an image: kernel and initramfs together, in record and boot file.
    ///
    /// # Errors
    /// When image or kernel are not there, or the kernel has no initramfs.
    pub fn set_kernel(&self, name: &ImageName, version: &KernelVersion) -> Result<()> {
        self.site.observed(HostAction::SetKernel.name(), name.as_str(), || self.change_kernel(name, version))
    }

    fn change_kernel(&self, name: &ImageName, version: &KernelVersion) -> Result<()> {
        let image = self.get_created_image(name)?;
        let _kernels = kernels::lock(self.site)?;
        let kernels = KernelManager::new(self.site);
        let kernel: Kernel = match self.boots(&image)?.initramfs {
            true => kernels.usable(version)?,
            false => kernels.alone(version)?,
        };
        self.changing(name, HostAction::SetKernel.name(), |operation, image| {
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
        let outcome = self.step(&operation, &mut image, request(steps::OS_TREE)).and_then(|value| {
            let tree = value.as_str().ok_or_else(|| {
                Error::failed(format!("class {} does not say where the OS tree is", image.class()))
                    .hint("tell the author of its module")
            })?;
            run(&operation, Utf8Path::new(tree))
        });
        match outcome {
            Ok(value) => operation.succeed().map(|()| value),
            Err(error) => Err(operation.fail(error).0),
        }
    }
}
