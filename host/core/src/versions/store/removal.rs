//! Versions that go, and what a killed process left half made.

use super::{
    super::{History, leaves::Leaves},
    Store, of_layout,
};
use crate::{
    failure,
    system::{atomic_file, failpoint::failpoint},
};
use disklessset_oci::{
    layout::{Entry, Layout as Oci},
    names::{Digest, VersionName, VersionNumber},
};
use disklessset_plugin_api::Result;
use std::collections::BTreeSet;

/// So long a download that nobody goes on with is kept.
pub(super) const PARTIALS: std::time::Duration = std::time::Duration::from_secs(7 * 24 * 3600);

impl Store<'_> {
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
}
