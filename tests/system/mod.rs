//! Real OS trees, mounts and packers: needs root and the tools that `cargo xtask setup` installs.

mod apt_repos;
pub(crate) mod apt_tree;
mod dnf;
mod dnf_faults;
pub(crate) mod dnf_world;
mod errors;
mod kernels;
mod kill_points;
mod livenet;
mod livenet_edit;
mod livenet_faults;
mod livenet_image;
mod livenet_sources;
mod module_files;
mod module_gone;
mod nfs;
mod node_sets;
mod oci;
mod reliability;
mod repo_server;
mod security;
mod signing;
pub(crate) mod small;
mod tar_archives;
mod trees;
