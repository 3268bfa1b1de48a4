//! Given values as users type them: which are taken, and what they become.

use super::*;
use crate::ActionSpec;

pub(crate) struct OneKernel;

impl Lookup for OneKernel {
    fn kernel(&self, version: &KernelVersion) -> Result<(), String> {
        if version.as_str() == "6.1.0" { Ok(()) } else { Err(format!("there is no kernel {version}")) }
    }
    fn image(&self, name: &ImageName, _class: &str) -> Result<(), String> {
        Err(format!("there is no image {name}"))
    }
}

fn params() -> Vec<ParamSpec> {
    vec![
        ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, "").required(),
        ParamSpec::flag("size", ParamKind::Size { min: 100, max: 50_000, auto: true }, "").default("auto"),
        ParamSpec::flag("packages", ParamKind::Package, ""),
        ParamSpec::flag("kind", ParamKind::Choice { choices: vec!["STANDARD".into(), "CORE".into()] }, ""),
    ]
}

fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, Raw> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), Raw::Text((*v).to_owned()))).collect()
}

#[test]
fn good_values_become_what_the_module_gets() {
    let given = given(&[("kernel", "vmlinuz-6.1.0"), ("packages", "vim"), ("kind", "Type.core")]);
    let checked = check_arguments(&params(), given, &OneKernel).unwrap();
    assert_eq!(checked.need::<String>("kernel").unwrap(), "6.1.0");
    assert_eq!(checked.need::<Vec<String>>("packages").unwrap(), ["vim"]);
    assert_eq!(checked.need::<String>("kind").unwrap(), "CORE");
    assert_eq!(checked.need::<String>("size").unwrap(), "auto");
}

#[test]
fn texts_with_a_rule_and_nodes_are_checked_and_written_in_one_way() {
    let value = |kind: ParamKind, text: &str| parse_value(&ParamSpec::flag("x", kind, ""), text, &OneKernel);
    let mac = || ParamKind::matching("([0-9a-f]{2}:){5}[0-9a-f]{2}", "a MAC address");
    assert_eq!(value(mac(), "52:54:00:12:34:56"), Ok("52:54:00:12:34:56".into()));
    for wrong in ["52:54:00:12:34:56 ", "x52:54:00:12:34:56", "", "52:54\n"] {
        assert!(value(mac(), wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(value(mac(), "x").unwrap_err(), "\"x\" is not a MAC address");
    assert_eq!(value(ParamKind::NodeSet, "c2,c1,c3"), Ok("c[1-3]".into()));
    assert!(value(ParamKind::NodeSet, "c[1-").unwrap_err().starts_with("the node set is wrong"));
    assert!(value(ParamKind::Node, "c[1-2]").is_err() && value(ParamKind::Node, "c1").is_ok());
    assert!(value(ParamKind::matching("(", "x"), "x").unwrap_err().contains("is none"));
}

#[test]
fn a_good_name_of_nothing_is_not_found_and_a_bad_one_is_wrong_usage() {
    let kind = |text: &str| {
        let refusals = check_arguments(&params()[..1], given(&[("kernel", text)]), &OneKernel).unwrap_err();
        Refusal::error_of(&refusals).map(|error| error.kind)
    };
    assert_eq!(kind("9.9"), Some(ErrorKind::NOT_FOUND));
    assert_eq!(kind("../9"), Some(ErrorKind::USAGE));
    let two = [Refusal { not_found: true, ..Refusal::new("a", "x") }, Refusal::new("b", "y")];
    assert_eq!(Refusal::error_of(&two).map(|error| error.kind), Some(ErrorKind::USAGE));
    assert!(Refusal::error_of(&[]).is_none());
}

#[test]
fn rules_across_parameters_are_about_what_was_said() {
    let flag = |name: &str| ParamSpec::flag(name, ParamKind::Flag, "");
    let text = |name: &str| ParamSpec::flag(name, ParamKind::Text, "").default("x");
    let action = ActionSpec::change("do", "Do")
        .param(flag("per_node"))
        .param(text("client"))
        .param(text("key"))
        .excludes("per_node", "client")
        .requires("key", "client");
    let said =
        |pairs: &[(&str, &str)]| action.check(given(pairs), &OneKernel).map_err(|all| all[0].to_string());
    assert!(said(&[]).is_ok() && said(&[("per_node", "no"), ("client", "a")]).is_ok());
    assert_eq!(
        said(&[("per_node", "yes"), ("client", "a")]).unwrap_err(),
        "per_node: excludes client: give one of the two"
    );
    assert_eq!(said(&[("key", "a")]).unwrap_err(), "key: needs client, which is not given");
    assert_eq!(action.without("client").rules, [], "a rule about a parameter that is gone");
}

#[test]
fn every_fault_is_told_at_once() {
    let given = given(&[("size", "99M"), ("packages", "vim;id"), ("kind", "x"), ("colour", "red")]);
    let refusals = check_arguments(&params(), given, &OneKernel).unwrap_err();
    let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert_eq!(lines[0], "kernel: is missing");
    assert!(lines[1].starts_with("size: 99M is out of range"));
    assert!(lines[2].contains("';'"));
    assert_eq!(lines[3], "kind: \"x\" is none of: STANDARD, CORE");
    assert!(lines[4].starts_with("colour: is not a parameter here"));
}
