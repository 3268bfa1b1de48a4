//! How what an action made comes into service, and what it replaces goes: by renames.

use super::{
    Operation, manifest,
    next_state::{self, NewFile},
    undo,
};
use crate::{
    failure,
    installations::{Effect, HeldEffect},
    integrity::{Digests, Manifest},
    system::{atomic_file, files, flush},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Hold, Image, Result};
use std::os::unix::fs::MetadataExt;

impl Operation<'_> {
    /// Renames something finished into its served place, all of it on disk and on record by its inode first.
    pub(crate) fn publish_new(&self, from: &Utf8Path, to: &Utf8Path, kernel: Option<&str>) -> Result<()> {
        flush::sync_all_of(from).map_err(failure::of)?;
        let meta = std::fs::symlink_metadata(from)
            .map_err(|cause| Error::failed(format!("cannot look at {from}")).because(cause))?;
        let effect = Effect::Published {
            path: to.to_owned(),
            device: meta.dev(),
            inode: meta.ino(),
            kernel: kernel.map(str::to_owned),
        };
        self.acquire(effect, Hold::Action, || atomic_file::rename_noreplace(from, to).map_err(failure::of))
    }

    /// Takes something out of service by one rename; it is deleted when the action ends. From there on there is no way back,
    /// only on: an interrupted removal is finished by the next cleaning.
    ///
    /// When it fails with the thing in service still, the action has ended.
    pub(crate) fn retire(self, path: &Utf8Path, directory: &Utf8Path) -> Result<Self> {
        let trash = self.private_name(directory, "trash");
        let renamed = self.acquire(Effect::Trash { path: trash.clone() }, Hold::Action, || {
            atomic_file::rename_noreplace(path, &trash).map_err(failure::of)
        });
        match renamed {
            Ok(()) => Ok(self),
            Err(error) if path.symlink_metadata().is_ok() => Err(self.fail(error).0),
            Err(error) => Err(error),
        }
    }

    /// Puts on record what goes when the action ends well.
    pub(crate) fn delete_on_commit(&self, path: Utf8PathBuf) -> Result<()> {
        self.acquire(Effect::DeleteOnCommit { path }, Hold::Action, || Ok(()))
    }

    /// Begins the next state of an image's directory in a directory aside: what stays, and these files. Those named in `written` follow.
    pub(crate) fn begin_next(
        &self,
        image: &Image,
        files: &[(&str, NewFile<'_>)],
        written: &[&str],
    ) -> Result<Utf8PathBuf> {
        let staging = self.staging(&self.site().layout.images_dir(), "next")?;
        next_state::prepare(image.directory(), &staging, files, written).map_err(failure::of)?;
        Ok(staging)
    }

    /// Ends the next state with the files that are text, and its manifest. `computed` has the digests of files that are known already,
    /// `new` the names of those that differ from what is in service.
    pub(crate) fn end_next(
        &self,
        image: &Image,
        staging: &Utf8Path,
        texts: &[(&str, &str, u32)],
        new: &[&str],
        digests: Digests,
        computed: &Manifest,
    ) -> Result<()> {
        for (name, text, mode) in texts {
            atomic_file::replace(&staging.join(name), text.as_bytes(), *mode).map_err(failure::of)?;
        }
        let mut all: Vec<&str> = new.to_vec();
        all.extend(texts.iter().map(|(name, ..)| *name));
        let signer = self.site().signer();
        let say = |level, text: &str| self.say(level, text);
        let change = manifest::Change { new: &all, digests, computed };
        manifest::write_next(image.directory(), staging, &change, signer.as_ref(), &say)
    }

    /// Puts the next state of an image's directory in service in one step. Files that stay keep the digests they had.
    pub(crate) fn put_in_service(&self, staging: &Utf8Path, image: &Image) -> Result<()> {
        files::exchange(staging, image.directory()).map_err(failure::of)?;
        self.replaced.set(true);
        // The next state is in service. The old one stays on record where it cannot be removed now, and goes at the end.
        let _ = self.release(staging);
        Ok(())
    }

    /// Has the next state come into service when the action is committed: then what the action did elsewhere and what the record says
    /// of it cannot disagree.
    pub(crate) fn put_in_service_on_commit(&self, staging: &Utf8Path, image: &Image) -> Result<()> {
        self.swap_on_commit(staging, image.directory())
    }

    /// Has a finished file aside change places with the one in service when the action is committed.
    pub(crate) fn swap_file_on_commit(&self, staging: &Utf8Path, path: &Utf8Path) -> Result<()> {
        flush::sync_all_of(staging).map_err(failure::of)?;
        self.swap_on_commit(staging, path)
    }

    /// Has what is ready aside, and on disk, change places with what is in service when the action is committed.
    fn swap_on_commit(&self, staging: &Utf8Path, path: &Utf8Path) -> Result<()> {
        let meta = std::fs::symlink_metadata(staging)
            .map_err(|cause| Error::failed(format!("cannot look at {staging}")).because(cause))?;
        let effect =
            Effect::SwapOnCommit { path: path.to_owned(), staging: staging.to_owned(), inode: meta.ino() };
        self.acquire(effect, Hold::Action, || Ok(()))
    }

    /// Puts the state that was prepared in service, and ends the exports that were to end. The action is committed: there is no
    /// way back.
    pub(crate) fn apply_committed(&self) -> Result<()> {
        let open = self.on_journal(|journal| journal.state().open.clone());
        for open in open {
            let put = match &open.effect {
                Effect::SwapOnCommit { path, staging, inode } => {
                    undo::swap(path, staging, *inode).map_err(failure::of)
                }
                _ => continue,
            };
            put.map_err(|error| self.not_yet(error))?;
            self.on_journal(|journal| journal.undone(open.number));
        }
        self.end_offering().map_err(|error| self.not_yet(error))
    }

    fn not_yet(&self, error: Error) -> Error {
        error.context(format!("{} is not in its new state yet", self.subject())).hint("disklessset clean")
    }

    /// Whether the next state of the image is in service already, and all that is still on record ends in the same way, committed or
    /// not.
    pub(super) fn is_in_service(&self) -> bool {
        let ends = |open: &HeldEffect| {
            open.from_earlier_action || open.hold == Hold::Action && open.effect.ends_either_way()
        };
        self.replaced.get() && self.on_journal(|journal| journal.state().open.iter().all(ends))
    }
}
