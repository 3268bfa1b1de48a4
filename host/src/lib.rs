//! disklessset makes and manages diskless operating system images.
//!
//! This library is the whole tool but for its command line: open a [`Site`], work with an [`ImageManager`] or a
//! [`KernelManager`]. The rooms, each standing only on those below it:
//!
//! - [`cli`]: the command line, the menu, and all that is printed or asked;
//! - [`images`], [`kernels`]: what the product is about; they neither print nor prompt, an [`Observer`] hears of them;
//! - `operation`: one action under way, on record: what it makes, publishes and takes away, and how that is undone;
//! - `records`: what is on record of images, read: attributes, statuses, boot files, listings;
//! - [`integrity`]: digests and signatures of what nodes fetch;
//! - [`installations`]: the records that make every crash clean up;
//! - [`exports`]: what NFS clients may mount;
//! - [`contract`]: tries a module's classes in a throw-away root;
//! - [`module_changes`]: installs and removes modules;
//! - [`modules`]: finds, checks and loads what was dropped into the modules directory;
//! - `module_files`: the files of modules, and what is remembered of installed ones;
//! - [`prove`]: boots an image in a throw-away machine as a node would; [`serve`]: the HTTP tree as a web server gives it;
//! - [`configuration`], [`site`]: where everything is;
//! - [`units`]: what systemd mounts again after a reboot;
//! - `needs`: the tools of each action, and whether they are there;
//! - [`system`]: files, locks, mounts and tools; knows no images.

pub mod cli;
pub mod configuration;
pub mod contract;
pub mod exports;
pub mod failure;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod images;
pub mod installations;
pub mod integrity;
pub mod kernels;
pub mod module_changes;
mod module_files;
pub mod modules;
pub mod observer;
pub mod prove;
mod records;
pub mod serve;
pub mod site;
pub mod system;
pub mod units;

mod menu;
mod needs;
mod no_room;
mod operation;
mod output;
mod reference;
mod yaml;

pub use images::{ImageManager, ShownImage};
pub use kernels::KernelManager;
pub use observer::{Observer, Silent};
pub use records::{Activity, ActivityState, ImageStatus, ListedImage};
pub use site::{Site, SiteOptions};
