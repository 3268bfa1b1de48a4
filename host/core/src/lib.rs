//! What disklessset does with images, kernels and modules: the tool without commands, menu and boot proof.
//!
//! Open a [`Site`], work with an [`ImageManager`] or a [`KernelManager`]. The rooms, each standing only on those below it:
//!
//! - `images`: leads every action on images; it neither prints nor prompts, an [`Observer`] hears of it;
//! - [`module_changes`]: installs and removes modules; `kernels`: adds and removes kernels;
//! - `operation`: one action under way, on record: what it makes, publishes and takes away, and how that is undone;
//! - `records`: what is on record of images, read: attributes, statuses, boot files, listings;
//! - [`site`]: where everything is, and who watches;
//! - [`modules`]: finds, checks and loads what was dropped into the modules directory;
//! - `installations`: the records that make every crash clean up;
//! - `module_files`: the files of modules, and what is remembered of installed ones;
//! - `needs`: the tools of each action, and whether they are there;
//! - [`integrity`]: digests and signatures of what nodes fetch; [`configuration`]: what the site's file says;
//! - `units`: what systemd mounts again after a reboot; `exports`: what NFS clients may mount;
//! - [`system`]: files, locks, mounts and tools; knows no images.
//!
//! Rooms without a link here are private, or reached by the crates of this program alone: those are hidden from the documentation, and
//! change without notice. `tests/rooms.rs` has the order, and fails where a room uses one above it.

pub mod configuration;
pub mod failure;
pub mod integrity;
pub mod module_changes;
pub mod modules;
pub mod observer;
pub mod site;
pub mod system;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[doc(hidden)]
pub mod images;
#[doc(hidden)]
pub mod installations;
#[doc(hidden)]
pub mod needs;
#[doc(hidden)]
pub mod operation;
#[doc(hidden)]
pub mod out_of_space;
#[doc(hidden)]
pub mod records;
#[doc(hidden)]
pub mod yaml;

mod exports;
mod kernels;
mod module_files;
mod units;

pub use images::{CleanReport, ImageManager, ParametersFile, ShownImage};
pub use kernels::{KernelManager, ListedKernel};
pub use observer::{Observer, Silent};
pub use records::{Activity, ActivityState, ImageStatus, ListedImage};
pub use site::{Site, SiteOptions};
