//! All places that disklessset reads and writes, with one movable root.
//!
//! Two kinds of paths occur: *real* ones, which the system calls get, and *published* ones, which are written into
//! image data, boot files and exports. They differ by the root (`--root DIR`): a published path reads as if the
//! root were `/`, so that a root can be moved, or served by another machine.

mod builder;
mod published;
#[cfg(test)]
mod tests;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::trusted_path::From;

pub use builder::{LayoutBuilder, LayoutError};

/// NFS servers read every `*.exports` of that directory beside `/etc/exports`.
const EXPORTS: &str = "/etc/exports.d/disklessset.exports";

/// Where a site keeps the public keys of those whose modules it trusts.
const TRUSTED_KEYS: &str = "/etc/disklessset/trusted-modules.d";

/// Where everything is: the defaults of the product, changed by the configuration, moved by the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: Utf8PathBuf,
    images: Utf8PathBuf,
    kernels: Utf8PathBuf,
    oci: Utf8PathBuf,
    boot: Utf8PathBuf,
    loaders: Utf8PathBuf,
    modules: Utf8PathBuf,
    /// A directory given on the command line, which is outside the root's reach.
    modules_as_given: Option<Utf8PathBuf>,
    workdir: Utf8PathBuf,
    nfs_staging: Utf8PathBuf,
    nfs_golden: Utf8PathBuf,
    state: Utf8PathBuf,
    logs: Utf8PathBuf,
    locks: Utf8PathBuf,
}

impl Layout {
    /// The default places below `/`, to be changed one by one.
    pub fn builder() -> LayoutBuilder {
        LayoutBuilder::default()
    }

    /// The root that all other places lie below; `/` unless moved.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where judging who could change our places begins: the site's root is the user's choice to answer for; what is below it is ours.
    pub fn trusted_from(&self) -> From<'_> {
        match self.is_system_root() {
            true => From::Top,
            false => From::Directory(&self.root),
        }
    }

    /// Whether the root is `/`, the only case in which services of the machine may be touched.
    pub fn is_system_root(&self) -> bool {
        self.root == "/"
    }

    /// Where all images are.
    pub fn images_dir(&self) -> Utf8PathBuf {
        self.inside(&self.images)
    }

    /// The base directory of one image. `name` is a checked image name.
    pub fn image_dir(&self, name: &str) -> Utf8PathBuf {
        child(self.images_dir(), name)
    }

    /// Where kernels and initramfs files are.
    pub fn kernels_dir(&self) -> Utf8PathBuf {
        self.inside(&self.kernels)
    }

    /// The OCI image layout with the versions of all images.
    pub fn oci_dir(&self) -> Utf8PathBuf {
        self.inside(&self.oci)
    }

    /// Where the boot files of nodes and pools are.
    pub fn boot_dir(&self) -> Utf8PathBuf {
        self.inside(&self.boot)
    }

    /// Where loaders for firmware are.
    pub fn loaders_dir(&self) -> Utf8PathBuf {
        self.inside(&self.loaders)
    }

    /// The file with the nodes and pools.
    pub fn nodes_file(&self) -> Utf8PathBuf {
        self.state_dir().join("nodes.yml")
    }

    /// Where the boot server keeps what it saw of nodes. It is the server's own, which is not root.
    pub fn boot_server_state_dir(&self) -> Utf8PathBuf {
        self.inside("/var/lib/disklessset-serve".into())
    }

    /// Whether that image layout has been made: before, nothing has a version.
    pub(crate) fn has_oci(&self) -> bool {
        self.oci_dir().join("oci-layout").symlink_metadata().is_ok()
    }

    /// What `${diskless-base}` of boot files means: the directory that images and kernels lie in.
    pub fn served_base(&self) -> Utf8PathBuf {
        self.inside(self.images.parent().unwrap_or(&self.images))
    }

    /// Where the histories of images are, one file an image: which versions there are, and their records.
    pub fn versions_dir(&self) -> Utf8PathBuf {
        self.state_dir().join("versions")
    }

    /// How the files of blobs looked when they were hashed.
    pub fn blob_stamps_dir(&self) -> Utf8PathBuf {
        self.state_dir().join("blobs")
    }

    /// Where images are worked on.
    pub fn workdir(&self) -> Utf8PathBuf {
        self.inside(&self.workdir)
    }

    /// Where one image is worked on. `name` is a checked image name.
    pub fn image_workdir(&self, name: &str) -> Utf8PathBuf {
        child(self.workdir(), name)
    }

    /// All directories an image of that name may have. `name` is a checked image name.
    pub fn directories_of(&self, name: &str) -> [Utf8PathBuf; 4] {
        [
            self.image_dir(name),
            self.image_workdir(name),
            child(self.nfs_staging_dir(), name),
            child(self.nfs_golden_dir(), name),
        ]
    }

    /// What demo images of 1.x have outside of their directory.
    pub fn demo_files_of_1x(&self, name: &str) -> [Utf8PathBuf; 2] {
        let place = self.inside("/diskless".into());
        [
            child(place.clone(), &format!("demo_directory_{name}")),
            child(place, &format!("demo_file_to_remove_{name}.txt")),
        ]
    }

    /// Where the state of disklessset itself is: installations, journal, kernels' modules.
    pub fn state_dir(&self) -> Utf8PathBuf {
        self.inside(&self.state)
    }

    /// The file of ongoing installations.
    pub fn installations_file(&self) -> Utf8PathBuf {
        self.state_dir().join("installations.yml")
    }

    /// Where what an operation acquired is written down before it is acquired.
    pub fn journal_dir(&self) -> Utf8PathBuf {
        self.state_dir().join("journal")
    }

    /// Where the modules of added kernels are kept, one directory a version.
    pub fn kernel_modules_dir(&self) -> Utf8PathBuf {
        self.state_dir().join("kernel-modules")
    }

    /// Where lock files are; empty after a reboot.
    pub fn locks_dir(&self) -> Utf8PathBuf {
        self.inside(&self.locks)
    }

    /// Where logs of operations are.
    pub fn logs_dir(&self) -> Utf8PathBuf {
        self.inside(&self.logs)
    }

    /// The log of what is done to an image, or to what else has that name in records.
    pub fn log_file(&self, subject: &str) -> Utf8PathBuf {
        self.logs_dir().join(format!("{subject}.log"))
    }

    /// Where module files are looked for.
    pub fn modules_dir(&self) -> Utf8PathBuf {
        match &self.modules_as_given {
            Some(given) => given.clone(),
            None => self.inside(&self.modules),
        }
    }

    /// The file that remembers which modules were installed from where.
    pub fn modules_register(&self) -> Utf8PathBuf {
        self.state_dir().join("modules.yml")
    }

    /// Where the keys lie whose signatures of modules are trusted.
    pub fn trusted_keys_dir(&self) -> Utf8PathBuf {
        self.inside(TRUSTED_KEYS.into())
    }

    /// Where the trees of staging images are.
    pub fn nfs_staging_dir(&self) -> Utf8PathBuf {
        self.inside(&self.nfs_staging)
    }

    /// Where the trees of golden images are.
    pub fn nfs_golden_dir(&self) -> Utf8PathBuf {
        self.inside(&self.nfs_golden)
    }

    /// The file of NFS exports that is ours; others of that directory, and `/etc/exports`, are not.
    pub fn exports_file(&self) -> Utf8PathBuf {
        self.inside(EXPORTS.into())
    }

    /// The directories strictly below which disklessset may ever delete trees.
    pub fn owned_roots(&self) -> Vec<Utf8PathBuf> {
        vec![
            self.images_dir(),
            self.kernels_dir(),
            self.workdir(),
            self.nfs_staging_dir(),
            self.nfs_golden_dir(),
            self.journal_dir(),
            self.kernel_modules_dir(),
        ]
    }
}

/// Appends a name that was checked long before it comes here.
fn child(parent: Utf8PathBuf, name: &str) -> Utf8PathBuf {
    debug_assert!(
        !name.is_empty() && !name.contains('/') && name != "." && name != "..",
        "unchecked name {name:?}"
    );
    parent.join(name)
}
