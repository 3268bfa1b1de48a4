//! What an action makes or takes away, as the journal has it.

use crate::module_files::Installed;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::names::VersionNumber;
use disklessset_plugin_api::{Mount, PersistentOverlay};
use serde::{Deserialize, Serialize};

impl Effect {
    /// The effect as the journal has it, for who watches closely.
    pub(crate) fn in_words(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Something that exists because an action made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Effect {
    /// A directory that did not exist before.
    Directory {
        /// Its place.
        path: Utf8PathBuf,
    },
    /// A file that did not exist before.
    File {
        /// Its place.
        path: Utf8PathBuf,
    },
    /// A mount.
    Mount {
        /// What is mounted where.
        mount: Mount,
    },
    /// A file or directory renamed into its served place. The inode tells it from anything that was there before.
    Published {
        /// Its place.
        path: Utf8PathBuf,
        /// Its device.
        device: u64,
        /// Its inode.
        inode: u64,
        /// Set for a kernel's files: they stay when another image uses them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kernel: Option<String>,
    },
    /// Something renamed out of service, to be deleted: undoing goes on with the deletion.
    Trash {
        /// Where it lies now.
        path: Utf8PathBuf,
    },
    /// A directory offered to NFS clients.
    Export {
        /// Which, as clients see it.
        path: Utf8PathBuf,
        /// The line it had before, for an action that fails.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous: Option<String>,
    },
    /// An overlay that is mounted again after a reboot, and the unit that does it.
    #[serde(rename = "standing_overlay")]
    PersistentOverlay {
        /// Of what, and where.
        overlay: PersistentOverlay,
    },
    /// The next state of a directory or a file, built aside: it comes into service once the action is committed, and not before.
    #[serde(rename = "next")]
    SwapOnCommit {
        /// The one in service.
        path: Utf8PathBuf,
        /// Where the next state is built; the old one lies there afterwards.
        #[serde(rename = "aside")]
        staging: Utf8PathBuf,
        /// The inode of the next state: wherever that is, tells whether the two were exchanged.
        inode: u64,
    },
    /// A directory that is offered to NFS clients no longer once the action is committed, and until then still is.
    #[serde(rename = "withdrawn")]
    UnexportOnCommit {
        /// Which, as clients see it.
        path: Utf8PathBuf,
    },
    /// Something in service that goes once the action is committed, and not before.
    #[serde(rename = "doomed")]
    DeleteOnCommit {
        /// Its place.
        path: Utf8PathBuf,
    },
    /// A version that an action makes. One that the image's boot file names is in service, and stays.
    VersionMade {
        /// The image.
        image: String,
        /// Its number.
        number: VersionNumber,
    },
    /// A version that nodes get no longer, once the boot file names another one.
    VersionWithdrawn {
        /// The image.
        image: String,
        /// Its number.
        number: VersionNumber,
        /// The time of its successor.
        date: jiff::Timestamp,
    },
    /// Versions that go once the action is committed, and not before.
    VersionsPruned {
        /// The image.
        image: String,
        /// Their numbers.
        numbers: Vec<VersionNumber>,
    },
    /// All versions of an image that is being removed: they go unless its directory is still in service.
    VersionsOf {
        /// The image.
        image: String,
    },
    /// The copy of a module's file, beside its place.
    #[serde(rename = "module_aside")]
    ModuleCopy {
        /// Its place.
        path: Utf8PathBuf,
    },
    /// A module's file that comes into its place once the action is committed, and not before.
    ModuleIn {
        /// Its place.
        path: Utf8PathBuf,
        /// Where it waits.
        #[serde(rename = "aside")]
        staging: Utf8PathBuf,
        /// Its inode: wherever that is, tells whether it has come.
        inode: u64,
        /// What is remembered of it.
        record: Box<Installed>,
    },
    /// A module's file that goes once the action is committed, and not before.
    ModuleOut {
        /// Its place.
        path: Utf8PathBuf,
        /// Its inode: another file that somebody puts there meanwhile stays.
        inode: u64,
    },
}

impl Effect {
    /// Whether it happens when its action is committed, and not at all when it is not.
    pub(crate) fn waits_for_commit(&self) -> bool {
        matches!(
            self,
            Self::DeleteOnCommit { .. }
                | Self::SwapOnCommit { .. }
                | Self::UnexportOnCommit { .. }
                | Self::VersionsPruned { .. }
                | Self::ModuleIn { .. }
                | Self::ModuleOut { .. }
        )
    }

    /// Whether it is what an action is for, and stays when that ended well.
    pub(crate) fn stays_when_committed(&self) -> bool {
        matches!(self, Self::Published { .. } | Self::VersionMade { .. })
    }

    /// Whether it ends in the same way once the next state of its image is in service, be its action committed or not: it is undone in
    /// either case, or a version, which stays when it is in service, or versions that nobody needs, of which the next prune has another look.
    pub(crate) fn ends_either_way(&self) -> bool {
        let of_versions = matches!(self, Self::VersionMade { .. } | Self::VersionsPruned { .. });
        of_versions || !self.waits_for_commit() && !self.stays_when_committed()
    }

    /// The same with each path as `here` has it, of a root that lies elsewhere now. What clients see is without the root.
    pub(super) fn at(mut self, here: &dyn Fn(&mut Utf8PathBuf), source: &dyn Fn(&mut Utf8PathBuf)) -> Self {
        match &mut self {
            Self::Directory { path }
            | Self::File { path }
            | Self::Published { path, .. }
            | Self::Trash { path }
            | Self::DeleteOnCommit { path }
            | Self::ModuleCopy { path }
            | Self::ModuleOut { path, .. } => here(path),
            Self::SwapOnCommit { path, staging, .. } | Self::ModuleIn { path, staging, .. } => {
                here(path);
                here(staging);
            }
            Self::Mount { mount: Mount::Bind { source: of, target } } => {
                source(of);
                here(target);
            }
            Self::Mount { mount: Mount::Overlay { lower, upper, work, target } } => {
                [lower, upper, work, target].into_iter().for_each(here);
            }
            Self::Mount { mount: Mount::Image { file, target } } => [file, target].into_iter().for_each(here),
            Self::Mount { mount: Mount::System { target } } => here(target),
            Self::PersistentOverlay { overlay } => {
                [&mut overlay.lower, &mut overlay.upper, &mut overlay.work, &mut overlay.target]
                    .into_iter()
                    .for_each(here);
            }
            Self::Export { .. }
            | Self::UnexportOnCommit { .. }
            | Self::VersionMade { .. }
            | Self::VersionWithdrawn { .. }
            | Self::VersionsPruned { .. }
            | Self::VersionsOf { .. } => {}
        }
        self
    }

    /// Where it is, for an effect that is a thing at a place.
    pub(super) fn place(&self) -> Option<&Utf8Path> {
        match self {
            Self::Directory { path }
            | Self::File { path }
            | Self::Published { path, .. }
            | Self::Trash { path }
            | Self::DeleteOnCommit { path }
            | Self::ModuleCopy { path }
            | Self::ModuleOut { path, .. } => Some(path),
            Self::Mount { mount } => Some(mount.target()),
            Self::PersistentOverlay { overlay } => Some(&overlay.target),
            // Not a thing at that place: the directory itself may be on record, too.
            Self::Export { .. }
            | Self::UnexportOnCommit { .. }
            | Self::SwapOnCommit { .. }
            | Self::VersionMade { .. }
            | Self::VersionWithdrawn { .. }
            | Self::VersionsPruned { .. }
            | Self::VersionsOf { .. }
            | Self::ModuleIn { .. } => None,
        }
    }
}
