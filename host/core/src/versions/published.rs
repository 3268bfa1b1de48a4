//! What nodes may fetch, read by who may change nothing of it: a boot server runs as nobody, and sees what nodes see.

use super::{Store, artifact, store::of_layout};
use crate::system::layout::Layout;
use disklessset_oci::{
    layout::Layout as Oci,
    names::{Digest, VersionName},
};
use disklessset_plugin_api::{Kernel, Result};
use std::{
    collections::{BTreeSet, HashMap},
    os::unix::fs::MetadataExt,
    sync::Arc,
};

/// What a file of a version is for a node that boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The kernel.
    Kernel,
    /// The initramfs.
    Initramfs,
    /// What the node runs from.
    Root,
}

/// A file that nodes fetch by its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedFile {
    /// What it is.
    pub part: Part,
    /// Its content.
    pub digest: Digest,
    /// Bytes in it.
    pub size: u64,
}

/// A version of an image.
#[derive(Debug, Clone)]
pub struct PublishedVersion {
    /// Image and number.
    pub name: VersionName,
    /// The manifest.
    pub digest: Digest,
    /// Whether nodes get it unless another is named.
    pub is_current: bool,
    /// Its files.
    pub files: Arc<[PublishedFile]>,
}

/// All versions of a site, read anew where something changed.
#[derive(Debug, Default)]
pub struct PublishedVersions {
    /// How the index looked, and what it named.
    index: Option<(Stamp, Vec<(VersionName, Digest)>)>,
    /// Manifests never change.
    manifests: HashMap<Digest, Told>,
}

/// What a manifest tells.
#[derive(Debug)]
struct Told {
    files: Arc<[PublishedFile]>,
    /// What is neither a file nor the manifest.
    config: Digest,
}

/// How a file looked: a rename gives it another inode.
pub(super) type Stamp = (u64, u64, i64, i64);

impl PublishedVersions {
    /// The versions as they are now. A manifest that is damaged, or was removed in this moment, is left out: `verify` tells of it.
    ///
    /// # Errors
    /// When the layout or the boot file of an image cannot be read.
    pub fn read(&mut self, layout: &Layout) -> Result<Vec<PublishedVersion>> {
        self.look_at_index(layout)?;
        let store = Store::of(layout);
        let named = self.index.as_ref().map(|(_, named)| named.as_slice()).unwrap_or_default();
        let images: BTreeSet<&str> = named.iter().map(|(name, _)| name.name()).collect();
        let mut current = HashMap::new();
        for image in images {
            current.insert(image.to_owned(), store.current(image)?.map(|marker| marker.digest));
        }
        let version = |(name, digest): &(VersionName, Digest)| {
            let is_current = current.get(name.name()).is_some_and(|of| *of == Some(*digest));
            let files = self.manifests.get(digest)?.files.clone();
            Some(PublishedVersion { name: name.clone(), digest: *digest, is_current, files })
        };
        Ok(named.iter().filter_map(version).collect())
    }

    /// The versions of each blob, those further down in the index first. Manifests and configurations are blobs, too.
    ///
    /// # Errors
    /// When the layout cannot be read.
    pub(super) fn by_blob(&mut self, layout: &Layout) -> Result<HashMap<Digest, Vec<VersionName>>> {
        self.look_at_index(layout)?;
        let mut by_blob: HashMap<Digest, Vec<VersionName>> = HashMap::new();
        for (name, manifest) in self.index.iter().flat_map(|(_, named)| named.iter().rev()) {
            let told = self.manifests.get(manifest);
            let files = told.into_iter().flat_map(|told| told.files.iter().map(|file| file.digest));
            let blobs: BTreeSet<Digest> =
                files.chain(told.map(|told| told.config)).chain([*manifest]).collect();
            for blob in blobs {
                by_blob.entry(blob).or_default().push(name.clone());
            }
        }
        Ok(by_blob)
    }

    /// How the index looks now; none where there is none.
    pub(super) fn stamp(layout: &Layout) -> Option<Stamp> {
        let found = std::fs::metadata(layout.oci_dir().join("index.json")).ok()?;
        Some((found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
    }

    fn look_at_index(&mut self, layout: &Layout) -> Result<()> {
        let Some(stamp) = Self::stamp(layout) else {
            *self = Self::default();
            return Ok(());
        };
        if self.index.as_ref().is_some_and(|(seen, _)| *seen == stamp) {
            return Ok(());
        }
        let index = Oci::index_of(&layout.oci_dir()).map_err(of_layout)?;
        let version = |ref_name: &str, digest| Some((VersionName::from_ref_name(ref_name).ok()?, digest));
        let named =
            index.entries().iter().filter_map(|entry| version(entry.ref_name.as_deref()?, entry.digest));
        let named: Vec<_> = named.collect();
        let still: BTreeSet<Digest> = named.iter().map(|(_, digest)| *digest).collect();
        self.manifests.retain(|digest, _| still.contains(digest));
        let store = Store::of(layout);
        for digest in still {
            if !self.manifests.contains_key(&digest)
                && let Ok(manifest) = store.artifact(&digest)
            {
                let told = Told { files: files_of(&manifest)?, config: manifest.config().digest };
                self.manifests.insert(digest, told);
            }
        }
        self.index = Some((stamp, named));
        Ok(())
    }
}

fn files_of(manifest: &disklessset_oci::manifest::Artifact) -> Result<Arc<[PublishedFile]>> {
    let file = |(name, file): (String, artifact::FileOfVersion)| PublishedFile {
        part: part_of(&name),
        digest: file.digest,
        size: file.size,
    };
    Ok(artifact::files(manifest)?.into_iter().map(file).collect())
}

/// Kernels and their initramfs files have names by which 1.x knows them; a class has what names it likes for the rest.
fn part_of(name: &str) -> Part {
    if Kernel::from_file_name(name).is_some() {
        Part::Kernel
    } else if name.starts_with("initramfs-kernel-") {
        Part::Initramfs
    } else {
        Part::Root
    }
}
