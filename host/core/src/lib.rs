//! What disklessset does with images, kernels and modules: the tool without commands, menu and boot proof.
//!
//! Open a [`Site`], work with an [`ImageManager`] or a [`KernelManager`]. They neither print nor prompt: an [`Observer`] hears of what is
//! going on. A [`Cancel`] stops one action, [`stop_on_signals`] has signals stop them all. `docs/library.md` has a page about it, and
//! `host/examples/connect.rs` a program.
//!
//! # What is stable
//!
//! What this page lists, from the release of 1.0 on: within a major version it only grows. Enums and records that grow are
//! `non_exhaustive`, or say so. Everything else that can be reached is there for the crates of this program, hidden from the
//! documentation, and changes without notice.
//!
//! # The rooms
//!
//! For who works on the program, each standing only on those below it; `tests/rooms.rs` has the order, and fails where one uses a room above:
//!
//! - `images`: leads every action on images;
//! - `module_changes`: installs and removes modules; `kernels`: adds and removes kernels;
//! - `comparison`: how two OS trees differ, by their packages and files;
//! - `operation`: one action under way, on record: what it makes, publishes and takes away, and how that is undone;
//! - `nodes`: nodes and pools, and the boot files that they get;
//! - `records`: what is on record of images, read: attributes, statuses, boot files, listings;
//! - `mirror`: a second boot server, which has what repositories of a registry have;
//! - `site`: where everything is, and who watches;
//! - `modules`: finds, checks and loads what was dropped into the modules directory;
//! - `installations`: the records that make every crash clean up;
//! - `module_files`: the files of modules, and what is remembered of installed ones;
//! - `needs`: the tools of each action, and whether they are there;
//! - `versions`: published states of images that never change, in an OCI image layout;
//! - `integrity`: digests and signatures of what nodes fetch; `configuration`: what the site's file says;
//! - `os_images`: what brings images of operating systems from registries, if anything does;
//! - `logs`: what operations did, and what their tools printed;
//! - `units`: what systemd mounts again after a reboot; `exports`: what NFS clients may mount;
//! - `system`: files, locks, mounts and tools; knows no images.

#[doc(hidden)]
pub mod comparison;
#[doc(hidden)]
pub mod configuration;
#[doc(hidden)]
pub mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod images;
#[doc(hidden)]
pub mod installations;
#[doc(hidden)]
pub mod integrity;
#[doc(hidden)]
pub mod mirror;
#[doc(hidden)]
pub mod module_changes;
#[doc(hidden)]
pub mod modules;
#[doc(hidden)]
pub mod needs;
#[doc(hidden)]
pub mod nodes;
#[doc(hidden)]
pub mod observer;
#[doc(hidden)]
pub mod operation;
#[doc(hidden)]
pub mod out_of_space;
#[doc(hidden)]
pub mod records;
#[doc(hidden)]
pub mod site;
#[doc(hidden)]
pub mod system;
#[doc(hidden)]
pub mod yaml;

mod exports;
mod kernels;
#[doc(hidden)]
pub mod logs;
mod module_files;
mod os_images;
mod units;
#[doc(hidden)]
pub mod versions;

pub use comparison::{
    Aspect, AttributeChange, AttributeComparison, Change, Changed, ChangedPackage, FileDifference,
    FileDifferences, FileKind, FileSkipped, Manager, NotCompared, Package, PackageComparison, TreeComparison,
    Which, XattrChange,
};
/// Words of the module API that users of the library need, too.
#[doc(no_inline)]
pub use disklessset_plugin_api::{
    ActionSpec, Error, ErrorKind, Image, ImageName, KernelVersion, Level, Raw, Result,
};
pub use failure::exit_code;
pub use images::{CleanReport, ImageComparison, ImageManager, ListedClass, ParametersFile, ShownImage};
pub use integrity::{Checked, Digests, Fault, Kind as CheckedKind, Severity};
pub use kernels::{KernelManager, ListedKernel};
pub use observer::{Observer, Silent};
pub use os_images::{FoundOsImage, OsImages};
pub use records::{Activity, ActivityState, ImageStatus, ListedImage};
pub use site::{Site, SiteOptions};
pub use system::{cancel::Cancel, interrupt::install as stop_on_signals, lock::Wait};
