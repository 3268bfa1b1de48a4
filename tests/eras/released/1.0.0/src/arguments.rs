//! The arguments of one action, already checked against its declaration.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::collections::BTreeMap;

/// Checked values by parameter name. Parameters without value and default are absent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Arguments(pub BTreeMap<String, Value>);

impl Arguments {
    /// One value as a type of the caller's choice; `None` when nothing was given.
    ///
    /// # Errors
    /// When the value is not of that type, which means that declaration and use disagree.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value.clone())
                .map(Some)
                .map_err(|cause| Error::usage(format!("parameter {name} cannot be used")).because(cause)),
        }
    }

    /// One value that must be there.
    ///
    /// # Errors
    /// When nothing was given or the type is another.
    pub fn need<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        self.get(name)?.ok_or_else(|| Error::usage(format!("parameter {name} is missing")))
    }

    /// A yes-or-no value; absent means no.
    pub fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The same with one value more, or another: for a base class whose parameter a derived one took away or sets itself.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// All values as one struct of the author's. It has to let other fields be (no `deny_unknown_fields`) where classes may be
    /// built on it: theirs come along.
    ///
    /// # Errors
    /// When the struct does not fit the declaration.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(Value::Object(self.0.clone().into_iter().collect()))
            .map_err(|cause| Error::usage("the parameters do not fit").because(cause))
    }
}
