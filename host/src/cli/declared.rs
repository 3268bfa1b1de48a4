//! From a module's declaration of an action to its subcommand, and from what was typed to raw parameters.

use super::{completion::Names, globals::absolute, secret};
use crate::{modules::OfferedAction, modules::action_rules::command_line_flag, output::Output};
use camino::Utf8PathBuf;
use clap::{
    Arg, ArgAction, ArgMatches, Command, ValueHint,
    builder::{PossibleValue, StringValueParser, TypedValueParser},
    error::ErrorKind,
    parser::ValueSource,
};
use disklessset_plugin_api::{ParamKind, ParamSpec, Placement, Raw, Result, Role};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;

/// The argument that the host adds to every action.
pub(crate) const NAME: &str = "name";

/// The command of a module: a subcommand for each action, nested where the words are several.
pub(crate) fn module_command(module: &str, title: &str, offered: &[OfferedAction]) -> Command {
    let mut command = Command::new(module.to_owned())
        .about(title.to_owned())
        .subcommand_required(true)
        .arg_required_else_help(true);
    for action in offered {
        let words: Vec<&str> = action.action.spec.words.split(' ').collect();
        command = with_action(command, &words, action);
    }
    command
}

fn with_action(command: Command, words: &[&str], action: &OfferedAction) -> Command {
    match words {
        [] => command,
        [word] => command.subcommand(action_command(word, action)),
        [group, rest @ ..] => {
            if command.find_subcommand(group).is_some() {
                return command.mut_subcommand(group, |group| with_action(group, rest, action));
            }
            let new = Command::new((*group).to_owned())
                .about(format!("Manage {group}"))
                .subcommand_required(true)
                .arg_required_else_help(true);
            command.subcommand(with_action(new, rest, action))
        }
    }
}

fn action_command(word: &str, offered: &OfferedAction) -> Command {
    let spec = &offered.action.spec;
    let command = Command::new(word.to_owned());
    if let Some(reason) = &offered.action.disabled {
        // It stays visible, and running it says why it cannot be run.
        let anything =
            Arg::new("anything").num_args(0..).allow_hyphen_values(true).trailing_var_arg(true).hide(true);
        return command.about(format!("(cannot be used: {reason})")).arg(anything);
    }
    let name_help = match spec.role {
        Role::Create => "The name of the new image",
        _ => "The image",
    };
    let name = Arg::new(NAME).value_name("NAME").required(true).help(name_help);
    let name = match spec.role {
        Role::Create => name.add(Names::New),
        _ => name.add(Names::Images(offered.classes.clone())),
    };
    let name = (spec.role != Role::Overview).then_some(name);
    let params = spec.params.iter().flat_map(|param| {
        let names = Names::of_parameter(param, spec);
        arguments(param).into_iter().map(move |arg| match &names {
            Some(names) => arg.add(names.clone()),
            None => arg,
        })
    });
    command.about(spec.help.clone()).args(name).args(params)
}

/// A parameter on the command line: none, one, or for what is on unless switched off, two arguments.
fn arguments(param: &ParamSpec) -> Vec<Arg> {
    // What is for one word of another parameter is missed where all are looked at together.
    let required = param.required && param.default.is_none() && param.only_for.is_none();
    let arg = Arg::new(param.name.clone()).help(help_of(param)).required(required);
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

fn off_id(param: &ParamSpec) -> String {
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

fn help_of(param: &ParamSpec) -> String {
    let mut help = param.help.clone();
    if param.kind == ParamKind::Secret {
        help.push_str(" (the first line of FILE, - for standard input)");
    }
    if param.repeated && param.placement == Placement::Flag {
        help.push_str(" (may be given several times)");
    }
    match &param.default {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(Value::Array(items)) if items.is_empty() => {}
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            help.push_str(&format!(" [default: {}]", items.join(", ")));
        }
        Some(default) => help.push_str(&format!(" [default: {}]", shown_default(param, default))),
    }
    help
}

fn shown_default(param: &ParamSpec, default: &Value) -> String {
    match param.kind {
        ParamKind::Choice { .. } => plain(default).to_ascii_lowercase(),
        _ => plain(default),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// Takes any text: values are checked where those of menus and files are checked, so that all three agree. The choices are
/// for help and completion.
#[derive(Clone)]
struct Unchecked {
    choices: Vec<String>,
}

impl TypedValueParser for Unchecked {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> std::result::Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value).map_err(|_| {
            let shown = value.to_string_lossy().into_owned();
            command.clone().error(ErrorKind::InvalidUtf8, format!("{shown:?} is not UTF-8 text"))
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        if self.choices.is_empty() {
            return None;
        }
        Some(Box::new(self.choices.iter().map(|choice| PossibleValue::new(choice.clone()))))
    }
}

/// What was typed for an action's parameters, unchecked; secrets are read from their files.
///
/// # Errors
/// When a secret cannot be read.
pub(crate) fn given(
    params: &[ParamSpec],
    matches: &ArgMatches,
    output: &Output,
) -> Result<BTreeMap<String, Raw>> {
    let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let mut given = BTreeMap::new();
    for param in params.iter().filter(|param| param.placement != Placement::Nowhere) {
        if param.kind == ParamKind::Flag && param.default == Some(Value::Bool(true)) && typed(&off_id(param))
        {
            given.insert(param.name.clone(), Raw::Text("false".to_owned()));
            continue;
        }
        if !typed(&param.name) {
            continue;
        }
        let raw = match &param.kind {
            ParamKind::Flag if param.placement == Placement::Flag => Raw::Text("true".to_owned()),
            kind => {
                let texts: Vec<String> =
                    matches.get_many(&param.name).into_iter().flatten().cloned().collect();
                let texts = match kind {
                    ParamKind::Secret => {
                        texts.iter().map(|file| secret::read(file, output)).collect::<Result<_>>()?
                    }
                    _ => texts,
                };
                match <[String; 1]>::try_from(texts) {
                    Ok([one]) if !param.repeated && *kind != ParamKind::Command => Raw::Text(one),
                    Ok([one]) => Raw::List(vec![one]),
                    Err(several) => Raw::List(several),
                }
            }
        };
        given.insert(param.name.clone(), raw);
    }
    Ok(given)
}

/// The files that secrets are read from. What comes from standard input has none.
///
/// # Errors
/// When the current directory cannot be found.
pub(crate) fn secret_files(
    params: &[ParamSpec],
    matches: &ArgMatches,
) -> Result<BTreeMap<String, Utf8PathBuf>> {
    let mut files = BTreeMap::new();
    for param in params.iter().filter(|param| param.kind == ParamKind::Secret && !param.repeated) {
        if param.placement == Placement::Nowhere {
            continue;
        }
        if let Some(file) = matches.get_one::<String>(&param.name).filter(|file| *file != "-") {
            files.insert(param.name.clone(), absolute(file.as_str().into())?);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{modules::Action, output::testing};
    use disklessset_plugin_api::ActionSpec;

    fn offered() -> Vec<OfferedAction> {
        let choices = ["STANDARD", "SMALL", "CORE"].map(str::to_owned).to_vec();
        let create = ActionSpec::create("Create a sample image")
            .param(
                ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, "The kernel it boots")
                    .required(),
            )
            .param(
                ParamSpec::flag("livenet_type", ParamKind::Choice { choices }, "The package set")
                    .as_flag("type")
                    .default("CORE"),
            )
            .param(
                ParamSpec::flag(
                    "livenet_size",
                    ParamKind::Size { min: 100, max: 50_000, auto: true },
                    "Its size",
                )
                .as_flag("size")
                .default("auto"),
            )
            .param(ParamSpec::flag("password", ParamKind::Secret, "The password of root"))
            .param(
                ParamSpec::flag("additional_packages", ParamKind::Package, "One more package")
                    .as_flag("package"),
            )
            .param(ParamSpec::flag("selinux", ParamKind::Flag, "Use SELinux"))
            .param(ParamSpec::flag("docs", ParamKind::Flag, "Keep documentation").default(true));
        let add = ActionSpec::change("nodes add", "Add nodes")
            .param(ParamSpec::position("nodes", ParamKind::Text, "The nodes").as_flag("nodeset"));
        let exec = ActionSpec::change("exec", "Run a command inside")
            .param(ParamSpec::trailing("command", "What to run"));
        let broken = ActionSpec::read("nodes rename", "Rename nodes");
        [(create, None), (add, None), (exec, None), (broken, Some("the module is newer".to_owned()))]
            .into_iter()
            .map(|(spec, disabled)| OfferedAction {
                classes: vec!["SampleImage".into()],
                declared_by: "SampleImage".into(),
                action: Action { spec, disabled },
            })
            .collect()
    }

    fn command() -> Command {
        let command = module_command("sample", "A sample", &offered());
        command.clone().debug_assert();
        command.term_width(100)
    }

    fn parse(line: &[&str]) -> BTreeMap<String, Raw> {
        let mut matches = &command().try_get_matches_from(std::iter::once(&"sample").chain(line)).unwrap();
        let mut words = Vec::new();
        while let Some((word, inner)) = matches.subcommand() {
            words.push(word.to_owned());
            matches = inner;
        }
        let offered = offered();
        let action = offered.iter().find(|offered| offered.action.spec.words == words.join(" ")).unwrap();
        given(&action.action.spec.params, matches, &testing::console("s3cret\n").output).unwrap()
    }

    fn text(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn help_of_module_and_action() {
        insta::assert_snapshot!("module", command().render_help().to_string());
        let mut command = command();
        command.build();
        let create = command.find_subcommand_mut("create").unwrap();
        insta::assert_snapshot!("create", create.render_help().to_string());
    }

    #[test]
    fn only_what_was_typed_is_given() {
        assert_eq!(
            parse(&["create", "web01", "--kernel", "6.1"]),
            [("kernel".to_owned(), text("6.1"))].into()
        );
    }

    #[test]
    fn every_kind_arrives_as_it_was_typed() {
        let given = parse(&[
            "create",
            "web01",
            "--kernel",
            "from-image",
            "--type",
            "small",
            "--size",
            "1.5G",
            "--password-file",
            "-",
            "--package",
            "vim",
            "--package",
            "git",
            "--selinux",
            "--no-docs",
        ]);
        assert_eq!(given["password"], text("s3cret"));
        assert_eq!(given["livenet_type"], text("small"));
        assert_eq!(given["livenet_size"], text("1.5G"));
        assert_eq!(given["additional_packages"], Raw::List(vec!["vim".into(), "git".into()]));
        assert_eq!(given["selinux"], text("true"));
        assert_eq!(given["docs"], text("false"));
    }

    #[test]
    fn nested_words_positions_and_commands() {
        assert_eq!(parse(&["nodes", "add", "g1", "c[1-3]"])["nodes"], text("c[1-3]"));
        let given = parse(&["exec", "web01", "--", "ls", "-l", "--root"]);
        assert_eq!(given["command"], Raw::List(vec!["ls".into(), "-l".into(), "--root".into()]));
        assert_eq!(parse(&["exec", "web01", "--", "ls"])["command"], Raw::List(vec!["ls".into()]));
    }

    #[test]
    fn wrong_values_are_left_to_the_one_check() {
        assert_eq!(
            parse(&["create", "web01", "--kernel", "../x", "--type", "huge"])["livenet_type"],
            text("huge")
        );
    }

    #[test]
    fn a_password_cannot_be_an_argument() {
        let error = command()
            .try_get_matches_from(["sample", "create", "web01", "--kernel", "6.1", "--password", "s3cret"])
            .unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn a_disabled_action_is_shown_with_its_reason_and_takes_anything() {
        let help = command().try_get_matches_from(["sample", "nodes", "--help"]).unwrap_err().to_string();
        assert!(help.contains("cannot be used: the module is newer"), "{help}");
        assert!(command().try_get_matches_from(["sample", "nodes", "rename", "a", "--b", "c"]).is_ok());
    }
}
