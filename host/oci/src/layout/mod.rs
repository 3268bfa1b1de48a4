//! A directory that is an OCI image layout: `oci-layout`, `index.json`, `blobs/sha256/HEX`.
//!
//! Beside these it has `.incoming`, for files that are not whole yet. What is in `blobs` is whole and on disk. Who changes a layout holds
//! a lock of its own: nothing here locks, but for two downloads of the same blob.
//!
//! A blob may share its data with a file that somebody else can write to, so none is trusted unseen: for each one there is a record, in a
//! directory of the caller's, of how its file looked when it was hashed.

mod descriptor;
mod error;
mod give;
mod hashing;
mod incoming_blob;
mod index;
mod manifests;
mod open;
mod partial;
mod put;
mod references;
mod source;
mod stamp;
mod sweep;
mod trust;
mod verify;

pub use error::LayoutError;
pub use index::{Entry, Index, REF_NAME};
pub use manifests::MOST_MANIFEST;
pub use partial::Partial;
pub use put::{Put, Sharing};
pub use source::Known;
pub use stamp::Stamp;
pub use trust::{Trusted, TrustedBlob};
pub use verify::UnnamedBlob;

use crate::names::Digest;
use camino::{Utf8Path, Utf8PathBuf};
use hashing::Stop;
use rustix::fd::OwnedFd;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// An OCI image layout that is open. Files in it are opened through its directory, and no link in it is followed.
#[derive(Debug)]
pub struct Layout {
    path: Utf8PathBuf,
    directory: OwnedFd,
    stamps: Utf8PathBuf,
    stop: Stop,
}

impl Layout {
    /// The directory.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The same, whose hashing and copying ends as [`LayoutError::Stopped`] when a flag is raised.
    #[must_use]
    pub fn stopped_by(mut self, flag: Arc<AtomicBool>) -> Self {
        self.stop = Stop::when(move || flag.load(Ordering::Relaxed));
        self
    }

    /// The same, whose hashing and copying ends once `asked`, now and then, says yes.
    #[must_use]
    pub fn stopped_when(mut self, asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.stop = Stop::when(asked);
        self
    }

    /// Where a blob lies, or would.
    pub fn blob_path(&self, digest: &Digest) -> Utf8PathBuf {
        self.blobs().join(digest.hex())
    }

    fn blobs(&self) -> Utf8PathBuf {
        self.path.join("blobs/sha256")
    }

    fn incoming(&self) -> Utf8PathBuf {
        self.path.join(".incoming")
    }
}

#[cfg(test)]
mod tests;
