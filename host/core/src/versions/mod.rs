//! Versions of images: published states that never change, kept in an OCI image layout.
//!
//! A version is one manifest with the files that nodes fetch. Its digest is what it is; its number is what people call it. Which version
//! is current stands in the image's boot file, so that both change in one step. What only this server may know of versions (records,
//! tags, times) is in a history, a file an image.

mod address;
mod artifact;
mod config;
mod fetched;
mod history;
mod incoming;
mod leaves;
mod made_from;
mod marker;
mod prune;
mod published;
mod reference;
mod retry;
mod store;

pub(crate) use address::{
    Addresses, LONGEST_VERSION, address_of, base_address, base_line, expanded, version_line, with_prelude,
};
pub(crate) use artifact::{Draft, FileOfVersion, FilesByName, contents, image_of};
pub use fetched::FetchedFiles;
pub(crate) use history::History;
pub use history::Version;
pub use incoming::Incoming;
pub(crate) use made_from::{Edit, KeptSecret, MadeFrom};
pub(crate) use marker::Marker;
pub use marker::markers_in;
pub(crate) use prune::prunable;
pub use published::{Part, PublishedFile, PublishedVersion, PublishedVersions};
pub use reference::{VersionReference, VersionWord};
pub use retry::ONCE_SETTING;
pub(crate) use retry::WAIT;
pub(crate) use store::{BOOT_FILE, Store, of_layout};

/// What boot files have for the address of the directory that nodes fetch from.
pub(crate) const BASE: &str = "${diskless-base}";
