//! Images that nodes download and run from RAM: what their classes have in common, whatever the root image is made with.
//!
//! [`boot_file`](fn@boot_file) writes the text that nodes boot by, [`needs`] says whether an initramfs can use the root image, [`kernel_reads`] whether the kernel can, and
//! [`root_image`] is how the class `LivenetImage` lets classes built on it make another root image.

mod boot_file;
mod ikconfig;
pub mod kernel_reads;
pub mod needs;
pub mod root_image;

pub use boot_file::{Booted, boot_file};
