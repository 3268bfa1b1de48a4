//! Commands of declared actions, and what is read from them.

use super::{given, module_command};
use crate::{
    modules::{Action, OfferedAction},
    output::testing,
};
use clap::Command;
use disklessset_plugin_api::{ActionSpec, ParamKind, ParamSpec, Raw};
use std::collections::BTreeMap;

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
            ParamSpec::flag("additional_packages", ParamKind::Package, "One more package").as_flag("package"),
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
    assert_eq!(parse(&["create", "web01", "--kernel", "6.1"]), [("kernel".to_owned(), text("6.1"))].into());
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
