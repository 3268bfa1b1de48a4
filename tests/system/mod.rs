//! Real OS trees, mounts and packers: needs root and the tools that `cargo xtask setup` installs.

<<<<<<< HEAD
mod concurrency;
mod errors;
mod identity;
mod kill_points;
mod livenet;
mod module_gone;
mod signals;
=======
mod apt_tree;
mod kernels;
mod kill_points;
mod livenet;
mod livenet_edit;
mod livenet_faults;
mod livenet_image;
mod livenet_sources;
mod small;
>>>>>>> lntests
