//! Images that a program changed by itself, saved.

use super::{actions::Changed, host_action::HostAction, manager::ImageManager};
use disklessset_plugin_api::{Error, Image, Result};

impl ImageManager<'_> {
    /// Saves the attributes of an image that was loaded and changed: its record and its boot file, in one step.
    ///
    /// # Errors
    /// When it is no created image of that class, somebody else is at it, or its attributes cannot be kept. Nothing is saved then.
    pub fn register_image(&self, image: &Image) -> Result<()> {
        self.site.observed(HostAction::Register.name(), image.name().as_str(), || self.save_attributes(image))
    }

    fn save_attributes(&self, image: &Image) -> Result<()> {
        self.changing(image.name(), HostAction::Register.name(), |_operation, now| {
            if now.class() != image.class() {
                let text = format!("image {} is a {}, not a {}", image.name(), now.class(), image.class());
                return Err(Error::usage(text));
            }
            let attributes = image.attributes().clone();
            *now = Image::new(now.name().clone(), now.class(), attributes, now.directory().to_owned());
            Ok(Changed::of(()))
        })
    }
}
