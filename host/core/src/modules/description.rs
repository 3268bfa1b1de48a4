//! What a loaded module says of itself, checked against its note and by the rules for actions.

use disklessset_plugin_api::{ActionSpec, SourceDescription, SourceSpec};
use serde::Deserialize;
use serde_json::Value;

use super::action_rules;
use super::note::Identity;
use super::source_rules;

/// The classes and sources of a loaded module.
#[derive(Debug, Clone)]
pub struct Description {
    /// In the order of the note.
    pub classes: Vec<DescribedClass>,
    /// Its sources of OS trees.
    pub sources: Vec<DescribedSource>,
}

/// One class of a loaded module.
#[derive(Debug, Clone)]
pub struct DescribedClass {
    /// Its name, as in the note.
    pub name: String,
    /// Its own actions, not those of a class it is built on.
    pub actions: Vec<Action>,
}

/// A source of OS trees as declared, and whether it can be offered.
#[derive(Debug, Clone, PartialEq)]
pub struct DescribedSource {
    /// Its name and declaration.
    pub description: SourceDescription,
    /// Why it cannot be offered.
    pub disabled: Option<String>,
}

/// An action as declared, and whether it can be offered.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The declaration.
    pub spec: ActionSpec,
    /// Why it cannot be offered; such an action is shown with the reason and never run.
    pub disabled: Option<String>,
}

/// Why a description cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Not the shape of a description.
    #[error("its description cannot be read: {0}")]
    Shape(String),
    /// Another name than in the note.
    #[error("its note says module {note}, its code says {code}")]
    Name {
        /// In the note.
        note: String,
        /// In the description.
        code: String,
    },
    /// Other sources than in the note.
    #[error("its note has the sources {note}, its code has {code}")]
    Sources {
        /// In the note.
        note: String,
        /// In the description.
        code: String,
    },
    /// Other classes than in the note.
    #[error("its note has the classes {note}, its code has {code}")]
    Classes {
        /// In the note.
        note: String,
        /// In the description.
        code: String,
    },
}

/// Actions are taken apart one by one: what a newer API says in one of them must not cost the others.
#[derive(Deserialize)]
struct RawDescription {
    name: String,
    classes: Vec<RawClass>,
    #[serde(default)]
    sources: Vec<RawSource>,
}

#[derive(Deserialize)]
struct RawSource {
    name: String,
    spec: Value,
}

#[derive(Deserialize)]
struct RawClass {
    name: String,
    #[serde(default)]
    actions: Vec<Value>,
}

impl Description {
    /// Reads a description and checks it against the note.
    ///
    /// # Errors
    /// When it has another shape, name or classes. Single actions that break a rule are disabled instead.
    pub fn parse(text: &str, identity: &Identity) -> Result<Self, DescriptionError> {
        let raw: RawDescription =
            serde_json::from_str(text).map_err(|cause| DescriptionError::Shape(cause.to_string()))?;
        if raw.name != identity.name.as_str() {
            return Err(DescriptionError::Name { note: identity.name.to_string(), code: short(&raw.name) });
        }
        let noted = identity.classes.iter().map(|class| class.name.as_str());
        same(noted, raw.classes.iter().map(|class| class.name.as_str()))
            .map_err(|(note, code)| DescriptionError::Classes { note, code })?;
        let noted = identity.sources.iter().map(|source| source.as_str());
        same(noted, raw.sources.iter().map(|source| source.name.as_str()))
            .map_err(|(note, code)| DescriptionError::Sources { note, code })?;
        let mut classes: Vec<DescribedClass> = raw
            .classes
            .into_iter()
            .map(|class| DescribedClass {
                name: class.name,
                actions: class.actions.into_iter().map(read_action).collect(),
            })
            .collect();
        for class in &mut classes {
            action_rules::one_creation(&mut class.actions);
        }
        action_rules::distinct_words(classes.iter_mut().flat_map(|class| &mut class.actions));
        let sources = raw.sources.into_iter().map(read_source).collect();
        Ok(Self { classes, sources })
    }

    /// One class.
    pub fn class(&self, name: &str) -> Option<&DescribedClass> {
        self.classes.iter().find(|class| class.name == name)
    }
}

/// Whether the note and the code have the same names; otherwise those of both, for a message.
fn same<'a>(
    noted: impl Iterator<Item = &'a str>,
    coded: impl Iterator<Item = &'a str>,
) -> Result<(), (String, String)> {
    let (mut noted, mut coded): (Vec<&str>, Vec<&str>) = (noted.collect(), coded.collect());
    noted.sort_unstable();
    coded.sort_unstable();
    if noted == coded { Ok(()) } else { Err((short(&noted.join(", ")), short(&coded.join(", ")))) }
}

fn read_source(raw: RawSource) -> DescribedSource {
    let RawSource { name, spec } = raw;
    match serde_json::from_value::<SourceSpec>(spec) {
        Ok(spec) => {
            let description = SourceDescription { name, spec };
            let disabled = source_rules::broken_rule(&description);
            DescribedSource { description, disabled }
        }
        Err(cause) => DescribedSource {
            description: SourceDescription { name, spec: SourceSpec::new("") },
            disabled: Some(format!("its declaration cannot be read: {cause}")),
        },
    }
}

fn read_action(raw: Value) -> Action {
    let words = raw.get("words").and_then(Value::as_str).unwrap_or("(nameless)").to_owned();
    match serde_json::from_value::<ActionSpec>(raw) {
        Ok(spec) => {
            let disabled = action_rules::broken_rule(&spec);
            Action { spec, disabled }
        }
        Err(cause) => Action {
            spec: ActionSpec::read(&short(&words), &short(&words)),
            disabled: Some(format!("its declaration cannot be read: {cause}")),
        },
    }
}

/// Text of a module for a message: printable and not endless.
fn short(text: &str) -> String {
    let shown: String = text.chars().take(80).map(|c| if c.is_control() { '?' } else { c }).collect();
    if shown.is_empty() { "nothing".to_owned() } else { shown }
}
