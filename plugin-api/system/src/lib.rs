#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! [`file_error`] is the lowest; [`mount_table`] reads what is mounted, [`file_system`], [`subvolume`] and [`free_space`] say what a path
//! lies on; [`mounts`] makes and undoes mounts, with [`loop_device`]. [`trusted_path`] judges who could change what lies on a path; [`durable`] makes, replaces, renames and removes files for good,
//! with [`own_directory`] where other users may have been before and [`remove_tree`] for whole trees, and [`steps`] tells tests how far it is. [`beneath`] opens what lies in
//! a directory and [`tree_files`] works on the files of an OS tree, so that no link leads out of it, with [`file_flags`]. [`programs`]
//! finds tools, [`bases`] keeps trees of packages, [`bytes`] writes sizes for people, [`boot_line`] keeps the boot loader's own words out of kernel lines, and [`initramfs`] walks through the archives that kernels unpack, with [`unpacking`].

pub mod bases;
pub mod beneath;
pub mod boot_line;
pub mod bytes;
pub mod durable;
pub mod file_error;
pub mod file_flags;
pub mod file_system;
pub mod free_space;
pub mod initramfs;
pub mod loop_device;
pub mod mount_table;
pub mod mounts;
pub mod own_directory;
pub mod programs;
pub mod remove_tree;
pub mod steps;
pub mod subvolume;
pub mod tree_files;
pub mod trusted_path;
pub mod unpacking;

pub use file_error::FileError;

#[cfg(test)]
mod test_support;
