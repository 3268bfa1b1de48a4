//! The layout with the versions of all images, and the histories beside it: added to, read, and taken from.

use super::{
    Draft, FileOfVersion, FilesByName, History, Marker, Version,
    artifact::{self, of_manifest},
    leaves::Leaves,
};
use crate::{
    failure,
    system::{
        atomic_file,
        failpoint::failpoint,
        interrupt,
        layout::Layout,
        lock::{Lock, LockError, Wait},
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::{
    layout::{Entry, Known, Layout as Oci, LayoutError, MOST_MANIFEST},
    manifest::{ARTIFACT_TYPE, Artifact},
    names::{Digest, VersionName, VersionNumber},
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};
use std::collections::{BTreeMap, BTreeSet};

/// How a node boots an image; the file says which version it boots.
pub(crate) const BOOT_FILE: &str = "boot.ipxe";
/// The most that is read of one.
const MOST_BYTES: u64 = 1 << 20;
/// Files of at most so many bytes are copied: sharing data saves nothing, and a second name could be written through.
const SMALL: u64 = 64 << 10;
/// The lock under which the layout is changed.
const LOCK: &str = "@versions";
/// So long a download that nobody goes on with is kept.
pub(super) const PARTIALS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);
/// Others hold it while they link or copy files: worth some patience, in seconds.
const PATIENCE: u64 = 600;

/// The versions of a site.
pub(crate) struct Store<'l> {
    pub(super) layout: &'l Layout,
}

/// A version that was added.
#[derive(Debug)]
pub(crate) struct Added {
    /// What its boot file says it is.
    pub(crate) marker: Marker,
}

impl<'l> Store<'l> {
    /// Those of the site with this layout.
    pub(crate) fn of(layout: &'l Layout) -> Self {
        Self { layout }
    }

    pub(super) fn oci(&self) -> Result<Oci> {
        Ok(self.oci_unstopped()?.stopped_when(|| interrupt::check().is_err()))
    }

    /// For what undoes something: a signal has led to it, and does not keep it from its end.
    fn oci_unstopped(&self) -> Result<Oci> {
        Oci::open_or_create(&self.layout.oci_dir(), &self.layout.blob_stamps_dir()).map_err(of_layout)
    }

    /// Makes the layout if there is none.
    ///
    /// # Errors
    /// When something else lies in its place, or it cannot be made.
    pub(crate) fn prepare(&self) -> Result<()> {
        if self.layout.has_oci() {
            return Ok(());
        }
        // Others may be making it, too.
        let _lock = self.lock()?;
        self.oci().map(drop)
    }

    pub(super) fn lock(&self) -> Result<Lock> {
        let (what, wait) = ("the store of versions", Wait::Seconds(PATIENCE));
        Lock::acquire(&self.layout.locks_dir(), LOCK, what, "change versions", wait).map_err(|error| {
            match error {
                LockError::Busy { .. } => failure::with_kind(ErrorKind::BUSY, error),
                LockError::Interrupted(cause) => failure::interrupted(cause),
                other => failure::of(other),
            }
        })
    }

    /// The same for what undoes something.
    fn lock_unstopped(&self) -> Result<Lock> {
        let (what, started) = ("the store of versions", std::time::Instant::now());
        loop {
            match Lock::acquire(&self.layout.locks_dir(), LOCK, what, "undo versions", Wait::No) {
                Ok(lock) => return Ok(lock),
                Err(LockError::File(error)) => return Err(failure::of(error)),
                Err(error) if started.elapsed().as_secs() >= PATIENCE => {
                    return Err(failure::with_kind(ErrorKind::BUSY, error));
                }
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
            }
        }
    }

    fn history_path(&self, name: &str) -> Utf8PathBuf {
        self.layout.versions_dir().join(format!("{name}.yml"))
    }

    /// What is on record of the versions of an image.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn history(&self, name: &ImageName) -> Result<History> {
        History::load(&self.history_path(name.as_str()))
    }

    /// Writes what is on record of the versions of an image. Who does it holds the image's lock.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn save(&self, name: &ImageName, history: &History) -> Result<()> {
        history.save(&self.history_path(name.as_str()))
    }

    /// Hashes a file.
    ///
    /// # Errors
    /// When it cannot be read, or a stop is asked for.
    pub(crate) fn hash(&self, path: &Utf8Path) -> Result<Known> {
        self.oci()?.known(path).map_err(of_layout)
    }

    /// The size of a blob that is there and what its name says.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub(crate) fn size_of(&self, digest: &Digest) -> Result<Option<u64>> {
        match self.oci()?.trust(digest) {
            Ok(blob) => Ok(Some(blob.size)),
            Err(LayoutError::Missing(_) | LayoutError::Damaged { .. }) => Ok(None),
            Err(error) => Err(of_layout(error)),
        }
    }

    /// The files and the boot file of a version.
    ///
    /// # Errors
    /// When its manifest is missing, damaged or none.
    pub(crate) fn read(&self, digest: &Digest) -> Result<(FilesByName, String)> {
        let artifact = self.artifact(digest)?;
        let boot_file = artifact::boot_file(&artifact).unwrap_or_default().to_owned();
        Ok((artifact::files(&artifact)?, boot_file))
    }

    /// The manifest of a version. It is small: it is hashed each time, and who may read it needs nothing else.
    pub(super) fn artifact(&self, digest: &Digest) -> Result<Artifact> {
        Artifact::parse(&self.manifest(digest)?, ARTIFACT_TYPE).map_err(of_manifest)
    }

    /// The bytes of a manifest.
    ///
    /// # Errors
    /// When it is missing or damaged.
    pub(crate) fn manifest(&self, digest: &Digest) -> Result<Vec<u8>> {
        let path = self.layout.oci_dir().join("blobs/sha256").join(digest.hex());
        let bytes = atomic_file::read_bounded(&path, MOST_MANIFEST).map_err(failure::of)?;
        match Digest::of(&bytes) == *digest {
            true => Ok(bytes),
            false => Err(Error::failed(format!("the manifest {digest} is damaged"))),
        }
    }

    /// Makes files of a version in a directory, under their names there. What each shares is told by the layout.
    ///
    /// # Errors
    /// When a blob is missing or damaged, or a file cannot be made.
    pub(crate) fn give<'f>(
        &self,
        files: impl IntoIterator<Item = (&'f String, &'f FileOfVersion)>,
        directory: &Utf8Path,
    ) -> Result<()> {
        let oci = self.oci()?;
        for (name, file) in files {
            let to = directory.join(name);
            if let Some(parent) = to.parent().filter(|parent| *parent != directory) {
                atomic_file::create_dir_all(parent, 0o755).map_err(failure::of)?;
            }
            let _ = oci.give(&file.digest, &to).map_err(of_layout)?;
            failpoint!("version: a file given", to);
        }
        Ok(())
    }

    /// Puts on record that names of files came or went, so that blobs which are the same files need not be hashed again.
    pub(crate) fn names_changed<'f>(&self, digests: impl IntoIterator<Item = &'f Digest>) {
        let Ok(oci) = self.oci() else { return };
        for digest in digests {
            // Without it, the blob is hashed at the next look.
            let _ = oci.names_changed(digest);
        }
    }

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

    /// The number that the next version of an image gets.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub(crate) fn next(&self, name: &ImageName) -> Result<VersionNumber> {
        Ok(self.history(name)?.next())
    }

    /// Notes when nodes got a version for the last time, unless they still do.
    ///
    /// # Errors
    /// When the history cannot be read or written.
    pub(crate) fn withdraw(&self, name: &str, number: VersionNumber, date: jiff::Timestamp) -> Result<()> {
        if self.current(name)?.is_some_and(|marker| marker.version.number() == number) {
            return Ok(());
        }
        let path = self.history_path(name);
        let mut history = History::load(&path)?;
        match history.get_mut(number) {
            Some(version) if version.withdrawn != Some(date) => version.withdrawn = Some(date),
            _ => return Ok(()),
        }
        history.save(&path)
    }

    /// Notes the memory that a version was found to need, in mebibytes. Who does it holds the image's lock.
    ///
    /// # Errors
    /// When the history cannot be read or written.
    pub(crate) fn note_memory(&self, name: &ImageName, number: VersionNumber, mebibytes: u32) -> Result<()> {
        let mut history = self.history(name)?;
        if let Some(version) = history.get_mut(number) {
            version.memory_mebibytes = Some(mebibytes);
        }
        self.save(name, &history)
    }

    /// Notes when pools and nodes named versions for the last time. Who does it holds the image's lock.
    ///
    /// # Errors
    /// When the history cannot be read or written.
    pub(crate) fn unname(
        &self,
        name: &ImageName,
        numbers: &[VersionNumber],
        date: jiff::Timestamp,
    ) -> Result<()> {
        let mut history = self.history(name)?;
        for number in numbers {
            if let Some(version) = history.get_mut(*number) {
                version.unnamed = Some(date);
            }
        }
        self.save(name, &history)
    }

    /// Takes back a version that an action made which is undone. One that the image's boot file names stays: it is in service.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub(crate) fn take_back(&self, name: &str, number: VersionNumber) -> Result<()> {
        self.gone(name, &[number], Leaves::WhateverNobodyNames, History::take_back)
    }

    /// Removes versions, or all of an image with its history where none are named. The one that its boot file names stays.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub(crate) fn remove(&self, name: &str, numbers: &[VersionNumber]) -> Result<()> {
        let leaves =
            if numbers.is_empty() { Leaves::WhateverNobodyNames } else { Leaves::WhatItsManifestNames };
        self.gone(name, numbers, leaves, History::remove)
    }

    fn gone(
        &self,
        name: &str,
        numbers: &[VersionNumber],
        leaves: Leaves,
        forget: fn(&mut History, VersionNumber),
    ) -> Result<()> {
        if !self.layout.has_oci() {
            return Ok(());
        }
        let _lock = self.lock_unstopped()?;
        let oci = self.oci_unstopped()?;
        let path = self.history_path(name);
        let found = History::load(&path)?;
        let mut history = found.clone();
        let in_service = self.current(name)?;
        let stays = |number: VersionNumber| {
            in_service.as_ref().is_some_and(|marker| marker.version.number() == number)
        };
        let named = |entry: &Entry| {
            let version = entry.ref_name.as_deref().and_then(|text| VersionName::from_ref_name(text).ok());
            version.filter(|version| version.name() == name).map(|version| version.number())
        };
        let mut index = oci.index().map_err(of_layout)?;
        let before = index.entries().len();
        index.retain(|entry| match named(entry) {
            Some(number) => stays(number) || !numbers.is_empty() && !numbers.contains(&number),
            None => true,
        });
        let changed = index.entries().len() != before;
        // On a full disk what goes makes room for the index.
        let full = changed
            && match oci.replace_index(&index) {
                Err(error) if error.is_out_of_space() => true,
                written => written.map_err(of_layout).map(|()| false)?,
            };
        failpoint!("version: out of the index", self.layout.oci_dir());
        // On record until the end, so that whoever ends this later finds the same.
        let leaving = found.versions().iter().filter(|version| numbers.contains(&version.number));
        let leaving: Vec<Digest> =
            leaving.filter(|version| !stays(version.number)).map(|version| version.digest).collect();
        for blob in leaves.of(&leaving, &oci, &index).map_err(of_layout)? {
            oci.remove_blob(&blob).map_err(of_layout)?;
            failpoint!("version: a blob removed", self.layout.oci_dir());
        }
        if full {
            oci.replace_index(&index).map_err(of_layout)?;
        }
        match leaves {
            Leaves::WhateverNobodyNames => self.sweep_locked(&oci, name)?,
            Leaves::WhatItsManifestNames => oci.sweep_half_made(PARTIALS).map_err(of_layout)?,
        }
        if numbers.is_empty() && in_service.is_none() {
            return atomic_file::remove_file(&path).map_err(failure::of);
        }
        // A history that has them still leads back here.
        let going: BTreeSet<VersionNumber> = match numbers.is_empty() {
            true => history.versions().iter().map(|version| version.number).collect(),
            false => numbers.iter().copied().collect(),
        };
        for number in going.into_iter().filter(|number| !stays(*number)) {
            forget(&mut history, number);
        }
        match () {
            () if history == History::default() => atomic_file::remove_file(&path).map_err(failure::of),
            () if history == found => Ok(()),
            () => history.save(&path),
        }
    }

    /// Removes what was half made when a process was killed that worked on an image.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub(crate) fn sweep(&self, name: &str) -> Result<()> {
        if !self.layout.has_oci() {
            return Ok(());
        }
        let _lock = self.lock_unstopped()?;
        self.sweep_locked(&self.oci_unstopped()?, name)
    }

    fn sweep_locked(&self, oci: &Oci, name: &str) -> Result<()> {
        oci.sweep(PARTIALS).map_err(of_layout)?;
        atomic_file::sweep_temporaries(&self.history_path(name)).map_err(failure::of)
    }

    /// The version that nodes get of an image: what its boot file says, where that is one of this image.
    ///
    /// # Errors
    /// When the system does not let it be read: what is not known to be current could be taken for what may go.
    pub(crate) fn current(&self, name: &str) -> Result<Option<Marker>> {
        use std::io::ErrorKind as K;
        let text = match atomic_file::read_bounded(&self.layout.image_dir(name).join(BOOT_FILE), MOST_BYTES) {
            // None, or something that no boot file of ours is.
            Err(error) if matches!(error.kind(), K::NotFound | K::FileTooLarge | K::InvalidInput) => {
                return Ok(None);
            }
            read => read.map_err(failure::of)?,
        };
        let marker = Marker::find(&String::from_utf8_lossy(&text));
        Ok(marker.filter(|marker| marker.version.name() == name))
    }
}

/// The error of the API for one of a layout.
pub(crate) fn of_layout(error: LayoutError) -> Error {
    match error {
        LayoutError::Stopped => match interrupt::check() {
            Err(cause) => failure::interrupted(cause),
            Ok(()) => Error::new(ErrorKind::INTERRUPTED, "stopped"),
        },
        LayoutError::File(error) => failure::of(error),
        other => Error::failed(other.to_string()),
    }
}
