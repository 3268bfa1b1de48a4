//! The rules that a declaration of a source of OS trees must keep, so that every action which takes a source can have its parameters.

use disklessset_plugin_api::{ActionSpec, ParamKind, ParamSpec, Placement, SourceDescription};

use super::action_rules;

/// The first rule that a source breaks.
pub(super) fn broken_rule(source: &SourceDescription) -> Option<String> {
    let spec = &source.spec;
    if spec.help.chars().any(char::is_control) {
        return Some("a control character in its help".to_owned());
    }
    if spec.needs.iter().any(|tool| tool.is_empty() || tool.contains(|c: char| c.is_control() || c == '/')) {
        return Some("a program that it needs has no good name".to_owned());
    }
    let own = |name: &String| spec.params.iter().any(|param| param.name == *name);
    if let Some((name, _)) = spec.refuses.iter().find(|(name, _)| !own(name)) {
        return Some(format!("it refuses a value of {name:?}, which is no parameter of it"));
    }
    // As they are, for what is said of them, and as actions have them.
    let alone = |params: Vec<ParamSpec>| params.into_iter().fold(ActionSpec::create("x"), ActionSpec::param);
    spec.params
        .iter()
        .find_map(of_one)
        .or_else(|| action_rules::broken_rule(&alone(spec.params.clone())))
        .or_else(|| action_rules::broken_rule(&alone(source.params("source"))))
}

fn of_one(param: &ParamSpec) -> Option<String> {
    let rule = match param.kind {
        _ if param.placement != Placement::Flag => "must be a flag",
        _ if param.only_for.is_some() => "must not depend on another one",
        ParamKind::Source
        | ParamKind::Kernel { .. }
        | ParamKind::KernelAlone { .. }
        | ParamKind::Image { .. }
        | ParamKind::Command => "is of a kind that only classes have",
        _ => return None,
    };
    Some(format!("parameter {:?} {rule}", param.name.chars().take(40).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::SourceSpec;

    fn rule(spec: SourceSpec) -> String {
        broken_rule(&SourceDescription { name: "zypper".to_owned(), spec }).unwrap_or_default()
    }

    #[test]
    fn each_broken_rule_is_named() {
        let text = |name: &str| ParamSpec::flag(name, ParamKind::Text, "x");
        let with = |param: ParamSpec| SourceSpec::new("x").param(param);
        assert_eq!(rule(with(text("repository").required()).needs("zypper")), "");
        for (spec, reason) in [
            (SourceSpec::new("\u{1b}[2J"), "control character in its help"),
            (SourceSpec::new("x").needs("/bin/sh"), "has no good name"),
            (SourceSpec::new("x").refuses("a", "b"), "no parameter of it"),
            (with(ParamSpec::position("a", ParamKind::Text, "x")), "must be a flag"),
            (with(text("a").only_for("b", "c")), "must not depend"),
            (with(ParamSpec::flag("k", ParamKind::Kernel { from_image: false }, "x")), "only classes have"),
            (with(text("Bad")), "must be named with"),
            (with(text("a")).param(text("a")), "is there twice"),
        ] {
            let found = rule(spec);
            assert!(found.contains(reason), "{reason}: {found:?}");
        }
    }
}
