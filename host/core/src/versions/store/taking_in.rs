//! Versions from elsewhere: what of them is missing here, and how they get into the layout.

use super::{
    super::{Incoming, Version, artifact, image_of},
    Added, Store, of_layout,
};
use crate::system::failpoint::failpoint;
use disklessset_oci::{
    layout::{Layout as Oci, LayoutError, Partial},
    names::Digest,
};
use disklessset_plugin_api::{Error, ImageName, Result};

/// What of a version is not here yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// How many of its files.
    pub(crate) files: usize,
    /// Bytes of them that are still to come.
    pub(crate) bytes: u64,
}

impl Store<'_> {
    /// The layout, for who brings blobs of a version from elsewhere. It is made when missing.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub(crate) fn open(&self) -> Result<Oci> {
        self.prepare()?;
        self.oci()
    }

    /// What of a version is still to come. Nothing is made.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(crate) fn missing(&self, incoming: &Incoming) -> Result<Missing> {
        let there = self.layout.has_oci();
        let oci = there.then(|| self.oci()).transpose()?;
        let mut missing = Missing::default();
        let mut counted = std::collections::BTreeSet::new();
        for blob in incoming.artifact.files().values().filter(|blob| counted.insert(blob.digest)) {
            let begun = match &oci {
                Some(oci) if oci.has(&blob.digest).map_err(of_layout)? => continue,
                Some(oci) => oci.begun(&blob.digest).min(blob.size),
                None => 0,
            };
            missing.files += 1;
            missing.bytes = missing.bytes.saturating_add(blob.size - begun);
        }
        Ok(missing)
    }

    /// Bytes of a blob that came already.
    ///
    /// # Errors
    /// When the layout cannot be opened.
    pub(crate) fn begun(&self, digest: &Digest) -> Result<u64> {
        match self.layout.has_oci() {
            true => Ok(self.oci()?.begun(digest)),
            false => Ok(0),
        }
    }

    /// The architecture that a version is for, if its manifest can be read and says so.
    pub(crate) fn architecture(&self, digest: &Digest) -> Option<String> {
        let artifact = self.artifact(digest).ok()?;
        artifact::architecture_of(&artifact).map(str::to_owned)
    }

    /// The name of the image that a version was made of, and its boot file, if its manifest can be read.
    pub(crate) fn made_of(&self, digest: &Digest) -> Option<(String, String)> {
        let artifact = self.artifact(digest).ok()?;
        let name = image_of(&artifact)?.to_owned();
        Some((name, artifact::boot_file(&artifact)?.to_owned()))
    }

    /// Makes blobs of what arrived: all that an earlier version lacks of its files is mended by it.
    ///
    /// # Errors
    /// When something cannot be written.
    pub(crate) fn mend(&self, arrived: Vec<Partial>) -> Result<()> {
        if arrived.is_empty() {
            return Ok(());
        }
        let _lock = self.lock()?;
        finish(&self.oci()?, arrived).map(drop)
    }

    /// Takes a version in: what arrived of its blobs, its manifest, its name in the index and its place in the history.
    ///
    /// # Errors
    /// When a blob is neither here nor arrived, or something cannot be written. What was written goes with [`Store::take_back`].
    pub(crate) fn take_in(
        &self,
        name: &ImageName,
        incoming: &Incoming,
        arrived: Vec<Partial>,
        (action, record): (&str, &str),
    ) -> Result<Added> {
        let _lock = self.lock()?;
        let oci = self.oci()?;
        let history = self.history(name)?;
        let new_bytes = finish(&oci, arrived)?;
        for blob in incoming.artifact.files().values() {
            must_have(&oci, &blob.digest, blob.size)?;
        }
        let _ = oci.put_bytes(&incoming.configuration).map_err(of_layout)?;
        let version = Version {
            number: history.next(),
            digest: incoming.digest(),
            manifest_bytes: incoming.manifest.len() as u64,
            date: incoming.date,
            action: action.to_owned(),
            class: incoming.config.class.clone(),
            kernel: incoming.config.kernel.clone(),
            size_bytes: incoming.files.values().map(|file| file.size).sum(),
            new_bytes,
            withdrawn: None,
            unnamed: None,
            memory_mebibytes: None,
            record: record.to_owned(),
            made_from: None,
        };
        self.enter(&oci, name, &incoming.manifest, history, version)
    }
}

/// Makes blobs of files that are whole; how many bytes they have.
fn finish(oci: &Oci, arrived: Vec<Partial>) -> Result<u64> {
    let mut bytes = 0;
    for partial in arrived {
        bytes += partial.size();
        partial.finish(oci).map_err(of_layout)?;
        failpoint!("version: a blob put", oci.path());
    }
    Ok(bytes)
}

fn must_have(oci: &Oci, digest: &Digest, size: u64) -> Result<()> {
    match oci.trust(digest) {
        Ok(blob) if blob.size == size => Ok(()),
        Ok(blob) => Err(Error::refused(format!("{digest} has {} bytes, not {size}", blob.size))),
        Err(error @ (LayoutError::Missing(_) | LayoutError::Damaged { .. })) => {
            Err(Error::failed(error.to_string()).hint("run the same command again"))
        }
        Err(error) => Err(of_layout(error)),
    }
}
