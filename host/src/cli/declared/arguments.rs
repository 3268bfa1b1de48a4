//! A parameter as arguments of a command line.

use super::{help, unchecked::Unchecked};
use crate::modules::action_rules::command_line_flag;
use clap::{Arg, ArgAction, ValueHint};
use disklessset_plugin_api::{ParamKind, ParamSpec, Placement};
use serde_json::Value;

/// A parameter on the command line: none, one, or for what is on unless switched off, two arguments.
pub(super) fn arguments(param: &ParamSpec) -> Vec<Arg> {
    // What is for one word of another parameter is missed where all are looked at together.
    let required = param.required && param.default.is_none() && param.only_for.is_none();
    let arg = Arg::new(param.name.clone()).help(help::of(param)).required(required);
    let arg = match &param.only_for {
        Some((other, word)) => arg.help_heading(format!("Options with --{} {word}", other.replace('_', "-"))),
        None => arg,
    };
    match (param.placement, &param.kind) {
        (Placement::Nowhere, _) => Vec::new(),
        (Placement::Flag, ParamKind::Flag) => {
            let on = arg.long(param.flag.clone()).action(ArgAction::SetTrue).required(false);
            if param.default != Some(Value::Bool(true)) {
                return vec![on];
            }
            let off = Arg::new(off_id(param))
                .long(format!("no-{}", param.flag))
                .action(ArgAction::SetTrue)
                .conflicts_with(param.name.clone())
                .help(format!("Switch off: {}", param.help));
            vec![on.hide(true), off]
        }
        (Placement::Flag, _) => {
            let arg = with_values(arg.long(command_line_flag(param)), param);
            vec![if param.repeated { arg.action(ArgAction::Append) } else { arg }]
        }
        (Placement::Position, _) => {
            let arg = with_values(arg, param).value_name(param.flag.to_uppercase());
            vec![if param.repeated { arg.num_args(1..) } else { arg }]
        }
        (Placement::Trailing, _) => {
            let arg = arg.last(true).num_args(1..).allow_hyphen_values(true);
            vec![arg.value_name("CMD").value_hint(ValueHint::CommandWithArguments)]
        }
    }
}

/// The argument that switches off what is on without it.
pub(super) fn off_id(param: &ParamSpec) -> String {
    // No parameter's name has a dash in it.
    format!("no-{}", param.name)
}

fn with_values(arg: Arg, param: &ParamSpec) -> Arg {
    let arg = arg.value_parser(Unchecked { choices: choices_of(&param.kind) });
    match &param.kind {
        ParamKind::Integer { min, .. } => arg.value_name("NUMBER").allow_negative_numbers(*min < 0),
        ParamKind::Size { auto: true, .. } => arg.value_name("SIZE|auto"),
        ParamKind::Size { .. } => arg.value_name("SIZE"),
        ParamKind::Choice { .. } => arg.value_name(param.flag.to_uppercase()),
        ParamKind::Secret => arg.value_name("FILE").value_hint(ValueHint::FilePath),
        ParamKind::Kernel { from_image: true } | ParamKind::KernelAlone { from_image: true } => {
            arg.value_name("VERSION|from-image")
        }
        ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. } => arg.value_name("VERSION"),
        ParamKind::Image { .. } => arg.value_name("IMAGE"),
        ParamKind::NodeSet => arg.value_name("NODES"),
        ParamKind::Node => arg.value_name("NODE"),
        ParamKind::Path => arg.value_name("PATH").value_hint(ValueHint::AnyPath),
        ParamKind::Package => arg.value_name("PACKAGE"),
        ParamKind::Source => arg.value_name("SOURCE"),
        _ => arg.value_name("TEXT"),
    }
}

fn choices_of(kind: &ParamKind) -> Vec<String> {
    match kind {
        ParamKind::Choice { choices } => choices.iter().map(|choice| choice.to_ascii_lowercase()).collect(),
        _ => Vec::new(),
    }
}
