//! What a node fetches to boot an image.

use serde::{Deserialize, Serialize};

/// What a node fetches to boot an image, beside its boot file. The host holds the boot file to it, and does not ask for what nobody uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Boots {
    /// The kernel of the image, from the kernels directory.
    pub kernel: bool,
    /// The initramfs that belongs to that kernel.
    pub initramfs: bool,
    /// Files of the image's own directory that take the place of one or both: an initrd with the whole system, a unified kernel image.
    #[serde(default)]
    pub files: Vec<String>,
}

impl Boots {
    /// A kernel with its initramfs.
    pub fn kernel_and_initramfs() -> Self {
        Self { kernel: true, initramfs: true, files: Vec::new() }
    }

    /// A kernel with an initrd of the image's own, such as one that is the whole system.
    pub fn kernel_with(initrd: impl Into<String>) -> Self {
        Self { kernel: true, initramfs: false, files: vec![initrd.into()] }
    }

    /// A file of the image's own and no registered kernel, such as a unified kernel image.
    pub fn only(file: impl Into<String>) -> Self {
        Self { kernel: false, initramfs: false, files: vec![file.into()] }
    }
}

impl Default for Boots {
    fn default() -> Self {
        Self::kernel_and_initramfs()
    }
}
