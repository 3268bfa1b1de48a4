//! OCI image layouts on disk, and OCI registries over HTTP, for artifacts whose files are verified by their digests.
//!
//! The crate knows neither images nor modules of disklessset. Its rooms, the lowest first: [`names`], [`manifest`] (the artifact manifest
//! of one version), [`layout`] (a directory of blobs and manifests) and [`registry`].

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod layout;
pub mod manifest;
pub mod names;
pub mod registry;
