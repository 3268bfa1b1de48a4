//! A new version: its blobs first, then its name in the index, then its place in the history.

use super::{
    super::{Draft, History, Marker, Version, artifact::of_manifest},
    Store, of_layout,
};
use crate::{
    failure,
    system::{atomic_file, failpoint::failpoint},
};
use camino::Utf8PathBuf;
use disklessset_oci::{
    layout::{Entry, Known, Layout as Oci},
    manifest::ARTIFACT_TYPE,
    names::{Digest, VersionName},
};
use disklessset_plugin_api::{Error, ImageName, Result};
use std::collections::BTreeMap;

/// Files of at most so many bytes are copied: sharing data saves nothing, and a second name could be written through.
const SMALL: u64 = 64 << 10;

/// A version that was added.
#[derive(Debug)]
pub(crate) struct Added {
    /// What its boot file says it is.
    pub(crate) marker: Marker,
}

impl Store<'_> {
    /// Adds a version: its blobs, its manifest, its name in the index and its place in the history. `from` has the files that are no blobs
    /// yet.
    ///
    /// # Errors
    /// When something cannot be written. What was written goes with [`Self::take_back`].
    pub(crate) fn add(
        &self,
        name: &ImageName,
        draft: &Draft<'_>,
        from: &BTreeMap<String, (Utf8PathBuf, Known)>,
    ) -> Result<Added> {
        let _lock = self.lock()?;
        let oci = self.oci()?;
        let history = self.history(name)?;
        let number = history.next();
        let mut new_bytes = 0;
        for (path, known) in from.values() {
            let put = match known.stamp.size() <= SMALL {
                true => {
                    let bytes = atomic_file::read_bounded(path, SMALL).map_err(failure::of)?;
                    if Digest::of(&bytes) != known.digest {
                        return Err(Error::failed(format!("{path} changed while it was read")));
                    }
                    oci.put_bytes(&bytes).map_err(of_layout)?
                }
                false => oci.put_file(path, Some(*known)).map_err(of_layout)?,
            };
            new_bytes += put.sharing.map_or(0, |_| put.size);
            failpoint!("version: a blob put", path);
        }
        let _ = oci.put_bytes(&draft.config()?).map_err(of_layout)?;
        let manifest = draft.artifact()?.to_bytes().map_err(of_manifest)?;
        let version = Version {
            number,
            digest: Digest::of(&manifest),
            manifest_bytes: manifest.len() as u64,
            date: draft.date,
            action: draft.action.to_owned(),
            class: draft.class.to_owned(),
            kernel: draft.kernel.map(str::to_owned),
            size_bytes: draft.files.values().map(|file| file.size).sum(),
            new_bytes,
            withdrawn: None,
            unnamed: None,
            memory_mebibytes: None,
            record: draft.record.to_owned(),
            made_from: draft.made_from.cloned(),
        };
        self.enter(&oci, name, &manifest, history, version)
    }

    /// Puts a version whose blobs are there into the index and the history of its image. The caller has the lock.
    ///
    /// # Errors
    /// When something cannot be written.
    pub(super) fn enter(
        &self,
        oci: &Oci,
        name: &ImageName,
        manifest: &[u8],
        mut history: History,
        version: Version,
    ) -> Result<Added> {
        let put = oci.put_bytes(manifest).map_err(of_layout)?;
        let named = VersionName::new(name.as_str(), version.number)
            .map_err(|cause| Error::failed(cause.to_string()))?;
        let entry = Entry::manifest(put.digest, put.size, Some(ARTIFACT_TYPE), &named.ref_name());
        let mut index = oci.index().map_err(of_layout)?;
        index.insert(entry);
        oci.replace_index(&index).map_err(of_layout)?;
        failpoint!("version: in the index", self.layout.oci_dir());
        history.push(version);
        self.save(name, &history)?;
        failpoint!("version: in the history", self.layout.versions_dir());
        Ok(Added { marker: Marker { version: named, digest: put.digest } })
    }
}
