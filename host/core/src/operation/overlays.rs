//! Overlays that stay: nodes of NFS images have them as their roots.

use super::{Operation, undo};
use crate::{
    failure,
    installations::Effect,
    records::Records,
    system::{interrupt, mounts::MountError},
    units::{self, UnitError, overlay},
};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Level, PersistentOverlay, Result};

impl Operation<'_> {
    /// Mounts an overlay and has the system mount it again after a reboot, on record first. What is there of it already is fine, and
    /// what is made stays though the action fails: a thousand nodes are not taken away because of the last one.
    ///
    /// Many go together: one flush of the record, two looks into the kernel's table, one flush of units. Up to the first that cannot stand;
    /// those before it do.
    pub(crate) fn ensure_overlays(&self, overlays: &[PersistentOverlay]) -> Result<()> {
        self.overlays_must_be_ours(overlays)?;
        let created = self.subject().image().is_some_and(|name| Records::of(self.site()).exists(name));
        if !created {
            return Err(Error::refused("an image that is being made has no overlays that stay"));
        }
        self.units_changed.set(true);
        let mut numbers = Vec::with_capacity(overlays.len());
        let mut new = Vec::new();
        for overlay in overlays {
            let effect = Effect::PersistentOverlay { overlay: overlay.clone() };
            let there = self.on_record(&overlay.target).is_some_and(|(_, there, _)| there == effect);
            numbers.push(None);
            if !there {
                self.say(Level::Debug, &format!("{}: on record: {}", self.subject(), effect.in_words()));
                new.push((numbers.len() - 1, (effect, Hold::Image)));
            }
        }
        let (at, effects): (Vec<usize>, Vec<_>) = new.into_iter().unzip();
        let given = self.on_journal(|journal| journal.intend_all(effects)).map_err(failure::of)?;
        at.into_iter().zip(given).for_each(|(at, number)| numbers[at] = Some(number));
        let (done, outcome) = self.mount_overlays(&overlays.iter().collect::<Vec<_>>());
        if outcome.is_err() {
            // Of these nothing is there that was not before.
            let undone: Vec<u64> = numbers[done..].iter().copied().flatten().collect();
            self.on_journal(|journal| journal.all_undone(&undone));
        }
        outcome
    }

    /// Makes them stand; gives back how many of them do, from the first on, and why no more.
    fn mount_overlays(&self, overlays: &[&PersistentOverlay]) -> (usize, Result<()>) {
        let overlay::Outcome { mounted, failed } = match overlay::mount_all(overlays) {
            Ok(outcome) => outcome,
            Err(error) => return (0, Err(failure::of(error))),
        };
        let (put, outcome) =
            units::put_all(&self.site().layout, &overlays[..mounted.len()], &|text| self.warn(text));
        if let Err(error) = outcome {
            // Made a moment ago and used by nobody; the first error is the one to tell.
            overlay::unmount_from(put, overlays, &mounted);
            let new = overlays.iter().zip(&mounted).skip(put).filter(|(_, mounted)| **mounted);
            for (overlay, _) in new {
                let _ = units::take_all(&self.site().layout, [overlay.target.as_path()]);
            }
            return (put, Err(unit_failed(error)));
        }
        (put, failed.map_or(Ok(()), |error| Err(mount_failed(error))))
    }

    /// Takes overlays away, whether or not they are on record, up to the first that is busy. Those before it are gone.
    pub(crate) fn take_down(&self, overlays: &[PersistentOverlay]) -> Result<()> {
        self.overlays_must_be_ours(overlays)?;
        self.units_changed.set(true);
        let (down, outcome) = undo::take_down(&overlays.iter().collect::<Vec<_>>(), &self.site().layout);
        let mut gone = Vec::new();
        for overlay in &overlays[..down] {
            if let Some((number, Effect::PersistentOverlay { .. }, _)) = self.on_record(&overlay.target) {
                gone.push(number);
            }
        }
        self.on_journal(|journal| journal.all_undone(&gone));
        outcome.map_err(undo::UndoError::into_api_error)
    }

    fn overlays_must_be_ours(&self, overlays: &[PersistentOverlay]) -> Result<()> {
        overlays.iter().try_for_each(|overlay| {
            let PersistentOverlay { lower, upper, work, target } = overlay;
            [lower, upper, work, target].into_iter().try_for_each(|path| self.reading().must_be_ours(path))
        })
    }

    /// Takes away the overlays on record with the exports of their places, newest first. Whoever works in one is named.
    pub(crate) fn take_down_overlays(&self) -> Result<()> {
        let standing = self.persistent_overlays();
        let layout = &self.site().layout;
        let offered: Vec<_> = standing.iter().map(|overlay| layout.published(&overlay.target)).collect();
        self.withdraw(&offered, &[])?;
        for some in standing.chunks(undo::OVERLAYS_AT_A_TIME) {
            interrupt::check().map_err(failure::interrupted)?;
            self.take_down(some)?;
        }
        Ok(())
    }

    /// The overlays on record, newest first.
    pub(crate) fn persistent_overlays(&self) -> Vec<PersistentOverlay> {
        let open = self.on_journal(|journal| journal.state().open.clone());
        let overlay = |effect| match effect {
            Effect::PersistentOverlay { overlay } => Some(overlay),
            _ => None,
        };
        open.into_iter().rev().filter_map(|open| overlay(open.effect)).collect()
    }

    /// Tells systemd of the units that came and went.
    pub(crate) fn tell_of_units(&self) {
        if self.units_changed.take() {
            units::reload(&self.site().layout, &|text| self.say(Level::Warning, text));
        }
    }
}

fn mount_failed(error: MountError) -> Error {
    match error {
        MountError::NotExportable { .. }
        | MountError::OtherLower { .. }
        | MountError::UnusablePath { .. }
        | MountError::Occupied { .. } => failure::refused(error),
        other => failure::of(other),
    }
}

fn unit_failed(error: UnitError) -> Error {
    match error {
        UnitError::File(cause) => failure::of(cause),
        UnitError::Link { .. } => {
            failure::refused(error).hint("set nfs_golden_directory to the real path in the configuration")
        }
        other => failure::with_kind(ErrorKind::REFUSED, other),
    }
}
