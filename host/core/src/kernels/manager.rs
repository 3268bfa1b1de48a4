//! `KernelManager`: lists, checks and removes kernels.

use super::sums;
use crate::{
    failure,
    records::kernel_users,
    site::Site,
    system::{
        FileError,
        layout::Layout,
        lock::{Lock, LockError, LockProbe, Wait},
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Kernel, KernelVersion, Result};
use serde::Serialize;

/// Manages the kernels of a site.
#[derive(Clone, Copy)]
pub struct KernelManager<'s> {
    pub(super) site: &'s Site,
}

/// One kernel as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedKernel {
    /// Its version.
    pub version: String,
    /// Its file in the kernels directory.
    pub vmlinuz: String,
    /// Its initramfs there, if it has one. A kernel without is not offered for images.
    pub initramfs: Option<String>,
    /// The images that boot it.
    pub used_by: Vec<String>,
}

/// The name of the lock of the kernels.
pub(crate) const LOCK: &str = "kernels";

/// Takes the lock under which kernels come and go.
pub(crate) fn lock(site: &Site) -> Result<Lock> {
    site.prepare()?;
    let wait = match site.wait {
        // Held for a rename or a copy of some megabytes only: worth a moment of patience.
        Wait::No => Wait::Seconds(30),
        longer => longer,
    };
    Lock::acquire(&site.layout.locks_dir(), LOCK, "the directory of kernels", "change kernels", wait).map_err(
        |error| match error {
            LockError::Busy { .. } => failure::with_kind(ErrorKind::BUSY, error),
            LockError::Interrupted(cause) => Error::new(ErrorKind::INTERRUPTED, cause.to_string()),
            other => failure::of(other),
        },
    )
}

/// Whether somebody is changing kernels.
pub(crate) fn is_busy(site: &Site) -> bool {
    LockProbe::look(&site.layout.locks_dir(), LOCK).is_ok_and(|probe| probe.is_held())
}

/// Where the modules of a kernel lie: those that were registered with it, or the server's own.
pub(crate) fn modules_of(layout: &Layout, version: &KernelVersion) -> Option<Utf8PathBuf> {
    let ours = layout.kernel_modules_dir().join(version.as_str()).join("lib/modules").join(version.as_str());
    let servers = Utf8Path::new("/lib/modules").join(version.as_str());
    // The index that depmod writes tells a directory of modules from leftovers of a removed kernel.
    [ours, servers].into_iter().find(|dir| dir.join("modules.dep").is_file())
}

impl<'s> KernelManager<'s> {
    /// A manager for a site.
    pub fn new(site: &'s Site) -> Self {
        Self { site }
    }

    /// All kernels, sorted by version text.
    ///
    /// # Errors
    /// When the kernels directory or the images cannot be read.
    pub fn list(&self) -> Result<Vec<ListedKernel>> {
        let directory = self.site.layout.kernels_dir();
        let found = match directory.read_dir_utf8() {
            Ok(found) => found,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(cause) => return Err(failure::of(FileError::of("read directory", &directory)(cause))),
        };
        let mut users = kernel_users(self.site)?;
        let mut kernels: Vec<ListedKernel> = found
            .flatten()
            .filter_map(|entry| Kernel::from_file_name(entry.file_name()))
            .map(|kernel| ListedKernel {
                vmlinuz: kernel.vmlinuz(),
                initramfs: directory.join(kernel.initramfs()).is_file().then(|| kernel.initramfs()),
                used_by: users.remove(kernel.version.as_str()).unwrap_or_default(),
                version: kernel.version.to_string(),
            })
            .collect();
        kernels.sort_by(|a, b| a.version.cmp(&b.version));
        Ok(kernels)
    }

    /// The versions of all kernels, without a look at who uses them. Sorted; empty where their directory cannot be read.
    #[doc(hidden)]
    pub fn versions(&self) -> Vec<KernelVersion> {
        let entries = self.site.layout.kernels_dir().read_dir_utf8().into_iter().flatten().flatten();
        let kernels = entries.filter_map(|entry| Kernel::from_file_name(entry.file_name()));
        let mut versions: Vec<_> = kernels.map(|kernel| kernel.version).collect();
        versions.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        versions
    }

    /// A kernel that an image can boot: both files of the pair are there.
    ///
    /// # Errors
    /// When the kernel is not there, or has no initramfs.
    pub fn usable(&self, version: &KernelVersion) -> Result<Kernel> {
        let kernel = Kernel::new(version.clone());
        self.must_exist(&kernel)?;
        if !self.site.layout.kernels_dir().join(kernel.initramfs()).is_file() {
            return Err(Error::new(ErrorKind::NOT_FOUND, format!("kernel {version} has no initramfs"))
                .hint(format!("disklessset kernel initramfs {version}")));
        }
        Ok(kernel)
    }

    /// A kernel for an image that boots it without its initramfs.
    ///
    /// # Errors
    /// When the kernel is not there.
    pub fn alone(&self, version: &KernelVersion) -> Result<Kernel> {
        let kernel = Kernel::new(version.clone());
        self.must_exist(&kernel).map(|()| kernel)
    }

    pub(super) fn must_exist(&self, kernel: &Kernel) -> Result<()> {
        if self.site.layout.kernels_dir().join(kernel.vmlinuz()).is_file() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no kernel {}", kernel.version))
            .hint("`disklessset kernel list` shows all kernels"))
    }

    /// Removes a kernel that no image uses, with its initramfs and its modules.
    ///
    /// # Errors
    /// When it is not there, or images use it: they are named.
    pub fn remove(&self, version: &KernelVersion) -> Result<()> {
        let kernel = Kernel::new(version.clone());
        self.must_exist(&kernel)?;
        self.changing("remove a kernel", |operation| {
            self.must_exist(&kernel)?;
            let users = kernel_users(self.site)?.remove(version.as_str()).unwrap_or_default();
            if !users.is_empty() {
                return Err(Error::refused(format!("kernel {version} is used by {}", users.join(", ")))
                    .hint("give them another kernel first: disklessset kernel set NAME VERSION"));
            }
            let layout = &self.site.layout;
            // The kernel is removed first, as the last on record: without it the pair is not offered.
            let telling = sums::all(&kernel).into_iter().map(|name| layout.kernels_dir().join(name));
            let parts = [
                layout.kernel_modules_dir().join(version.as_str()),
                layout.kernels_dir().join(kernel.initramfs()),
                layout.kernels_dir().join(kernel.vmlinuz()),
            ];
            let there = telling.filter(|path| path.symlink_metadata().is_ok());
            there.chain(parts).try_for_each(|part| operation.delete_on_commit(part))
        })
    }
}
