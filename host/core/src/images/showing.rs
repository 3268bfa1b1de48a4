//! What `show` tells of one image beside its record: what its class knows.

use super::manager::{ImageManager, request};
use crate::{
    operation::Reading,
    records::{ImageStatus, ListedImage},
};
use disklessset_plugin_api::{ErrorKind, ImageName, Result, messages::steps};
use serde::Serialize;
use serde_json::Value;

/// One image with what its class adds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownImage {
    /// What the listing shows.
    #[serde(flatten)]
    pub listed: ListedImage,
    /// Facts from the class, an object or null.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub facts: Value,
}

impl ImageManager<'_> {
    /// One image, with facts from its class.
    ///
    /// # Errors
    /// When there is none of that name, or the register cannot be read.
    pub fn show(&self, name: &ImageName) -> Result<ShownImage> {
        let mut listed = self.records.listed(name)?;
        let mut facts = Value::Null;
        if listed.status == ImageStatus::Created && listed.problem.is_none() && listed.module.is_some() {
            let mut image = self.records.load(name)?;
            let reading = Reading::of(self.site, name, image.class());
            match self.step(&reading, &mut image, request(steps::SHOW)) {
                Ok(value) => facts = value,
                Err(error) if error.kind == ErrorKind::NOT_DEFINED => {}
                Err(error) => listed.problem = Some(error.to_string()),
            }
        }
        Ok(ShownImage { listed, facts })
    }
}
