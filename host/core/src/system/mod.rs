//! The lowest room: places, files, locks, processes, tools, mounts and deletion.
//!
//! It knows no images and no modules, and it neither prints nor prompts. Everything here is written for a
//! program that runs as root on trees that strangers may have prepared, and that may be killed at any time:
//! what is durable goes through [`atomic_file`], who is alive is told by [`lock`], foreign programs run through
//! [`command`], and nothing is deleted except through [`remove_tree`].

pub mod cancel;
pub mod command;
pub mod core_dumps;
pub mod exit_guard;
pub mod files;
pub mod interrupt;
pub mod layout;
pub mod limits;
pub mod lock;
pub mod mounts;
pub mod process;
pub mod tree_mounts;

#[doc(hidden)]
pub mod failpoint;
mod lock_probe;
mod process_handle;
mod syscalls;

pub(crate) use disklessset_system::loop_device::detach_unfinished;
pub use disklessset_system::{
    FileError, durable as atomic_file, durable as flush, own_directory, remove_tree, trusted_path,
};
pub(crate) use syscalls::glibc_version;
pub use syscalls::leave_callers_surroundings;

#[cfg(test)]
pub(crate) mod test_support;
