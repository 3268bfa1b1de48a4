//! The one check of parameters: for the menu, the command line, parameters files and completion alike.

use crate::{Arguments, Error, ErrorKind, ImageName, KernelVersion, PackageName, ParamKind, ParamSpec, Size};
use crate::{
    across::Chosen,
    node_set::{NodeName, NodeSet},
};
use regex_lite::Regex;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Why a value is refused: one line that names the parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{parameter}: {reason}")]
#[non_exhaustive]
pub struct Refusal {
    /// The parameter, by its name in parameters files.
    pub parameter: String,
    /// The reason.
    pub reason: String,
    /// Whether it names something that is not there: the program ends with 3 then, with 2 otherwise.
    #[serde(default)]
    pub not_found: bool,
    /// What to do about it, as a sentence or a command.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Refusal {
    /// The refusal of what was given for a parameter.
    pub fn new(parameter: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { parameter: parameter.into(), reason: reason.into(), not_found: false, hint: None }
    }

    /// The error that refusals are: the first is the message, the others are below it. A single one that names what is not there is
    /// "not found", everything else wrong usage. `None` for no refusal.
    pub fn error_of(refusals: &[Self]) -> Option<Error> {
        let kind = match refusals {
            [only] if only.not_found => ErrorKind::NOT_FOUND,
            _ => ErrorKind::USAGE,
        };
        let mut lines = refusals.iter().map(ToString::to_string);
        let mut error = Error::new(kind, lines.next()?);
        error.causes = lines.collect();
        error.hint = refusals.iter().find_map(|refusal| refusal.hint.clone());
        Some(error)
    }

    /// The refusal that an error is, which what was given for a parameter would end with.
    pub fn of(parameter: impl Into<String>, error: &Error) -> Self {
        let reason = std::iter::once(&error.message).chain(&error.causes).map(String::as_str);
        Self {
            not_found: error.kind == ErrorKind::NOT_FOUND,
            hint: error.hint.clone(),
            ..Self::new(parameter, reason.collect::<Vec<_>>().join(": "))
        }
    }
}

/// A value as a user gave it, before any check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// One text.
    Text(String),
    /// Several texts.
    List(Vec<String>),
}

/// What is known about this server, for kinds that name things on it.
pub trait Lookup {
    /// Whether this kernel is there; `Err` says why it cannot be used (such as: no initramfs).
    ///
    /// # Errors
    /// The reason, for the user.
    fn kernel(&self, version: &KernelVersion) -> Result<(), String>;

    /// Whether this kernel is there, with an initramfs or without.
    ///
    /// # Errors
    /// The reason, for the user.
    fn kernel_alone(&self, version: &KernelVersion) -> Result<(), String> {
        self.kernel(version)
    }

    /// Whether this image is there and of that class (any class when empty).
    ///
    /// # Errors
    /// The reason, for the user.
    fn image(&self, name: &ImageName, class: &str) -> Result<(), String>;
}

/// The kernel that the OS tree of an image brings.
const FROM_IMAGE: &str = "from-image";

/// Checks one text against a parameter and turns it into the value that a module gets.
///
/// # Errors
/// The reason in one line.
pub fn parse_value(param: &ParamSpec, text: &str, lookup: &dyn Lookup) -> Result<Value, String> {
    let value = shaped(param, text)?;
    look_up(&param.kind, &value, lookup).map(|()| value)
}

/// Whether what a value names is there.
fn look_up(kind: &ParamKind, value: &Value, lookup: &dyn Lookup) -> Result<(), String> {
    let named = value.as_str().unwrap_or_default();
    let version = || KernelVersion::parse(named);
    match kind {
        ParamKind::Kernel { from_image: true } | ParamKind::KernelAlone { from_image: true }
            if named == FROM_IMAGE =>
        {
            Ok(())
        }
        ParamKind::Kernel { .. } => version().map_or(Ok(()), |version| lookup.kernel(&version)),
        ParamKind::KernelAlone { .. } => version().map_or(Ok(()), |version| lookup.kernel_alone(&version)),
        ParamKind::Image { class } => {
            ImageName::parse(named).map_or(Ok(()), |name| lookup.image(&name, class))
        }
        _ => Ok(()),
    }
}

/// The value that a text is for a parameter, whether or not what it names is there.
fn shaped(param: &ParamSpec, text: &str) -> Result<Value, String> {
    // Plain text may have several lines; names, sizes and paths never have, and escape sequences are nobody's friend.
    let lines = matches!(param.kind, ParamKind::Text | ParamKind::Command);
    if let Some(bad) = text.chars().find(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t'))) {
        return Err(format!("control character {bad:?} in {text:?}"));
    }
    match &param.kind {
        ParamKind::Text | ParamKind::Command => Ok(text.into()),
        ParamKind::Source if text.is_empty() => Err("is empty".to_owned()),
        ParamKind::Source => Ok(text.into()),
        ParamKind::Matching { pattern, meaning } => match whole(pattern)?.is_match(text) {
            true => Ok(text.into()),
            false => Err(format!("{text:?} is not {meaning}")),
        },
        ParamKind::NodeSet => {
            text.parse::<NodeSet>().map(|set| set.to_string().into()).map_err(|cause| cause.to_string())
        }
        ParamKind::Node => {
            text.parse::<NodeName>().map(|name| name.to_string().into()).map_err(|cause| cause.to_string())
        }
        ParamKind::Secret if text.is_empty() => Err("is empty".to_owned()),
        ParamKind::Secret => Ok(text.into()),
        ParamKind::Integer { min, max } => {
            let number: i64 = text.parse().map_err(|_| format!("{text:?} is not a whole number"))?;
            if number < *min || number > *max {
                return Err(format!("{number} is out of range: from {min} to {max}"));
            }
            Ok(number.into())
        }
        ParamKind::Size { auto: true, .. } if text == "auto" => Ok("auto".into()),
        ParamKind::Size { min, max, .. } => text
            .parse::<Size>()
            .and_then(|size| size.within(Size::mebibytes(*min), Size::mebibytes(*max)))
            .map(|size| size.to_string().into())
            .map_err(|cause| cause.to_string()),
        ParamKind::Flag => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "y" => Ok(true.into()),
            "false" | "no" | "n" => Ok(false.into()),
            _ => Err(format!("{text:?} is neither yes nor no")),
        },
        ParamKind::Choice { choices } => choices
            .iter()
            .find(|choice| choice.eq_ignore_ascii_case(choice_word(text)))
            .map(|choice| choice.as_str().into())
            .ok_or_else(|| format!("{text:?} is none of: {}", choices.join(", "))),
        ParamKind::Kernel { from_image: true } | ParamKind::KernelAlone { from_image: true }
            if text == FROM_IMAGE =>
        {
            Ok(FROM_IMAGE.into())
        }
        ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. } => {
            let version = KernelVersion::parse(text.strip_prefix("vmlinuz-").unwrap_or(text))
                .map_err(|cause| cause.to_string())?;
            Ok(version.as_str().into())
        }
        ParamKind::Image { .. } => {
            let name = ImageName::parse(text).map_err(|cause| cause.to_string())?;
            Ok(name.as_str().into())
        }
        ParamKind::Path => {
            if text.is_empty() {
                return Err("the path is empty".to_owned());
            }
            let path = std::path::absolute(text).map_err(|cause| cause.to_string())?;
            path.into_os_string()
                .into_string()
                .map(Into::into)
                .map_err(|_| "the path is not UTF-8".to_owned())
        }
        ParamKind::Package => {
            let (group, name) = text.strip_prefix('@').map_or(("", text), |name| ("@", name));
            let name = PackageName::parse(name).map_err(|cause| cause.to_string())?;
            Ok(format!("{group}{name}").into())
        }
        ParamKind::Unknown => {
            Err("is of a kind that this disklessset does not know: the module is newer".to_owned())
        }
    }
}

/// The expression for a whole text.
fn whole(pattern: &str) -> Result<Regex, String> {
    Regex::new(&format!("^(?:{pattern})$")).map_err(|cause| format!("its rule {pattern:?} is none: {cause}"))
}

/// `Type.CORE`, as parameters files of 1.x have it, names the choice `CORE`.
fn choice_word(text: &str) -> &str {
    text.strip_prefix("Type.").unwrap_or(text)
}

/// Checks everything given for an action: unknown names, missing ones, shapes and values; defaults are filled in.
///
/// # Errors
/// All refusals, in the order of declaration, unknown names last.
pub fn check_arguments(
    params: &[ParamSpec],
    mut given: BTreeMap<String, Raw>,
    lookup: &dyn Lookup,
) -> Result<Arguments, Vec<Refusal>> {
    let mut refusals = Vec::new();
    let mut checked = Arguments::default();
    let chosen = Chosen::of(params, &given);
    for param in params {
        let refuse = |reason: String| Refusal::new(param.name.as_str(), reason);
        if !chosen.allows(param) {
            refusals.extend(given.remove(&param.name).map(|_| chosen.refusal(param)));
            continue;
        }
        match given.remove(&param.name) {
            None => match (&param.default, param.required) {
                (Some(default), _) => {
                    checked.0.insert(param.name.clone(), default.clone());
                }
                (None, true) => refusals.push(refuse("is missing".to_owned())),
                (None, false) => {}
            },
            Some(raw) => match check_one(param, raw, lookup) {
                Ok(value) => {
                    checked.0.insert(param.name.clone(), value);
                }
                Err(refusal) => refusals.push(refusal),
            },
        }
    }
    for (name, _) in given {
        let known: Vec<&str> = params.iter().map(|p| p.name.as_str()).collect();
        let reason = format!("is not a parameter here; known are {}", known.join(", "));
        refusals.push(Refusal::new(name, reason));
    }
    if refusals.is_empty() { Ok(checked) } else { Err(refusals) }
}

fn check_one(param: &ParamSpec, raw: Raw, lookup: &dyn Lookup) -> Result<Value, Refusal> {
    let refuse = |reason: String| Refusal::new(param.name.as_str(), reason);
    let one = |text: &String| {
        let value = shaped(param, text).map_err(refuse)?;
        let there = look_up(&param.kind, &value, lookup);
        there.map_err(|reason| Refusal { not_found: true, ..refuse(reason) }).map(|()| value)
    };
    let many = param.repeated || param.kind == ParamKind::Command;
    match raw {
        Raw::Text(text) if !many => one(&text),
        Raw::List(_) if !many => Err(refuse("takes one value, several are given".to_owned())),
        Raw::Text(text) => Ok(Value::Array(vec![one(&text)?])),
        Raw::List(texts) if texts.is_empty() && param.required => Err(refuse("is empty".to_owned())),
        Raw::List(texts) => texts.iter().map(one).collect::<Result<_, _>>().map(Value::Array),
    }
}

#[cfg(test)]
#[path = "validation_tests.rs"]
pub(crate) mod tests;
