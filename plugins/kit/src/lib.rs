#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! Rooms, from the bottom: [`tree_files`] is the only one that reads and writes single files inside an OS tree;
//! [`accounts`], [`ssh_keys`], [`os_release`], [`anonymise`] and [`first_boot`], [`selinux`] say what goes into them; [`source`] makes trees, [`source_date`] the same ones again;
//! [`trees`] makes one from another; [`space`] says beforehand whether there is room; [`os_tree`] makes a user's image; [`content`] measures them; [`squashfs`] packs them; [`live`] is for images that run from RAM;
//! [`node_set`] names nodes; [`file_error`] tells what the system refused; [`places_of_1x`] are put on record for 1.x; [`initramfs_facts`] look around, and
//! [`verification`] says what is wrong; [`boot_script`] writes the boot file, whose kernel line [`boot_line`] guards; [`exit_code`] says how a command of the user ended.

#![forbid(unsafe_code)]

pub mod accounts;
pub mod anonymise;
pub mod boot_line;
pub mod boot_script;
pub mod content;
pub mod directories;
pub mod drivers;
pub mod exit_code;
pub mod file_error;
pub mod first_boot;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod initramfs_facts;
pub mod live;
pub use disklessset_plugin_api::node_set;
pub mod os_release;
pub mod os_tree;
pub mod packages;
pub mod places_of_1x;
pub mod report_unit;
pub mod selinux;
mod side_by_side;
pub mod source;
pub mod source_date;
pub mod space;
pub mod squashfs;
pub mod ssh_keys;
pub mod tools;
pub mod tree_files;
pub mod trees;
pub mod verification;
