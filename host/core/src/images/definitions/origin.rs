//! What an image is made from, as it is kept with its version.

use super::{digests::FileDigests, logins, paths, secrets};
use crate::images::manager::ImageManager;
use crate::versions::{KeptSecret, MadeFrom};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{ActionSpec, Arguments, Error, ImageName, ParamKind, Result};
use serde_json::Value;

impl ImageManager<'_> {
    /// What an image is made from by a creation with these arguments.
    ///
    /// # Errors
    /// When a secret cannot be hashed.
    pub(in crate::images) fn made_from(
        &self,
        class: &str,
        (action, arguments): (&ActionSpec, &Arguments),
        secret_files: &secrets::SecretFiles,
        digests: &FileDigests,
    ) -> Result<MadeFrom> {
        let here = camino::absolute_utf8(".")
            .map_err(|cause| Error::failed("cannot find the current directory").because(cause))?;
        let mut made = MadeFrom {
            class: class.to_owned(),
            arguments: arguments.0.clone(),
            secrets: [].into(),
            files: [].into(),
            without_login: Vec::new(),
            edits: Vec::new(),
        };
        for param in &action.params {
            let Some(value) = made.arguments.get_mut(&param.name) else { continue };
            match param.kind {
                ParamKind::Secret => {
                    let secret = text_of(value);
                    made.arguments.remove(&param.name);
                    let file = secret_files.get(&param.name).cloned();
                    made.secrets
                        .insert(param.name.clone(), KeptSecret { file, hash: secrets::hash(&secret)? });
                }
                ParamKind::Source => {
                    each_text(value, &|text| paths::source_at(text, &here));
                    for text in texts(value) {
                        keep(&mut made.files, paths::file_of_source(&text), digests);
                    }
                }
                ParamKind::Path => {
                    for text in texts(value) {
                        keep(&mut made.files, Some(text.into()), digests);
                    }
                }
                _ => {}
            }
            if made.arguments.get_mut(&param.name).is_some_and(logins::taken_from) {
                made.without_login.push(param.name.clone());
            }
        }
        Ok(made)
    }

    /// What the version that nodes get of an image was made from. None where that is not on record.
    ///
    /// # Errors
    /// When what is on record cannot be read.
    pub(in crate::images) fn current_made_from(&self, name: &ImageName) -> Result<Option<MadeFrom>> {
        let Some(marker) = self.store().current(name.as_str())? else { return Ok(None) };
        let history = self.store().history(name)?;
        Ok(history.get(marker.version.number()).and_then(|version| version.made_from.clone()))
    }
}

fn keep(
    files: &mut std::collections::BTreeMap<Utf8PathBuf, String>,
    path: Option<Utf8PathBuf>,
    digests: &FileDigests,
) {
    let Some(path) = path else { return };
    if let Some(digest) = digests.of(&path) {
        files.insert(path, digest);
    }
}

/// The texts of a value.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The text of a secret.
pub(super) fn text_of(value: &Value) -> String {
    texts(value).join("\n")
}

pub(super) fn each_text(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        _ => {}
    }
}

/// The file that stands for a path when contents are compared: itself, or the one of a source.
pub(super) fn file_behind(kind: &ParamKind, text: &str) -> Option<Utf8PathBuf> {
    match kind {
        ParamKind::Path => Some(Utf8Path::new(text).to_owned()),
        ParamKind::Source => paths::file_of_source(text),
        _ => None,
    }
}
