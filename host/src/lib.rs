//! disklessset: makes and manages diskless operating system images.
