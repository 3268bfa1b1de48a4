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

/// Why an action that takes a source cannot offer this one of `sources`: a parameter of the source would
/// have the name or flag of a parameter that the action has itself.
pub(super) fn clash(
    action: &ActionSpec,
    source: &SourceDescription,
    sources: &[SourceDescription],
) -> Option<String> {
    let takes = action.params.iter().find(|param| param.kind == ParamKind::Source)?;
    let offered = |param: &&ParamSpec| {
        let only_for = param.only_for.as_ref().filter(|(of, _)| *of == takes.name);
        only_for.is_some_and(|(_, word)| sources.iter().any(|other| other.name == *word))
    };
    let own: Vec<&ParamSpec> = action.params.iter().filter(|param| !offered(param)).collect();
    let taken = |new: &ParamSpec| own.iter().any(|known| known.name == new.name || known.flag == new.flag);
    let at = source.params(&takes.name).iter().position(taken)?;
    let (declared, named) =
        (source.spec.params.get(at)?, source.parameter(&source.spec.params.get(at)?.name));
    Some(format!("its parameter {} would be {named}, which the action has itself", declared.name))
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
    fn clash_is_with_what_the_action_has_itself_alone() {
        let text = |name: &str| ParamSpec::flag(name, ParamKind::Text, "x");
        let spec = SourceSpec::new("x").param(text("repository"));
        let sources = [SourceDescription { name: "zypper".to_owned(), spec }];
        let creation = ActionSpec::create("x").param(ParamSpec::flag("source", ParamKind::Source, "x"));
        assert_eq!(clash(&creation, &sources[0], &sources), None);
        let mut offered = creation.clone();
        offered.offer_sources(&sources);
        assert_eq!(offered.params.len(), 2);
        assert_eq!(clash(&offered, &sources[0], &sources), None, "its own are there by now");
        let sentence = "its parameter repository would be zypper_repository, which the action has itself";
        for own in [text("zypper_repository"), text("x").as_flag("zypper-repository")] {
            let mut action = creation.clone().param(own);
            assert_eq!(clash(&action, &sources[0], &sources).as_deref(), Some(sentence));
            let before = action.clone();
            action.offer_sources(&sources);
            assert_eq!(action, before, "it is left out");
        }
        assert_eq!(
            clash(&ActionSpec::create("x").param(text("zypper_repository")), &sources[0], &sources),
            None
        );
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
