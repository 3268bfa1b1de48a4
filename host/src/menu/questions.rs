//! Questions made from the declaration of parameters.

use super::{Menu, entries::no_kernel, page::Page, stop::Step};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, ParamKind, ParamSpec, Raw, parse_value};
use serde_json::Value;
use std::collections::BTreeMap;

const FROM_IMAGE: &str = "from-image";

impl Menu {
    /// Asks for parameters in the order of their declaration; those left to their defaults are not among the answers.
    pub(super) fn ask_parameters(&self, params: &[ParamSpec]) -> Step<BTreeMap<String, Raw>> {
        let mut given = BTreeMap::new();
        for param in params {
            if !param.asked && !must_be_given(param) {
                continue;
            }
            if let Some(raw) = self.ask_parameter(param)? {
                given.insert(param.name.clone(), raw);
            }
        }
        Ok(given)
    }

    /// Shows what was answered and asks whether that is it. Secrets stay hidden.
    pub(super) fn approves(
        &self,
        name: &ImageName,
        params: &[ParamSpec],
        given: &BTreeMap<String, Raw>,
    ) -> Step<bool> {
        let output = &self.session.output;
        let mut text = format!("\n  name: {name}\n");
        for param in params.iter().filter(|param| param.asked || given.contains_key(&param.name)) {
            let value = match (given.get(&param.name), &param.kind) {
                (Some(_), ParamKind::Secret) => "(hidden)".to_owned(),
                (Some(Raw::Text(text)), _) => text.clone(),
                (Some(Raw::List(list)), _) => list.join(" "),
                (None, _) => default_of(param).unwrap_or_else(|| "-".to_owned()),
            };
            text.push_str(&format!("  {}: {}\n", param.flag, crate::output::plain(&value)));
        }
        output.data(&text);
        Ok(output.ask_yes_no("Create this image?")?)
    }

    fn ask_parameter(&self, param: &ParamSpec) -> Step<Option<Raw>> {
        match &param.kind {
            ParamKind::Secret => self.ask_secret(param),
            ParamKind::Choice { choices } => {
                self.choose_value(param, choices.iter().map(|choice| choice.to_ascii_lowercase()).collect())
            }
            ParamKind::Kernel { from_image } => {
                let mut versions = self.usable_kernels()?;
                if *from_image {
                    versions.push(FROM_IMAGE.to_owned());
                }
                if versions.is_empty() && must_be_given(param) {
                    return Err(no_kernel().into());
                }
                self.choose_value(param, versions)
            }
            ParamKind::Image { class } => {
                let names = self.images_of(class)?;
                if names.is_empty() && must_be_given(param) {
                    let which = if class.is_empty() { String::new() } else { format!(" of class {class}") };
                    return Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no image{which}")).into());
                }
                self.choose_value(param, names)
            }
            _ => self.ask_text(param),
        }
    }

    /// One of several values, by number or in full.
    fn choose_value(&self, param: &ParamSpec, values: Vec<String>) -> Step<Option<Raw>> {
        if values.is_empty() {
            return Ok(None);
        }
        let empty = empty_answer(param);
        let output = &self.session.output;
        let chosen = Page::new(&param.help, &values).choose_or(output, "Your choice", empty.as_deref())?;
        let Some(index) = chosen else { return Ok(None) };
        let value = values[index].clone();
        Ok(Some(if param.repeated { Raw::List(vec![value]) } else { Raw::Text(value) }))
    }

    /// A line, or several words in one; asked again until every value passes the check of its kind.
    fn ask_text(&self, param: &ParamSpec) -> Step<Option<Raw>> {
        let many = param.repeated || param.kind == ParamKind::Command;
        let mut question = param.help.clone();
        question.push_str(match &param.kind {
            ParamKind::Flag => " (yes/no)",
            ParamKind::Command => " (words separated by blanks)",
            _ if many => " (several separated by blanks)",
            _ => "",
        });
        let empty = empty_answer(param);
        if let Some(meaning) = &empty {
            question.push_str(&format!(" [{meaning}]"));
        }
        loop {
            let answer = self.session.output.ask_line(&format!("{question}: "))?;
            let texts: Vec<&str> = match &param.kind {
                _ if many => answer.split_whitespace().collect(),
                // Blanks at the ends of a text may be meant.
                ParamKind::Text => vec![answer.as_str()],
                _ => vec![answer.trim()],
            };
            if answer.trim().is_empty() {
                if empty.is_some() {
                    return Ok(None);
                }
                self.session.output.data("An answer is needed.\n");
                continue;
            }
            let images = self.session.images();
            match texts.iter().find_map(|text| parse_value(param, text, &images).err()) {
                Some(reason) => self.session.output.data(&format!("{}\n", crate::output::plain(&reason))),
                None if many => return Ok(Some(Raw::List(texts.into_iter().map(Into::into).collect()))),
                None => return Ok(Some(Raw::Text(texts[0].to_owned()))),
            }
        }
    }

    /// Something that is not shown, twice.
    fn ask_secret(&self, param: &ParamSpec) -> Step<Option<Raw>> {
        let output = &self.session.output;
        let optional = !must_be_given(param);
        let hint = if optional { " (not shown) [none]" } else { " (not shown)" };
        loop {
            let first = output.ask_secret(&format!("{}{hint}: ", param.help))?;
            if first.is_empty() {
                if optional {
                    return Ok(None);
                }
                output.data("An answer is needed.\n");
                continue;
            }
            if let Err(reason) = parse_value(param, &first, &self.session.images()) {
                // The reason may quote what was typed.
                let reason = if reason.contains(&first) { "it cannot be used".to_owned() } else { reason };
                output.data(&format!("{}\n", crate::output::plain(&reason)));
                continue;
            }
            if output.ask_secret("Once more: ")? == first {
                return Ok(Some(Raw::Text(first)));
            }
            output.data("The two are not the same.\n");
        }
    }
}

fn must_be_given(param: &ParamSpec) -> bool {
    param.required && param.default.is_none()
}

/// What an empty answer means; nothing when there must be one.
fn empty_answer(param: &ParamSpec) -> Option<String> {
    if must_be_given(param) {
        return None;
    }
    Some(default_of(param).unwrap_or_else(|| "none".to_owned()))
}

/// The default as a person would type it.
fn default_of(param: &ParamSpec) -> Option<String> {
    let text = |value: &Value| match (value, &param.kind) {
        (Value::Bool(true), _) => "yes".to_owned(),
        (Value::Bool(false), _) => "no".to_owned(),
        (Value::String(text), ParamKind::Choice { .. }) => text.to_ascii_lowercase(),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    };
    match (&param.default, &param.kind) {
        (None | Some(Value::Null), ParamKind::Flag) => Some("no".to_owned()),
        (None | Some(Value::Null), _) => None,
        (Some(Value::Array(items)), _) if items.is_empty() => None,
        (Some(Value::Array(items)), _) => Some(items.iter().map(text).collect::<Vec<_>>().join(" ")),
        (Some(value), _) => Some(text(value)),
    }
}
