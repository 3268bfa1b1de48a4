//! The actions of a class that is built on others: its own, and those of its bases as it has them.

use disklessset_plugin_api::messages::{StepRequest, steps};
use disklessset_plugin_api::{ActionSpec, Attributes, Error, ErrorKind, Role};
use serde_json::{Value, json};

use super::action_rules;
use super::description::Action;
use super::registry::ChainLink;
use super::session::HostService;

/// An action of a class.
#[derive(Debug, Clone)]
pub(super) struct ClassAction {
    /// The class that declares it, or has refined it last.
    pub(super) declared_by: String,
    pub(super) action: Action,
}

/// No services: declaring actions depends on nothing but the class.
struct Nothing;

impl HostService for Nothing {
    fn call(&self, service: &str, _request: &str) -> Result<String, Error> {
        Err(Error::new(ErrorKind::UNSUPPORTED, format!("no service {service} while actions are declared")))
    }
}

/// The actions of the first class of a chain. Loads the modules of the chain.
///
/// # Errors
/// When one of them cannot be loaded.
pub(super) fn actions_along(chain: &[ChainLink<'_>]) -> Result<Vec<ClassAction>, Error> {
    let mut all: Vec<ClassAction> = Vec::new();
    for link in chain.iter().rev() {
        let described = link.module.load()?.description().class(link.class);
        let own = described.map(|class| class.actions.as_slice()).unwrap_or_default();
        all.retain(|inherited| !own.iter().any(|own| takes_the_place(own, &inherited.action)));
        let inherited = refined(link, all)?;
        let own = own
            .iter()
            .map(|action| ClassAction { declared_by: link.class.to_owned(), action: action.clone() });
        all = own.chain(inherited).collect();
    }
    Ok(all)
}

/// Whether an action of a class is instead of one of its base.
fn takes_the_place(own: &Action, inherited: &Action) -> bool {
    let creates = |action: &Action| action.disabled.is_none() && action.spec.role == Role::Create;
    creates(own) && creates(inherited) || action_rules::clash(&own.spec.words, &inherited.spec.words)
}

/// The inherited actions as a class has them. Whatever is wrong with its answer disables what it was asked about, with the reason.
fn refined(link: &ChainLink<'_>, inherited: Vec<ClassAction>) -> Result<Vec<ClassAction>, Error> {
    let asked: Vec<&ActionSpec> = usable(&inherited).map(|inherited| &inherited.action.spec).collect();
    if asked.is_empty() {
        return Ok(inherited);
    }
    let request = StepRequest {
        attrs: Attributes::from([("actions".to_owned(), json!(asked))]),
        ..StepRequest::new(link.class, steps::REFINE)
    };
    let count = asked.len();
    let answers = match link.module.load()?.call(request, &Nothing) {
        Ok(reply) => listed(reply.value, count),
        // A class that has nothing to say about them.
        Err(error) if error.kind == ErrorKind::NOT_DEFINED => return Ok(inherited),
        Err(error) => vec![Err(error.causes.first().unwrap_or(&error.message).clone()); count],
    };
    Ok(combined(link.class, inherited, answers))
}

/// The inherited actions after the answers of a class, one for each that can be used.
fn combined(
    class: &str,
    inherited: Vec<ClassAction>,
    answers: Vec<Result<Option<ActionSpec>, String>>,
) -> Vec<ClassAction> {
    let mut answers = answers.into_iter();
    let mut combined = Vec::new();
    for mut own in inherited {
        if own.action.disabled.is_some() {
            combined.push(own);
            continue;
        }
        let answer = answers.next().unwrap_or_else(|| Err("it was left out".to_owned()));
        let judged = answer.and_then(|spec| match spec {
            Some(spec) if spec != own.action.spec => {
                broken_rule(&own.action.spec, &spec).map_or(Ok(Some(spec)), Err)
            }
            same => Ok(same),
        });
        match judged {
            Ok(None) => continue,
            Ok(Some(spec)) if spec == own.action.spec => {}
            Ok(Some(spec)) => {
                own.action.spec = spec;
                class.clone_into(&mut own.declared_by);
            }
            // A command that cannot be used is found under the words it had.
            Err(why) => own.action.disabled = Some(format!("class {class} cannot refine it: {why}")),
        }
        combined.push(own);
    }
    combined
}

fn usable(inherited: &[ClassAction]) -> impl Iterator<Item = &ClassAction> {
    inherited.iter().filter(|inherited| inherited.action.disabled.is_none())
}

/// The answers, one for each action that was asked about.
fn listed(value: Value, count: usize) -> Vec<Result<Option<ActionSpec>, String>> {
    match value {
        Value::Array(answers) if answers.len() == count => {
            let read = |answer| serde_json::from_value(answer).map_err(|cause| cause.to_string());
            answers.into_iter().map(read).collect()
        }
        _ => vec![Err("its answer is no list of as many actions".to_owned()); count],
    }
}

/// The first rule that a refined action breaks.
fn broken_rule(base: &ActionSpec, refined: &ActionSpec) -> Option<String> {
    if base.role != refined.role {
        return Some("what it is to an image cannot be another".to_owned());
    }
    // The base, which may be the one to run it, knows it by its words.
    if base.words != refined.words && base.role != Role::Create {
        return Some("only a creation may get other words".to_owned());
    }
    action_rules::broken_rule(refined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::{ParamKind, ParamSpec};

    fn base() -> Vec<ClassAction> {
        let text = ParamSpec::flag("text", ParamKind::Text, "The text");
        [ActionSpec::create("Create it").param(text), ActionSpec::change("paint", "Paint it")]
            .map(|spec| ClassAction {
                declared_by: "Base".to_owned(),
                action: Action { spec, disabled: None },
            })
            .to_vec()
    }

    fn of(answers: Vec<Result<Option<ActionSpec>, String>>) -> Vec<(String, String, Option<String>)> {
        let combined = combined("Derived", base(), answers).into_iter();
        combined.map(|own| (own.action.spec.words, own.declared_by, own.action.disabled)).collect()
    }

    fn answer(
        at: usize,
        refine: impl FnOnce(ActionSpec) -> ActionSpec,
    ) -> Result<Option<ActionSpec>, String> {
        Ok(Some(refine(base().remove(at).action.spec)))
    }

    #[test]
    fn what_is_refined_is_the_class_s_and_what_it_does_not_have_is_gone() {
        let refined = answer(0, |create| create.words("raise").without("text"));
        let all = combined("Derived", base(), vec![refined, Ok(None)]);
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].declared_by.as_str(), all[0].action.spec.words.as_str()), ("Derived", "raise"));
        assert_eq!(all[0].action.spec.params, []);
        let same = of(vec![answer(0, |same| same), answer(1, |same| same)]);
        assert_eq!(same[0], ("create".to_owned(), "Base".to_owned(), None));
    }

    #[test]
    fn a_wrong_answer_disables_what_it_is_about_and_nothing_else() {
        let text = || ParamSpec::flag("name", ParamKind::Text, "Taken");
        for (answer, why) in [
            (answer(1, |paint| paint.words("draw")), "only a creation may get other words"),
            (answer(1, |paint| paint.with("colur", |colour| colour)), "it has no parameter colur to refine"),
            (
                answer(1, |_| ActionSpec::read("paint", "Look at it")),
                "what it is to an image cannot be another",
            ),
            (answer(1, |paint| paint.param(text())), "has a name that belongs to disklessset itself"),
            (Err("panic at src/lib.rs:7: no".to_owned()), "panic at src/lib.rs:7: no"),
        ] {
            let all = of(vec![self::answer(0, |same| same), answer]);
            assert_eq!(all[0].2, None);
            let disabled = all[1].2.clone().unwrap_or_default();
            assert!(
                disabled.starts_with("class Derived cannot refine it: ") && disabled.ends_with(why),
                "{disabled}"
            );
            assert_eq!(all[1].0, "paint");
        }
        assert!(listed(json!([null]), 2).iter().all(Result::is_err));
        assert!(listed(json!([{ "words": 7 }, null]), 2)[0].is_err());
        assert!(of(Vec::new()).iter().all(|own| own.2.is_some()), "an answer that is not there");
    }

    #[test]
    fn an_own_creation_is_instead_of_the_base_s_whatever_its_words_are() {
        let action = |spec| Action { spec, disabled: None };
        let create = |words: &str| action(ActionSpec::create("Create it").words(words));
        assert!(takes_the_place(&create("raise"), &create("create")));
        assert!(takes_the_place(
            &action(ActionSpec::read("paint", "x")),
            &action(ActionSpec::change("paint", "x"))
        ));
        assert!(!takes_the_place(&action(ActionSpec::read("tell", "x")), &create("create")));
        let disabled = Action { disabled: Some("x".to_owned()), ..create("raise") };
        assert!(!takes_the_place(&disabled, &create("create")));
    }
}
