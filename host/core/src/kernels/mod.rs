//! Kernels: a kernel and its initramfs, always as a pair, and the modules that belong to them.

mod adding;
mod copied;
mod from_tree;
mod in_tree;
mod initramfs;
mod linked;
mod manager;
mod starting_over;
mod sums;
mod verification;
mod vmlinuz;

pub use manager::{KernelManager, ListedKernel};

pub(crate) use adding::add_of_tree;
pub(crate) use from_tree::{publish_staged, stage_from_tree};
pub(crate) use manager::{LOCK, is_busy, lock, modules_of};
pub(crate) use sums::{are_signatures_there, published_digest};
pub(crate) use verification::{readable, signed};
