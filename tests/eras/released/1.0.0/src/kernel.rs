//! Kernels as images use them: a kernel and its initramfs, always as a pair.

use crate::names::{NameError, name_type};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt, str::FromStr};

name_type! {
    /// The version of a kernel as `uname -r` prints it, such as `6.1.0-37-cloud-amd64`.
    ///
    /// It is part of file names (`vmlinuz-V`, `initramfs-kernel-V`), so the alphabet of image names holds, with `~`.
    KernelVersion, "the kernel version", "._+-~", ". _ + - ~", 128
}

/// A kernel with its initramfs: the names of the two files in the kernels directory follow from the version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// The version.
    pub version: KernelVersion,
}

impl Kernel {
    /// The pair of this version.
    pub fn new(version: KernelVersion) -> Self {
        Self { version }
    }

    /// `vmlinuz-V`, the value of the attribute `kernel` of an image.
    pub fn vmlinuz(&self) -> String {
        format!("vmlinuz-{}", self.version)
    }

    /// `initramfs-kernel-V`, the value of the attribute `image` of an image (the name 1.x gave it).
    pub fn initramfs(&self) -> String {
        format!("initramfs-kernel-{}", self.version)
    }

    /// The pair whose kernel has this file name, `vmlinuz-V`.
    pub fn from_file_name(name: &str) -> Option<Self> {
        KernelVersion::parse(name.strip_prefix("vmlinuz-")?).ok().map(Self::new)
    }

    /// The pair behind a `kernel` attribute, with or without its `vmlinuz-`.
    pub fn from_attribute(text: &str) -> Option<Self> {
        KernelVersion::parse(text.strip_prefix("vmlinuz-").unwrap_or(text)).ok().map(Self::new)
    }
}

/// The kernel that was taken from an OS tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TreeKernel {
    /// The pair, registered when the action commits.
    pub kernel: Kernel,
    /// Whether it was there already, unchanged.
    pub known: bool,
}

#[doc(hidden)]
impl TreeKernel {
    pub fn new(kernel: Kernel, known: bool) -> Self {
        Self { kernel, known }
    }
}

/// What a class needs to write the boot file of an image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BootContext {
    /// The image's name.
    pub image: String,
    /// The URL of the image's directory, without a final slash.
    pub image_url: String,
    /// The URL of the kernel; empty for an image without one.
    pub kernel_url: String,
    /// The URL of its initramfs; empty for an image without a kernel.
    pub initramfs_url: String,
    /// The name the boot loader gives the initramfs (`initrd=` on the kernel line).
    pub initramfs: String,
    /// Extra kernel parameters of this image, checked to be one line without iPXE expansions.
    #[serde(default)]
    pub kernel_parameters: String,
    /// The URLs of files in the image's directory that have one of their own: by digest, which never changes.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl BootContext {
    /// What the kernel line of a boot file ends with: settings of iPXE by which the site says its console and parameters of its own, for
    /// one node or all. Without the console nobody sees a node boot, `prove` neither.
    pub const OF_THE_SITE: &'static str =
        "${eq-console} ${eq-kernel-parameters} ${dedicated-kernel-parameters}";

    /// The URL of a file in the image's directory: by its digest, where the version that is made has it. An address that a class makes by
    /// itself works, and is the same for every version.
    pub fn file_url(&self, name: &str) -> String {
        self.files.get(name).cloned().unwrap_or_else(|| format!("{}/{name}", self.image_url))
    }

    /// A context for a given image and server address.
    pub fn new(
        image: impl Into<String>,
        image_url: impl Into<String>,
        kernels_url: &str,
        kernel: Option<&Kernel>,
    ) -> Self {
        let url = |file: String| format!("{kernels_url}/{file}");
        Self {
            image: image.into(),
            image_url: image_url.into(),
            kernel_url: kernel.map(|kernel| url(kernel.vmlinuz())).unwrap_or_default(),
            initramfs_url: kernel.map(|kernel| url(kernel.initramfs())).unwrap_or_default(),
            initramfs: kernel.map(Kernel::initramfs).unwrap_or_default(),
            kernel_parameters: String::new(),
            files: BTreeMap::new(),
        }
    }
}
