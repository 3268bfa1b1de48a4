//! disklessset makes and manages diskless operating system images.
//!
//! This library is the whole tool but for its command line: open a [`Site`], work with an [`ImageManager`] or a
//! [`KernelManager`]. The rooms, each standing only on those below it:
//!
//! - [`program`]: the whole program; `cli`, `menu` and `output`: commands, questions, and all that is printed or asked;
//! - `contract`: tries a module's classes in a throw-away root;
//! - [`prove`]: boots an image in a throw-away machine as a node would; [`serve`], a crate of its own: the HTTP tree as a web server
//!   gives it;
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
//! `tests/rooms.rs` has the order, and fails where a room uses one above it.

mod cli;
pub mod configuration;
mod contract;
mod exports;
pub mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod images;
mod installations;
pub mod integrity;
mod kernels;
pub mod module_changes;
mod module_files;
pub mod modules;
pub mod observer;
pub mod program;
pub mod prove;
mod records;
pub mod site;
pub mod system;
mod units;

mod menu;
mod needs;
mod no_room;
mod operation;
mod output;
mod reference;
mod yaml;

pub use disklessset_serve as serve;
pub use images::{CleanReport, ImageManager, ParametersFile, ShownImage};
pub use kernels::{KernelManager, ListedKernel};
pub use observer::{Observer, Silent};
pub use records::{Activity, ActivityState, ImageStatus, ListedImage};
pub use site::{Site, SiteOptions};
