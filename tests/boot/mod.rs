//! Images booted in virtual machines through their own boot files: one at a time, under emulation where need be.

mod console;
mod dnf;
mod erofs;
mod fleet;
mod installed;
mod interrupted;
mod late;
mod livenet;
mod memory;
mod network;
mod nfs;
mod nfs_nodes;
mod os_images;
mod pools;
mod rack_cache;
mod ramdisk;
mod uefi;
mod versions;
