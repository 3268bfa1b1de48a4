//! What a version was made from: the arguments of its creation, what was in the files that they name, and what was edited since.

use camino::Utf8PathBuf;
use disklessset_plugin_api::KernelVersion;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What an image was made from. It is part of what only this server knows of a version: nodes never read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MadeFrom {
    /// The class.
    pub(crate) class: String,
    /// The arguments of its creation, defaults among them, secrets not.
    pub(crate) arguments: BTreeMap<String, Value>,
    /// Its secrets, by their parameters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) secrets: BTreeMap<String, KeptSecret>,
    /// The digests of the files that arguments name, by their paths.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) files: BTreeMap<Utf8PathBuf, String>,
    /// The arguments whose addresses had logins, which are not kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) without_login: Vec<String>,
    /// What was edited since, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) edits: Vec<Edit>,
}

/// What is kept of a secret: never itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptSecret {
    /// The file that it was read from. None where it was typed, or came through a pipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<Utf8PathBuf>,
    /// Its salted hash, which tells whether another one is the same.
    pub(crate) hash: String,
}

/// A change of an image that its definition does not tell of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edit {
    /// The version that came of it.
    pub(crate) version: String,
    /// The action that made it.
    pub(crate) action: String,
}

impl MadeFrom {
    /// The same with another kernel: a definition tells of it, and `kernel set` has changed it.
    pub(crate) fn set_kernel<'p>(
        &mut self,
        parameters: impl IntoIterator<Item = &'p str>,
        version: &KernelVersion,
    ) {
        for parameter in parameters {
            self.arguments.insert(parameter.to_owned(), version.as_str().into());
        }
    }

    /// The same with one edit more.
    pub(crate) fn edited(&mut self, version: String, action: &str) {
        self.edits.push(Edit { version, action: action.to_owned() });
    }
}
