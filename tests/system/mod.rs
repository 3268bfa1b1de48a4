//! Real OS trees, mounts and packers: needs root and the tools that `cargo xtask setup` installs.

mod apt_repos;
pub(crate) mod apt_tree;
mod concurrency;
mod dnf;
mod dnf_faults;
mod dnf_http;
pub(crate) mod dnf_world;
mod errors;
mod foreign_mounts;
mod hostile_files;
mod hostile_names;
mod identity;
mod kernels;
mod kill_points;
mod livenet;
mod livenet_edit;
mod livenet_faults;
mod livenet_image;
mod livenet_sources;
mod module_gone;
mod nfs;
mod node_sets;
mod oci;
mod signals;
pub(crate) mod small;
mod tar_archives;
mod trees;
