//! disklessset: makes and manages diskless operating system images.

pub mod prove;
pub mod serve;
