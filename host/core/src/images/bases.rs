//! Bases: trees of packages that classes keep in the work area for their next images. The host bounds how many, lists and removes them.

use super::manager::ImageManager;
use crate::{failure, site::Site};
use disklessset_plugin_api::{Level, Result};
use disklessset_system::bases::Bases;
use serde::Serialize;

/// A base as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptBase {
    /// The digest of all that decides what is in it.
    pub key: String,
    /// What is in it, in words.
    pub what: String,
    /// When it was made.
    pub made: String,
    /// When an image was last made from it.
    pub used: String,
    /// The bytes of its files.
    pub bytes: u64,
}

impl ImageManager<'_> {
    /// The bases that are kept, the one that was used last in front.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn bases(&self) -> Result<Vec<KeptBase>> {
        let all = of(self.site).all().map_err(failure::of)?;
        let local =
            |time| jiff::Timestamp::try_from(time).unwrap_or_default().to_zoned(jiff::tz::TimeZone::system());
        let shown = all.into_iter().map(|base| KeptBase {
            key: base.key.to_string(),
            what: base.facts.what,
            made: base.facts.made,
            used: local(base.used).strftime("%Y-%m-%d %H:%M").to_string(),
            bytes: base.facts.bytes,
        });
        Ok(shown.collect())
    }

    /// Removes all bases that nobody is using; those that are gone.
    ///
    /// # Errors
    /// When they cannot be read, or one cannot be removed.
    pub fn remove_bases(&self) -> Result<Vec<KeptBase>> {
        let listed = self.bases()?;
        let gone = of(self.site).keep_only(0).map_err(failure::of)?;
        Ok(listed.into_iter().filter(|base| gone.iter().any(|key| key.as_str() == base.key)).collect())
    }

    /// Removes what is beyond the number that the configuration has, and what processes left that are gone. It is not what the user asked
    /// for: what fails is told.
    pub(super) fn bound_bases(&self) {
        let bases = of(self.site);
        let bounded = bases.sweep().and_then(|_| bases.keep_only(self.site.configuration.keep_bases()));
        if let Err(error) = bounded {
            let text = format!("cannot remove bases that are not kept: {error}");
            self.site.observer.line(Level::Warning, &text);
        }
    }
}

fn of(site: &Site) -> Bases {
    Bases::of_work_area(&site.layout.workdir())
}
