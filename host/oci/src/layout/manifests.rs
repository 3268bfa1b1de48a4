//! Manifests of a layout, and the blobs they name.

use super::{Index, Layout, LayoutError};
use crate::names::{Digest, one_line};
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::de::DeserializeOwned;
use std::{
    collections::{BTreeMap, HashSet},
    io::Read,
};

/// The largest manifest that is read, in bytes; registries have the same bound.
pub const MOST_MANIFEST: u64 = 4 << 20;
/// Indexes in indexes: two are usual.
const DEEPEST: usize = 8;

impl Layout {
    /// Reads a manifest or another small blob, verified.
    ///
    /// # Errors
    /// One that is missing, damaged, or larger than [`MOST_MANIFEST`]; what the system refuses.
    pub fn read_manifest(&self, digest: &Digest) -> Result<Vec<u8>, LayoutError> {
        let too_large = || LayoutError::manifest(digest, "it is larger than 4 MiB");
        // Before it is hashed: that may take long for what is no manifest.
        if self.blob_path(digest).symlink_metadata().is_ok_and(|found| found.len() > MOST_MANIFEST) {
            return Err(too_large());
        }
        let blob = self.trust(digest)?;
        let mut bytes = Vec::new();
        let read = blob.file.take(MOST_MANIFEST + 1).read_to_end(&mut bytes);
        read.map_err(disklessset_system::FileError::of("read", &self.blob_path(digest)))?;
        if bytes.len() as u64 > MOST_MANIFEST {
            return Err(too_large());
        }
        // It may have changed after the look at it.
        if Digest::of(&bytes) != *digest {
            return Err(LayoutError::damaged(digest, "it changed while it was read"));
        }
        Ok(bytes)
    }

    /// All blobs that `index.json` leads to, the manifests included, with the size that is told of each.
    ///
    /// # Errors
    /// A manifest that cannot be read or names no SHA-256 digest: it is not known then what is needed.
    pub fn named_blobs(&self) -> Result<BTreeMap<Digest, u64>, LayoutError> {
        self.blobs_named_by(&self.index()?)
    }

    /// The same for an index that is not written yet.
    ///
    /// # Errors
    /// As [`Self::named_blobs`].
    pub fn blobs_named_by(&self, index: &Index) -> Result<BTreeMap<Digest, u64>, LayoutError> {
        let mut walk = Walk { layout: self, named: BTreeMap::new(), walked: HashSet::new() };
        for entry in index.entries() {
            walk.note(&entry.digest, entry.size)?;
            walk.enter(&entry.digest, &entry.media_type, DEEPEST)?;
        }
        Ok(walk.named)
    }

    /// All blobs that a manifest leads to, without itself, each once.
    pub(super) fn blobs_of(&self, manifest: &Digest, kind: Kind) -> Result<Vec<Digest>, LayoutError> {
        let mut walk = Walk { layout: self, named: BTreeMap::new(), walked: HashSet::new() };
        walk.enter_as(manifest, kind, DEEPEST)?;
        Ok(walk.named.into_keys().collect())
    }
}

/// A walk along the manifests from `index.json`.
struct Walk<'l> {
    layout: &'l Layout,
    named: BTreeMap<Digest, u64>,
    /// What was looked into, and as what: a manifest may be told of as a mere file elsewhere.
    walked: HashSet<(Digest, Kind)>,
}

/// What a manifest is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// It names manifests.
    Index = 1,
    /// It names files.
    Manifest = 2,
}

impl Kind {
    /// That of a media type; none where it is no manifest's.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json" => Some(Self::Index),
            "application/vnd.oci.image.manifest.v1+json"
            | "application/vnd.docker.distribution.manifest.v2+json" => Some(Self::Manifest),
            _ => None,
        }
    }
}

impl Walk<'_> {
    fn enter(&mut self, digest: &Digest, media_type: &str, deeper: usize) -> Result<(), LayoutError> {
        Kind::of(media_type).map_or(Ok(()), |kind| self.enter_as(digest, kind, deeper))
    }

    fn enter_as(&mut self, digest: &Digest, kind: Kind, deeper: usize) -> Result<(), LayoutError> {
        if !self.walked.insert((*digest, kind)) {
            return Ok(());
        }
        let text = self.layout.read_manifest(digest)?;
        match kind {
            Kind::Manifest => {
                let manifest: ImageManifest = parsed(digest, &text)?;
                for blob in std::iter::once(manifest.config()).chain(manifest.layers()) {
                    self.note(&digest_of(digest, blob)?, blob.size())?;
                }
            }
            Kind::Index => {
                let too_deep = || LayoutError::manifest(digest, "indexes lie too deep in each other");
                let deeper = deeper.checked_sub(1).ok_or_else(too_deep)?;
                let index: ImageIndex = parsed(digest, &text)?;
                for inner in index.manifests() {
                    let inner_digest = digest_of(digest, inner)?;
                    self.note(&inner_digest, inner.size())?;
                    self.enter(&inner_digest, inner.media_type().as_ref(), deeper)?;
                }
            }
        }
        Ok(())
    }

    /// Two sizes of one blob are a lie of one of them.
    fn note(&mut self, digest: &Digest, size: u64) -> Result<(), LayoutError> {
        match self.named.insert(*digest, size) {
            Some(before) if before != size => {
                let why = format!("one manifest says that it has {before} bytes, another {size}");
                Err(LayoutError::damaged(digest, why))
            }
            _ => Ok(()),
        }
    }
}

fn digest_of(manifest: &Digest, blob: &Descriptor) -> Result<Digest, LayoutError> {
    blob.digest().as_ref().parse().map_err(|cause| LayoutError::manifest(manifest, format!("{cause}")))
}

fn parsed<T: DeserializeOwned>(digest: &Digest, bytes: &[u8]) -> Result<T, LayoutError> {
    serde_json::from_slice(bytes).map_err(|cause| LayoutError::manifest(digest, one_line(&cause)))
}
