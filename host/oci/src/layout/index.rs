//! `index.json`: which manifests a layout has, and what they are called.

use super::{Layout, LayoutError};
use crate::names::{Digest, one_line, shown};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::durable;
use oci_spec::image::{Descriptor, ImageIndex, MediaType};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The annotation that names a manifest of a layout.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The largest `index.json` that is read: some 100,000 manifests.
const MOST_INDEX: u64 = 32 << 20;

/// A manifest that a layout has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The manifest.
    pub digest: Digest,
    /// Bytes in it.
    pub size: u64,
    /// What it is: a manifest or an index.
    pub media_type: String,
    /// What it is called, if it has a name.
    pub ref_name: Option<String>,
    descriptor: Descriptor,
}

impl Entry {
    /// An entry for an image or artifact manifest.
    ///
    /// # Errors
    /// An artifact type or a name that cannot be written.
    pub fn manifest(
        digest: Digest,
        size: u64,
        artifact_type: Option<&str>,
        ref_name: &str,
    ) -> Result<Self, LayoutError> {
        let why = |cause: &dyn std::fmt::Display| LayoutError::manifest(&digest, cause.to_string());
        let name: oci_spec::image::Digest = digest.to_string().parse().map_err(|cause| why(&cause))?;
        let mut descriptor = Descriptor::new(MediaType::ImageManifest, size, name);
        descriptor.set_artifact_type(artifact_type.map(MediaType::from));
        descriptor.set_annotations(Some([(REF_NAME.to_owned(), ref_name.to_owned())].into()));
        Self::of(descriptor).map_err(|cause| why(&cause))
    }

    /// An entry for a manifest of any kind.
    ///
    /// # Errors
    /// A kind or a name that cannot be written.
    pub fn of_type(media_type: &str, digest: Digest, size: u64, ref_name: &str) -> Result<Self, LayoutError> {
        let mut entry = Self::manifest(digest, size, None, ref_name)?.descriptor;
        entry.set_media_type(MediaType::from(media_type));
        Self::of(entry).map_err(|why| LayoutError::manifest(&digest, why))
    }

    /// The annotations of the entry itself.
    pub fn annotations(&self) -> BTreeMap<&str, &str> {
        let all = self.descriptor.annotations().iter().flatten();
        all.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    pub(super) fn of(descriptor: Descriptor) -> Result<Self, String> {
        Ok(Self {
            digest: descriptor.digest().as_ref().parse().map_err(|cause| format!("{cause}"))?,
            size: descriptor.size(),
            media_type: descriptor.media_type().to_string(),
            ref_name: descriptor.annotations().as_ref().and_then(|all| all.get(REF_NAME).cloned()),
            descriptor,
        })
    }
}

/// All manifests of a layout, in the order in which they stand there.
#[derive(Debug, Clone)]
pub struct Index {
    whole: ImageIndex,
    entries: Vec<Entry>,
}

impl Index {
    /// The manifests.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The manifest of this name.
    pub fn find(&self, ref_name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.ref_name.as_deref() == Some(ref_name))
    }

    /// Adds a manifest, in place of one that has its name.
    pub fn insert(&mut self, entry: Entry) {
        match self
            .entries
            .iter_mut()
            .find(|other| other.ref_name == entry.ref_name && entry.ref_name.is_some())
        {
            Some(other) => *other = entry,
            None => self.entries.push(entry),
        }
    }

    /// Takes out the manifests that `keep` does not want.
    pub fn retain(&mut self, keep: impl FnMut(&Entry) -> bool) {
        self.entries.retain(keep);
    }
}

impl Layout {
    /// Reads `index.json`.
    ///
    /// # Errors
    /// A file that is no index or has a name twice; what the system refuses.
    pub fn index(&self) -> Result<Index, LayoutError> {
        let path = self.index_path();
        let refuse = |why: String| LayoutError::Index { path: path.clone(), why };
        let text = self.read_file("index.json", MOST_INDEX)?;
        let whole: ImageIndex = serde_json::from_slice(&text).map_err(|cause| refuse(one_line(&cause)))?;
        let entries = whole.manifests().iter().cloned().map(Entry::of);
        let entries: Vec<Entry> = entries.collect::<Result<_, _>>().map_err(refuse)?;
        let mut names = HashSet::new();
        for name in entries.iter().filter_map(|entry| entry.ref_name.as_deref()) {
            if !names.insert(name) {
                return Err(refuse(format!("it has the name {} twice", shown(name))));
            }
        }
        Ok(Index { whole, entries })
    }

    /// Writes `index.json`, whole and durably. Who does it holds a lock from before [`Self::index`].
    ///
    /// # Errors
    /// What the system refuses; the old file is there then.
    pub fn replace_index(&self, index: &Index) -> Result<(), LayoutError> {
        let mut whole = index.whole.clone();
        whole.set_manifests(index.entries.iter().map(|entry| entry.descriptor.clone()).collect());
        let text = written(&whole, &self.index_path())?;
        Ok(durable::replace(&self.index_path(), &text, 0o644)?)
    }

    fn index_path(&self) -> Utf8PathBuf {
        self.path.join("index.json")
    }
}

/// The same text for the same content: maps of the crate have no order, those of JSON values are sorted.
pub(super) fn written(value: &impl Serialize, path: &Utf8Path) -> Result<Vec<u8>, LayoutError> {
    let value = serde_json::to_value(value).and_then(|value| serde_json::to_vec(&value));
    value.map_err(|cause| LayoutError::Index { path: path.to_owned(), why: cause.to_string() })
}
