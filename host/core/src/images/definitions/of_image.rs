//! The definition of an image that is there, from what is on record of it.

use super::{file::Definition, secrets};
use crate::{images::manager::ImageManager, versions::MadeFrom};
use disklessset_plugin_api::{Error, ImageName, Raw, Result};
use serde_json::Value;
use std::collections::BTreeMap;

impl ImageManager<'_> {
    /// What the version that nodes get of an image was made from, to make it again.
    ///
    /// # Errors
    /// When that is not on record, or a part of it.
    pub(super) fn definition_of(&self, name: &ImageName) -> Result<Definition> {
        let hint = || format!("disklessset show {name} --as-file");
        let made = self.current_made_from(name)?.ok_or_else(|| {
            Error::refused(format!(
                "it is not on record what image {name} was made from: what is known goes into a file, which you complete"
            ))
            .hint(hint())
        })?;
        if let Some(param) = made.without_login.first() {
            return Err(Error::refused(format!(
                "{param} of image {name} had a login in an address, which is not kept: it is made again from a file that has it"
            ))
            .hint(hint()));
        }
        let MadeFrom { class, arguments, secrets, .. } = made;
        let mut given: BTreeMap<String, Raw> =
            arguments.iter().filter_map(|(key, value)| Some((key.clone(), raw_of(value)?))).collect();
        let mut secret_files = secrets::SecretFiles::new();
        for (param, kept) in secrets {
            let Some(file) = kept.file else {
                return Err(Error::refused(format!(
                    "the {param} of image {name} did not come from a file: a file that holds it is named in a \
                     definition as {param}_file"
                ))
                .hint(hint()));
            };
            let secret = secrets::read_secret(&file, self.site.observer.as_ref())?;
            given.insert(param.clone(), Raw::Text(secret));
            secret_files.insert(param, file);
        }
        Ok(Definition::of_image(name.clone(), class, given, secret_files))
    }
}

/// A value as a user would give it.
pub(super) fn raw_of(value: &Value) -> Option<Raw> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => Some(Raw::List(items.iter().filter_map(text).collect())),
        other => text(other).map(Raw::Text),
    }
}
