//! The places that differ from the defaults, checked.

use camino::{Utf8Component, Utf8PathBuf};

use super::Layout;
use crate::system::FileError;

/// A place of the configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// Not an absolute path, or one with `..` in it.
    #[error("{key}: {path} is not an absolute path without `..`")]
    NotAbsolute {
        /// The configuration key or option.
        key: &'static str,
        /// What it says.
        path: Utf8PathBuf,
    },
    /// A directory that owns its content cannot be the whole file system or one of its main directories.
    #[error(
        "{key}: {path} is too near the top: disklessset deletes below it, so it must be a directory of its own"
    )]
    TooWide {
        /// The configuration key or option.
        key: &'static str,
        /// What it says.
        path: Utf8PathBuf,
    },
    /// The current directory, which a relative root is counted from, cannot be told.
    #[error(transparent)]
    Root(#[from] FileError),
}

/// Collects the places that differ from the defaults; [`build`](LayoutBuilder::build) checks them.
#[derive(Debug, Clone, Default)]
pub struct LayoutBuilder {
    root: Option<Utf8PathBuf>,
    images: Option<Utf8PathBuf>,
    kernels: Option<Utf8PathBuf>,
    oci: Option<Utf8PathBuf>,
    boot: Option<Utf8PathBuf>,
    loaders: Option<Utf8PathBuf>,
    modules: Option<Utf8PathBuf>,
    modules_as_given: Option<Utf8PathBuf>,
    workdir: Option<Utf8PathBuf>,
    nfs_staging: Option<Utf8PathBuf>,
    nfs_golden: Option<Utf8PathBuf>,
    state: Option<Utf8PathBuf>,
    logs: Option<Utf8PathBuf>,
    locks: Option<Utf8PathBuf>,
}

macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident => $field:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, path: impl Into<Utf8PathBuf>) -> Self {
            self.$field = Some(path.into());
            self
        }
    )*};
}

impl LayoutBuilder {
    setters! {
        /// The directory that every other path lies below (`--root`); a relative one counts from the current directory.
        root => root;
        /// Where images are kept (`images_directory`, a key of 1.x).
        images_directory => images;
        /// Where kernels and initramfs files are kept; a sibling `kernels` of the images' directory unless set.
        kernels_directory => kernels;
        /// Where versions are kept, an OCI image layout; a sibling `oci` of the images' directory unless set.
        oci_directory => oci;
        /// Where the boot files of nodes and pools are; a sibling `boot` of the images' directory unless set.
        boot_directory => boot;
        /// Where loaders for firmware are; a sibling `loaders` of the images' directory unless set.
        loaders_directory => loaders;
        /// Where modules are looked for (`modules_path`, a key of 1.x).
        modules_path => modules;
        /// Where modules are looked for, given by its own option (`--modules-dir`): taken as it is, not below the root.
        modules_directory_as_given => modules_as_given;
        /// Where images are worked on.
        workdir => workdir;
        /// Where the trees of staging images are kept.
        nfs_staging_directory => nfs_staging;
        /// Where the trees of golden images are kept.
        nfs_golden_directory => nfs_golden;
        /// Where the installations, the journal and the kernels' modules are kept.
        state_directory => state;
        /// Where logs of operations are kept.
        logs_directory => logs;
        /// Where lock files are.
        locks_directory => locks;
    }

    /// Checks the places and makes the layout.
    ///
    /// # Errors
    /// A path that is not absolute or has `..` in it, and a directory to delete in that is as wide as `/var`.
    pub fn build(self) -> Result<Layout, LayoutError> {
        let root = match self.root {
            None => Utf8PathBuf::from("/"),
            Some(given) => {
                let absolute =
                    camino::absolute_utf8(&given).map_err(FileError::of("locate the root", &given))?;
                normal("root", real(absolute))?
            }
        };
        let place = |key, given: Option<Utf8PathBuf>, default: &str| match given {
            Some(path) => normal(key, path),
            None => Ok(Utf8PathBuf::from(default)),
        };
        // A directory below which things are deleted must not be one of the system's own.
        let owned = |key, given: Option<Utf8PathBuf>, default: &str| {
            let path = place(key, given, default)?;
            if path.components().count() < 3 { Err(LayoutError::TooWide { key, path }) } else { Ok(path) }
        };
        let images = owned(
            "images_directory",
            self.images,
            "/var/www/html/preboot_execution_environment/diskless/images",
        )?;
        let sibling = images.with_file_name("kernels");
        Ok(Layout {
            kernels: owned("kernels_directory", self.kernels, sibling.as_str())?,
            oci: owned("oci_directory", self.oci, images.with_file_name("oci").as_str())?,
            boot: owned("boot_directory", self.boot, images.with_file_name("boot").as_str())?,
            loaders: place("loaders_directory", self.loaders, images.with_file_name("loaders").as_str())?,
            modules: place("modules_path", self.modules, "/usr/lib/disklessset/modules.d")?,
            modules_as_given: self.modules_as_given,
            workdir: owned("workdir", self.workdir, "/var/tmp/diskless/workdir")?,
            nfs_staging: owned(
                "nfs_staging_directory",
                self.nfs_staging,
                "/diskless/images/nfsimages/staging",
            )?,
            nfs_golden: owned("nfs_golden_directory", self.nfs_golden, "/diskless/images/nfsimages/golden")?,
            state: owned("state_directory", self.state, "/var/lib/diskless")?,
            logs: place("logs_directory", self.logs, "/var/log/disklessset")?,
            locks: place("locks_directory", self.locks, "/run/disklessset")?,
            images,
            root,
        })
    }
}

/// The root without links on the way, as far as it is there: what is on record of it must be the same however it was reached.
fn real(root: Utf8PathBuf) -> Utf8PathBuf {
    let found = root.ancestors().find_map(|above| {
        let rest = root.strip_prefix(above).ok()?;
        Some(above.canonicalize_utf8().ok()?.join(rest))
    });
    found.unwrap_or(root)
}

/// Drops `.` and double slashes; refuses what is relative or climbs.
fn normal(key: &'static str, path: Utf8PathBuf) -> Result<Utf8PathBuf, LayoutError> {
    let climbs = path.components().any(|part| matches!(part, Utf8Component::ParentDir));
    let printable = !path.as_str().chars().any(char::is_control);
    if path.is_absolute() && !climbs && printable {
        Ok(path.components().collect())
    } else {
        Err(LayoutError::NotAbsolute { key, path })
    }
}
