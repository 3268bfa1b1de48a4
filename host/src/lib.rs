//! disklessset: makes and manages diskless operating system images.
//! (being built)

pub mod modules;
pub mod system;
