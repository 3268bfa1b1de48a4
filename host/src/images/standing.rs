//! Overlays that stay: nodes of NFS images have them as their roots.

use super::{manager::ImageManager, operation::Operation, services};
use crate::{
    failure,
    installations::Effect,
    system::{interrupt, mounts, mounts::MountError},
    units::{self, UnitError, overlay},
};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Level, Result, StandingOverlay};

impl Operation<'_> {
    /// Mounts an overlay and has the system mount it again after a reboot, on record first. What is there of it already is fine, and
    /// what is made stays though the action fails: a thousand nodes are not taken away because of the last one.
    pub(super) fn stand(&self, overlay: &StandingOverlay) -> Result<()> {
        let StandingOverlay { lower, upper, work, target } = overlay;
        [lower, upper, work, target].into_iter().try_for_each(|path| self.must_be_ours(path))?;
        let created = self.subject.image().is_some_and(|name| ImageManager::new(self.site).exists(name));
        if !created {
            return Err(Error::refused("an image that is being made has no overlays that stay"));
        }
        self.units_changed.set(true);
        let effect = Effect::StandingOverlay { overlay: overlay.clone() };
        match self.on_record(target)? {
            Some((_, there, _)) if there == effect => self.make_stand(overlay),
            _ => self.acquire(effect, Hold::Image, || self.make_stand(overlay)),
        }
    }

    fn make_stand(&self, overlay: &StandingOverlay) -> Result<()> {
        let mounted = overlay::mount(overlay).map_err(|error| match error {
            MountError::NotExportable { .. }
            | MountError::OtherLower { .. }
            | MountError::UnusablePath { .. }
            | MountError::Occupied { .. } => failure::refused(error),
            other => failure::of(other),
        })?;
        units::put(&self.site.layout, overlay, &|text| self.warn(text)).map_err(|error| {
            if mounted {
                // Made a moment ago and used by nobody; the first error is the one to tell.
                let _ = mounts::unmount(&overlay.target);
                let _ = units::take(&self.site.layout, &overlay.target);
            }
            unit_failed(error)
        })
    }

    /// Takes away the overlays on record with the exports of their places, newest first. Whoever works in one is named.
    pub(super) fn take_down_overlays(&self) -> Result<()> {
        let standing = self.standing()?;
        let layout = &self.site.layout;
        let offered: Vec<_> = standing.iter().map(|overlay| layout.published(&overlay.target)).collect();
        self.withdraw(&offered, &[])?;
        for overlay in standing {
            interrupt::check().map_err(services::interrupted)?;
            self.release(&overlay.target)?;
        }
        Ok(())
    }

    /// The overlays on record, newest first.
    pub(super) fn standing(&self) -> Result<Vec<StandingOverlay>> {
        let open = self.on_journal(|journal| journal.state().open.clone())?;
        let overlay = |effect| match effect {
            Effect::StandingOverlay { overlay } => Some(overlay),
            _ => None,
        };
        Ok(open.into_iter().rev().filter_map(|open| overlay(open.effect)).collect())
    }

    /// Tells systemd of the units that came and went.
    pub(super) fn tell_of_units(&self) {
        if self.units_changed.take() {
            units::reload(&self.site.layout, &|text| self.say(Level::Warning, text));
        }
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
