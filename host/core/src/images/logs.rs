//! The log of an image.

use super::manager::ImageManager;
use crate::{failure, installations::journal, logs::Logged, system::FileError};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{ImageName, Result};
use std::{fs::File, io::ErrorKind};

impl ImageManager<'_> {
    /// Where the log of an image's actions lies.
    pub fn log_path(&self, name: &ImageName) -> Utf8PathBuf {
        self.site.layout.log_file(name.as_str())
    }

    /// The log of an image's actions, also of an image that is gone; none where nothing was ever done.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self, name: &ImageName) -> Result<Option<Logged>> {
        let path = self.log_path(name);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(failure::of(FileError::of("read the log", &path)(cause))),
        };
        let place = journal::place(&self.site.layout, name.as_str());
        Ok(Some(Logged::new(file, journal::is_held(&place).map_err(failure::of)?)))
    }
}
