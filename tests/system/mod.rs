//! Real OS trees, mounts and packers: needs root and the tools that `cargo xtask setup` installs.

mod concurrency;
mod errors;
mod identity;
mod kill_points;
mod livenet;
mod module_gone;
mod signals;
