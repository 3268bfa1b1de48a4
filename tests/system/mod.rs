//! Real OS trees, mounts and packers: needs root and the tools that `cargo xtask setup` installs.

mod errors;
mod kill_points;
mod livenet;
