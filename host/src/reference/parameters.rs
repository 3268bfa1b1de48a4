//! The page about parameters files: what each class that is found takes.

use super::table;
use crate::{modules::OfferedAction, site::Site};
use disklessset_plugin_api::{ParamKind, ParamSpec, Result, Role};
use serde_json::Value;

/// What holds for every class.
pub(super) const HEAD: &str = "# Parameters files\n\n\
    A parameters file describes one image. `disklessset create --from FILE` makes it, and asks nothing. It is YAML, one mapping\n\
    `image_data`. `name` and `image_class` are always there; the class decides about the others. What is wrong with a file is\n\
    told at once, before anything is made; `--dry-run` tells it without making the image.\n\n\
    A definition is the same without `image_data:`, its keys at the left. There `name` may be missing, paths are relative to the directory of the\n\
    file, and a secret is never in the file: `password_file`, say, names a file that holds the password. `docs/definitions.md` says what\n\
    else definitions are for: `rebuild`, `apply`, `show --as-file`.\n\n\
    A list is written as a YAML list. A key that the class does not know is refused.\n";

pub(super) fn page(site: &Site) -> Result<String> {
    let mut page = String::from(HEAD);
    let mut names: Vec<&str> = site.classes().registry().ready().map(|module| module.name.as_str()).collect();
    names.sort_unstable();
    for name in names {
        page.push_str(&of_module(name, &site.classes().actions(name)?));
    }
    Ok(page)
}

/// What the classes of a module take.
fn of_module(module: &str, offered: &[OfferedAction]) -> String {
    offered
        .iter()
        .filter(|offered| offered.action.spec.role == Role::Create && offered.action.disabled.is_none())
        .map(|offered| {
            let spec = &offered.action.spec;
            let classes = offered.classes.join(", ");
            format!(
                "\n## {classes}\n\nModule {module}, as `disklessset {module} {} NAME`. {}.\n\n{}",
                spec.words,
                spec.help.trim_end_matches('.'),
                of_params(&spec.params),
            )
        })
        .collect()
}

fn of_params(params: &[ParamSpec]) -> String {
    let row = |param: &ParamSpec| {
        let mark = match (&param.only_for, param.required) {
            (Some((other, word)), true) => format!(" (required with {other}: {word})"),
            (Some((other, word)), false) => format!(" (with {other}: {word})"),
            (None, true) => " (required)".to_owned(),
            (None, false) => String::new(),
        };
        let name = format!("{}{mark}", param.name);
        [name, value_of(param), default_of(param), param.help.clone()]
    };
    match params {
        [] => "It takes no parameters.\n".to_owned(),
        params => {
            let rows: Vec<_> = params.iter().map(row).collect();
            table(["KEY", "VALUE", "DEFAULT", "MEANING"], &rows)
        }
    }
}

/// What a value is, for people.
fn value_of(param: &ParamSpec) -> String {
    let one = match &param.kind {
        ParamKind::Text => "text".to_owned(),
        ParamKind::Source => "source of a tree".to_owned(),
        ParamKind::Integer { min, max } => match (*min, *max) {
            (i64::MIN, i64::MAX) => "whole number".to_owned(),
            (min, i64::MAX) => format!("whole number from {min}"),
            (min, max) => format!("whole number, {min} to {max}"),
        },
        ParamKind::Size { auto: true, .. } => "size such as 700M or 5G, or auto".to_owned(),
        ParamKind::Size { .. } => "size such as 700M or 5G".to_owned(),
        ParamKind::Flag => "true or false".to_owned(),
        ParamKind::Choice { choices } => {
            choices.iter().map(|choice| choice.to_ascii_lowercase()).collect::<Vec<_>>().join(", ")
        }
        ParamKind::Matching { meaning, .. } => meaning.clone(),
        ParamKind::NodeSet => "nodes, such as c[001-100],login1".to_owned(),
        ParamKind::Node => "name of a node".to_owned(),
        ParamKind::Secret => "secret".to_owned(),
        ParamKind::Kernel { from_image: true } | ParamKind::KernelAlone { from_image: true } => {
            "kernel version, or from-image".to_owned()
        }
        ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. } => "kernel version".to_owned(),
        ParamKind::Image { class } if class.is_empty() => "image".to_owned(),
        ParamKind::Image { class } => format!("image of class {class}"),
        ParamKind::Path => "path".to_owned(),
        ParamKind::Package => "package".to_owned(),
        ParamKind::Command => "command, word by word".to_owned(),
        _ => "of a newer API".to_owned(),
    };
    if param.repeated { format!("list: {one}") } else { one }
}

fn default_of(param: &ParamSpec) -> String {
    match (&param.default, &param.kind) {
        (None | Some(Value::Null), ParamKind::Flag) => "false".to_owned(),
        (None | Some(Value::Null), _) => "none".to_owned(),
        (Some(Value::Array(items)), _) if items.is_empty() => "none".to_owned(),
        (Some(Value::String(text)), ParamKind::Choice { .. }) => text.to_ascii_lowercase(),
        (Some(Value::String(text)), _) => text.clone(),
        (Some(other), _) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_defaults_are_told() {
        let auto = ParamSpec::flag("size", ParamKind::Size { min: 1, max: 9, auto: true }, "How large");
        let packages = ParamSpec::flag("packages", ParamKind::Package, "Which");
        let choice = ParamKind::Choice { choices: vec!["FLAT".into(), "CLASSIC".into()] };
        let choice = ParamSpec::flag("layout", choice, "How").default("FLAT");
        let told: Vec<_> = [&auto, &packages, &choice].map(|one| (value_of(one), default_of(one))).into();
        let expected = [
            ("size such as 700M or 5G, or auto", "none"),
            ("list: package", "none"),
            ("flat, classic", "flat"),
        ];
        assert_eq!(told, expected.map(|(value, default)| (value.to_owned(), default.to_owned())));
        let required = ParamSpec::position("image", ParamKind::Path, "Where");
        assert!(of_params(&[required]).contains("| image (required) | path  | none"));
    }
}
