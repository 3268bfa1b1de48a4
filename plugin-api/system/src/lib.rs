#![doc = include_str!("../README.md")]
//!
//! # Rooms
//!
//! [`file_error`] is the lowest; [`mount_table`] reads what is mounted, [`file_system`], [`subvolume`] and [`free_space`] say what a path lies on,
//! [`beneath`] opens what lies in a directory and [`tree_files`] works on the files of an OS tree, so that no link leads out of it, with
//! [`file_flags`]; [`programs`] finds tools, [`bytes`] writes sizes for people, and [`initramfs`] walks through the archives that kernels unpack,
//! with [`unpacking`].

#![forbid(unsafe_code)]

pub mod beneath;
pub mod bytes;
pub mod file_error;
pub mod file_flags;
pub mod file_system;
pub mod free_space;
pub mod initramfs;
pub mod mount_table;
pub mod programs;
pub mod subvolume;
pub mod tree_files;
pub mod unpacking;

pub use file_error::FileError;
