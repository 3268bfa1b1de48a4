//! The rules that declarations of actions must keep so that a command line, a menu and a parameters file can be made of
//! them. An action that breaks one is disabled with the reason; the others stay.

use std::collections::HashSet;

use disklessset_plugin_api::{
    ActionSpec, ImageName, KernelVersion, Lookup, ParamKind, ParamSpec, Placement, Role, Rule, parse_value,
};
use serde_json::Value;

use super::description::Action;

/// Options that belong to the host in every command; no parameter may have such a flag.
/// Within a major version of the module API none is added: a module that was written before would lose its own.
pub const GLOBAL_FLAGS: [&str; 12] = [
    "root",
    "config",
    "modules-dir",
    "format",
    "yes",
    "dry-run",
    "wait",
    "hold",
    "info",
    "debug",
    "help",
    "version",
];

/// Keys of a parameters file that belong to the host.
pub const RESERVED_PARAMETERS: [&str; 2] = ["name", "image_class"];

/// The flag as it stands on the command line, without dashes: a secret is never an argument, so its flag names a file.
pub fn command_line_flag(param: &ParamSpec) -> String {
    match param.kind {
        ParamKind::Secret => format!("{}-file", param.flag),
        _ => param.flag.clone(),
    }
}

/// The first rule that an action breaks by itself.
pub(super) fn broken_rule(action: &ActionSpec) -> Option<String> {
    let fault =
        action.faults.first().map(|fault| fault.chars().filter(|c| !c.is_control()).take(200).collect());
    fault
        .or_else(|| words_rule(&action.words))
        .or_else(|| match action.role {
            Role::Unknown => {
                Some("its role is unknown here: the module is newer than this disklessset".to_owned())
            }
            Role::Create | Role::Change | Role::Read | Role::Overview => None,
            _ => Some("its role is unknown here".to_owned()),
        })
        .or_else(|| {
            let texts = [Some(&action.label), Some(&action.help), action.confirm.as_ref()];
            let odd = texts.into_iter().flatten().any(|text| text.chars().any(char::is_control));
            odd.then(|| "a control character in its texts".to_owned())
        })
        .or_else(|| params_rule(&action.params))
        .or_else(|| across_rule(action))
}

/// A rule is about two parameters that are there.
fn across_rule(action: &ActionSpec) -> Option<String> {
    let there = |name: &String| action.params.iter().any(|param| param.name == *name);
    action.rules.iter().find_map(|rule| match rule {
        Rule::Excludes { one, other } | Rule::Requires { one, other }
            if one != other && there(one) && there(other) =>
        {
            None
        }
        Rule::Excludes { one, other } | Rule::Requires { one, other } => {
            Some(format!("a rule about {one} and {other}, which are not two of its parameters"))
        }
        _ => Some(
            "a rule between its parameters is unknown here: the module is newer than this disklessset"
                .to_owned(),
        ),
    })
}

fn words_rule(words: &str) -> Option<String> {
    let all: Vec<&str> = words.split(' ').collect();
    if all.len() > 3 || !all.iter().all(|word| is_word(word, '-')) {
        return Some("its words must be one to three of lower case letters, digits and -".to_owned());
    }
    (all.first() == Some(&"help")).then(|| "help is a command of disklessset itself".to_owned())
}

fn is_word(word: &str, mark: char) -> bool {
    word.starts_with(|c: char| c.is_ascii_lowercase())
        && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == mark)
}

fn params_rule(params: &[ParamSpec]) -> Option<String> {
    let mut names = HashSet::new();
    let mut flags = HashSet::new();
    for param in params {
        let name = param.name.as_str();
        let broken =
            |rule: &str| Some(format!("parameter {:?} {rule}", name.chars().take(40).collect::<String>()));
        if !is_word(name, '_') {
            return broken("must be named with lower case letters, digits and _");
        }
        if RESERVED_PARAMETERS.contains(&name) {
            return broken("has a name that belongs to disklessset itself");
        }
        if !names.insert(name) {
            return broken("is there twice");
        }
        if !is_word(&param.flag, '-') {
            return broken("must have a flag of lower case letters, digits and -");
        }
        let flag = command_line_flag(param);
        if param.placement == Placement::Flag && GLOBAL_FLAGS.contains(&flag.as_str()) {
            return Some(format!("the flag --{flag} of parameter {name} belongs to disklessset itself"));
        }
        if !flags.insert(flag) {
            return broken("has the flag of another one");
        }
        if let Some(rule) = kind_rule(param) {
            return broken(&rule);
        }
        if param.help.chars().any(char::is_control) {
            return broken("has a control character in its help");
        }
    }
    placement_rule(params)
}

fn kind_rule(param: &ParamSpec) -> Option<String> {
    let rule = match &param.kind {
        ParamKind::Unknown => "is of a kind unknown here: the module is newer than this disklessset",
        ParamKind::Integer { min, max } if min > max => "allows no value: its least is above its most",
        ParamKind::Size { min, max, .. } if min > max => "allows no value: its least is above its most",
        ParamKind::Matching { pattern, .. }
            if regex_lite::Regex::new(&format!("^(?:{pattern})$")).is_err() =>
        {
            "has a rule that is no regular expression"
        }
        ParamKind::Choice { choices } if choices.is_empty() => "has nothing to choose from",
        ParamKind::Command if matches!(param.placement, Placement::Flag | Placement::Position) => {
            "is a command and must stand after --"
        }
        ParamKind::Secret if param.placement != Placement::Flag && param.placement != Placement::Nowhere => {
            "is a secret and must not be an argument"
        }
        ParamKind::Secret if param.default.is_some() => "is a secret and must have no default",
        _ => return default_rule(param),
    };
    Some(rule.to_owned())
}

/// A default goes through the same check as what a user types.
fn default_rule(param: &ParamSpec) -> Option<String> {
    let texts = match param.default.as_ref()? {
        Value::Array(values) => values.iter().map(text_of).collect(),
        value => vec![text_of(value)],
    };
    let wrong = texts.into_iter().find_map(|text| parse_value(param, &text, &AnythingIsThere).err())?;
    Some(format!("has a wrong default: {wrong}"))
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Defaults are judged by their shape: what is on this server is asked when they are used.
struct AnythingIsThere;

impl Lookup for AnythingIsThere {
    fn kernel(&self, _version: &KernelVersion) -> Result<(), String> {
        Ok(())
    }
    fn image(&self, _name: &ImageName, _class: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Bare words can be told apart only in this order: required ones, then optional ones, then one repeated; all after `--`
/// is one parameter's.
fn placement_rule(params: &[ParamSpec]) -> Option<String> {
    let trailing = params.iter().filter(|param| param.placement == Placement::Trailing).count();
    let mut positions = params.iter().filter(|param| param.placement == Placement::Position).peekable();
    let mut optional_before = false;
    while let Some(param) = positions.next() {
        if param.repeated && (positions.peek().is_some() || trailing > 0) {
            return Some(format!("the repeated parameter {} must be the last one", param.name));
        }
        if param.required && optional_before {
            return Some(format!("the required parameter {} stands behind an optional one", param.name));
        }
        optional_before |= !param.required;
    }
    (trailing > 1).then(|| "more than one parameter stands after --".to_owned())
}

/// A class is created by one action: a second one is disabled.
pub(super) fn one_creation(actions: &mut [Action]) {
    let usable = |action: &&mut Action| action.disabled.is_none() && action.spec.role == Role::Create;
    for action in actions.iter_mut().filter(usable).skip(1) {
        action.disabled = Some("the class has another action that creates".to_owned());
    }
}

/// Within a module each action has its own words, and none are the beginning of another's (`nodes`, `nodes add`). Two
/// classes may declare the very same action on existing images: the image tells whose it is.
pub(super) fn distinct_words<'a>(actions: impl Iterator<Item = &'a mut Action>) {
    let mut taken: Vec<ActionSpec> = Vec::new();
    for action in actions.filter(|action| action.disabled.is_none()) {
        let spec = &action.spec;
        match taken.iter().find(|other| clash(&other.words, &spec.words) && !is_shared(other, spec)) {
            Some(other) => action.disabled = Some(format!("its words clash with the action {}", other.words)),
            None => taken.push(spec.clone()),
        }
    }
}

/// Whether a command line could not tell the two apart.
pub(super) fn clash(one: &str, other: &str) -> bool {
    let begins = |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with(' '));
    one == other || begins(one, other) || begins(other, one)
}

/// Whether two classes mean one and the same command.
pub(super) fn is_shared(one: &ActionSpec, other: &ActionSpec) -> bool {
    one == other && one.role != Role::Create
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(params: Vec<ParamSpec>) -> Option<String> {
        let action = params.into_iter().fold(ActionSpec::create("Create it"), ActionSpec::param);
        broken_rule(&action)
    }

    #[test]
    fn what_ordinary_modules_declare_breaks_no_rule() {
        let sizes = ParamKind::Size { min: 100, max: 50_000, auto: true };
        let none = rule(vec![
            ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, "The kernel").required(),
            ParamSpec::flag("password", ParamKind::Secret, "The password"),
            ParamSpec::flag("livenet_size", sizes, "The size").as_flag("size").default("auto"),
            ParamSpec::flag("count", ParamKind::Integer { min: 1, max: 9 }, "How many").default(3),
            ParamSpec::flag("additional_packages", ParamKind::Package, "More").default(vec!["vim"]),
            ParamSpec::flag("optimize", ParamKind::Flag, "Trim").default(false),
            ParamSpec::trailing("command", "What to run"),
        ]);
        assert_eq!(none, None);
        assert_eq!(broken_rule(&ActionSpec::change("nodes add", "Add nodes")), None);
    }

    #[test]
    fn each_broken_rule_is_named() {
        let text = |name: &str| ParamSpec::flag(name, ParamKind::Text, "x");
        let number = |min, max| ParamSpec::flag("n", ParamKind::Integer { min, max }, "x");
        for (params, reason) in [
            (vec![text("dry_run")], "the flag --dry-run of parameter dry_run belongs to disklessset itself"),
            (vec![text("x").as_flag("version")], "--version"),
            (
                vec![ParamSpec::flag("config", ParamKind::Secret, "x"), text("config_file")],
                "has the flag of another",
            ),
            (vec![text("name")], "a name that belongs to disklessset"),
            (vec![text("a"), text("a").as_flag("b")], "is there twice"),
            (vec![text("a"), text("b").as_flag("a")], "has the flag of another one"),
            (vec![text("Bad Name")], "must be named with"),
            (vec![text("a").as_flag("--a")], "must have a flag of"),
            (vec![number(9, 1)], "allows no value"),
            (vec![number(1, 9).default(10)], "has a wrong default: 10 is out of range"),
            (vec![ParamSpec::flag("c", ParamKind::Choice { choices: vec![] }, "x")], "nothing to choose"),
            (vec![ParamSpec::flag("p", ParamKind::Secret, "x").default("x")], "must have no default"),
            (vec![ParamSpec::position("p", ParamKind::Secret, "x")], "must not be an argument"),
            (vec![ParamSpec::flag("u", ParamKind::Unknown, "x")], "the module is newer"),
            (
                vec![
                    ParamSpec::position("m", ParamKind::Text, "x").repeated(),
                    ParamSpec::position("n", ParamKind::Text, "x"),
                ],
                "must be the last",
            ),
            (vec![ParamSpec::trailing("a", "x"), ParamSpec::trailing("b", "x")], "more than one"),
            (vec![ParamSpec::flag("e", ParamKind::Text, "\u{1b}[2J")], "control character"),
        ] {
            let found = rule(params).unwrap_or_default();
            assert!(found.contains(reason), "{reason}: {found:?}");
        }
        for words in ["", "Create", "a  b", "a b c d", "../x", "help me"] {
            assert!(broken_rule(&ActionSpec::read(words, "x")).is_some(), "{words:?}");
        }
    }

    #[test]
    fn of_two_actions_that_clash_the_first_stays() {
        let action = |words: &str| Action { spec: ActionSpec::read(words, "x"), disabled: None };
        let mut other = action("nodes add");
        other.spec = other.spec.param(ParamSpec::flag("x", ParamKind::Flag, "x"));
        let mut actions =
            [action("nodes add"), action("nodes"), action("nodes addition"), action("nodes add"), other];
        distinct_words(actions.iter_mut());
        let disabled = actions.each_ref().map(|action| action.disabled.is_some());
        assert_eq!(disabled, [false, true, false, false, true]);
        assert_eq!(actions[1].disabled.as_deref(), Some("its words clash with the action nodes add"));
    }
}
