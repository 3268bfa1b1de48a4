//! Images whose nodes get other files of their kernel than those that are registered now: an initramfs was made anew, and versions never
//! change.

use crate::{
    images::{host_action::HostAction, manager::ImageManager},
    kernels,
    records::{ImageStatus, ListedImage, MOST_BYTES},
    system::atomic_file,
    versions::{BOOT_FILE, Marker},
};
use disklessset_oci::names::Digest;
use disklessset_plugin_api::{ImageName, Kernel, KernelVersion, Result};
use std::collections::BTreeMap;

/// What is on record of the files of a kernel, by their names.
type Registered = BTreeMap<String, Digest>;

impl ImageManager<'_> {
    /// The images that boot this kernel and whose nodes get other files of it than those that are registered now, in the order of their
    /// names. [`ImageManager::follow_kernel`] makes a version of one that has them.
    ///
    /// # Errors
    /// When the images cannot be listed.
    pub fn behind_kernel(&self, version: &KernelVersion) -> Result<Vec<ImageName>> {
        let listed = self.list()?;
        let behind = listed.iter().filter(|image| image.older_kernel_files);
        let of_kernel =
            behind.filter(|image| kernel_of(image).is_some_and(|kernel| kernel.version == *version));
        Ok(of_kernel.filter_map(|image| ImageName::parse(&image.name).ok()).collect())
    }

    /// Makes the next version of an image, with the files of its kernel that are registered now.
    ///
    /// # Errors
    /// As [`ImageManager::set_kernel`]: an initramfs that cannot boot the image is not for its nodes.
    pub fn follow_kernel(&self, name: &ImageName, version: &KernelVersion) -> Result<()> {
        let action = HostAction::RenewKernel.name();
        self.site.observed(action, name.as_str(), || self.change_kernel(name, version, action))
    }

    /// Marks the images whose nodes get other files of their kernel than those that are registered.
    pub(in crate::images) fn mark_behind_kernels(&self, listed: &mut [ListedImage]) {
        let mut kernels: BTreeMap<KernelVersion, Registered> = BTreeMap::new();
        for image in listed.iter_mut().filter(|image| image.status == ImageStatus::Created) {
            let Some(kernel) = kernel_of(image) else { continue };
            let registered =
                kernels.entry(kernel.version.clone()).or_insert_with(|| self.registered(&kernel));
            image.older_kernel_files = !registered.is_empty() && self.is_behind(&image.name, registered);
        }
    }

    fn registered(&self, kernel: &Kernel) -> Registered {
        let digest = |file: String| {
            kernels::published_digest(&self.site.layout, kernel, &file).map(|digest| (file, digest.into()))
        };
        [kernel.vmlinuz(), kernel.initramfs()].into_iter().filter_map(digest).collect()
    }

    /// Whether the version that nodes get of an image has another file of the kernel. What cannot be read is for `verify` to tell.
    fn is_behind(&self, name: &str, registered: &Registered) -> bool {
        let file = self.site.layout.image_dir(name).join(BOOT_FILE);
        let Ok(text) = atomic_file::read_bounded(&file, MOST_BYTES) else { return false };
        let text = String::from_utf8_lossy(&text);
        // Most name these very files: their manifests need not be read.
        if registered.values().all(|digest| text.contains(&digest.hex())) {
            return false;
        }
        let marker = Marker::find(&text).filter(|marker| marker.version.name() == name);
        let Some(Ok((files, _))) = marker.map(|marker| self.store().read(&marker.digest)) else {
            return false;
        };
        let differs = |(file, digest): (&String, &Digest)| {
            files.get(file).is_some_and(|of_version| of_version.digest != *digest)
        };
        registered.iter().any(differs)
    }
}

fn kernel_of(image: &ListedImage) -> Option<Kernel> {
    Kernel::from_attribute(image.attributes.get("kernel")?.as_str()?)
}
