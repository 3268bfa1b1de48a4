//! The layout with the versions of all images, and the histories beside it: added to, read, and taken from.

mod adding;
mod blobs;
mod contents;
mod current;
mod dates;
mod named;
mod opening;
mod removal;
mod taking_in;

pub(crate) use adding::Added;
pub(crate) use current::BOOT_FILE;

use super::History;
use crate::{
    failure,
    system::{interrupt, layout::Layout},
};
use camino::Utf8PathBuf;
use disklessset_oci::{layout::LayoutError, names::VersionNumber};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};

/// The versions of a site.
pub(crate) struct Store<'l> {
    layout: &'l Layout,
}

impl<'l> Store<'l> {
    /// Those of the site with this layout.
    pub(crate) fn of(layout: &'l Layout) -> Self {
        Self { layout }
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

    /// The number that the next version of an image gets.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub(crate) fn next(&self, name: &ImageName) -> Result<VersionNumber> {
        Ok(self.history(name)?.next())
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
