//! disklessset: makes and manages diskless operating system images.

pub mod modules;
