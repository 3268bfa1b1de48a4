//! `index.json`: which manifests a layout has, and what they are called.

use super::{
    Layout, LayoutError,
    descriptor::{Descriptor, Whole},
};
use crate::names::{Digest, one_line, shown};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::durable;
use oci_spec::image::MediaType;
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
    pub fn manifest(digest: Digest, size: u64, artifact_type: Option<&str>, ref_name: &str) -> Self {
        let mut entry = Self::of_type(MediaType::ImageManifest.as_ref(), digest, size, ref_name);
        entry.descriptor.artifact_type = artifact_type.map(str::to_owned);
        entry
    }

    /// An entry for a manifest of any kind.
    pub fn of_type(media_type: &str, digest: Digest, size: u64, ref_name: &str) -> Self {
        Self::of(Descriptor {
            annotations: Some([(REF_NAME.to_owned(), ref_name.to_owned())].into()),
            artifact_type: None,
            data: None,
            digest,
            media_type: media_type.to_owned(),
            platform: None,
            size,
            urls: None,
        })
    }

    /// The annotations of the entry itself.
    pub fn annotations(&self) -> BTreeMap<&str, &str> {
        let all = self.descriptor.annotations.iter().flatten();
        all.map(|(key, value)| (key.as_str(), value.as_str())).collect()
    }

    fn of(descriptor: Descriptor) -> Self {
        Self {
            digest: descriptor.digest,
            size: descriptor.size,
            media_type: descriptor.media_type.clone(),
            ref_name: descriptor.annotations.as_ref().and_then(|all| all.get(REF_NAME).cloned()),
            descriptor,
        }
    }
}

/// All manifests of a layout, in the order in which they stand there.
#[derive(Debug, Clone)]
pub struct Index {
    /// All of the file but its manifests.
    whole: Whole<Descriptor>,
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
        let mut whole: Whole<Descriptor> =
            serde_json::from_slice(&text).map_err(|cause| refuse(one_line(&cause)))?;
        let entries: Vec<Entry> = std::mem::take(&mut whole.manifests).into_iter().map(Entry::of).collect();
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
        let whole = index.whole.with(index.entries.iter().map(|entry| &entry.descriptor).collect());
        let text = written(&whole, &self.index_path())?;
        Ok(durable::replace(&self.index_path(), &text, 0o644)?)
    }

    fn index_path(&self) -> Utf8PathBuf {
        self.path.join("index.json")
    }
}

/// The text of an index.
pub(super) fn written(whole: &Whole<impl Serialize>, path: &Utf8Path) -> Result<Vec<u8>, LayoutError> {
    let text = serde_json::to_vec(whole);
    text.map_err(|cause| LayoutError::Index { path: path.to_owned(), why: cause.to_string() })
}
