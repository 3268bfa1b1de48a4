//! The run of the examiner: the sources of a module, and its classes in an order in which each finds what it needs.

use std::collections::BTreeMap;

use camino::Utf8Path;
use disklessset_plugin_api::{ActionSpec, Role};
use nix::sys::prctl;

use super::Order;
use super::act::Step;
use super::class::Class;
use super::examiner::{Examiner, MOST_ANSWER, RunOptions};
use super::source::Source;

use disklessset_core::modules::check::{Finding, Outcome};
use disklessset_core::modules::{ModuleEntry, ModuleRegistry, ModuleState};
use disklessset_core::system::{atomic_file, interrupt};

/// The examiner's whole life.
///
/// # Errors
/// Why it could not begin, in one line.
pub fn examine(order: &Utf8Path, emit: &dyn Fn(&Finding)) -> Result<(), String> {
    let text = atomic_file::read_bounded(order, MOST_ANSWER).map_err(|error| error.to_string())?;
    let order: Order = serde_json::from_slice(&text).map_err(|cause| cause.to_string())?;
    interrupt::install().map_err(|cause| cause.to_string())?;
    // What outlives an actor becomes our child.
    prctl::set_child_subreaper(true).map_err(|cause| cause.to_string())?;
    let module = order.module.clone();
    let examiner = Examiner::new(order, emit)?;
    exercise(&examiner, &module);
    Ok(())
}

/// Exercises the sources, and one class after the other: those that need images of others after these.
fn exercise(examiner: &Examiner<'_>, module: &str) {
    let registry = examiner.modules();
    let Some(entry) = registry.module(module) else {
        return examiner.say(
            "classes",
            Outcome::Bad,
            format!("module {module} is not listed where it was put"),
        );
    };
    if entry.state != ModuleState::Ready {
        let reason = entry.reason.clone().unwrap_or_default();
        let outcome = match entry.state {
            ModuleState::Waiting => Outcome::NotExercised,
            _ => Outcome::Bad,
        };
        return examiner.say("classes", outcome, reason);
    }
    let mut open: Vec<Class<'_>> = Vec::new();
    for class in &entry.classes {
        open.extend(described(examiner, class.name.as_str(), &registry));
    }
    for source in &entry.sources {
        if interrupt::check().is_err() {
            return;
        }
        if let Some(source) = Source::described(examiner, source.as_str()) {
            source.exercise();
        }
    }
    let mut stock: BTreeMap<String, String> = BTreeMap::new();
    while !open.is_empty() {
        let ready = open.iter().position(|class| class.lacks(&stock).is_none());
        let class = open.remove(ready.unwrap_or(0));
        let subject = format!("contract of {}", class.name);
        match class.lacks(&stock) {
            // Nobody has tried it: that is no pass.
            Some(lacking) => {
                examiner.say(&subject, Outcome::Bad, format!("no image of it can be made: it {lacking}"));
            }
            None if interrupt::check().is_err() => return,
            None => {
                let wanted = open.iter().any(|other| other.wants(&class.name));
                if let Some(image) = class.exercise(&stock, wanted) {
                    stock.insert(class.name.clone(), image);
                }
            }
        }
    }
}

fn described<'e>(examiner: &'e Examiner<'e>, class: &str, registry: &ModuleRegistry) -> Option<Class<'e>> {
    let subject = format!("contract of {class}");
    let outcome = examiner.act(Step::Describe { class: class.to_owned() }, RunOptions::PLAIN);
    for trace in outcome.traces() {
        examiner.say(&format!("description of {class}"), Outcome::Bad, trace);
    }
    if let Some(fault) = outcome.failure() {
        examiner.say(&subject, Outcome::Bad, fault.text);
        return None;
    }
    for (words, reason) in &outcome.answer.left_out {
        examiner.say(&format!("action {words} of {class}"), Outcome::Bad, format!("not offered: {reason}"));
    }
    // The source is of another module, whose author may be the one to mend it.
    for sentence in &outcome.answer.sources_left_out {
        examiner.say(&subject, Outcome::Warning, sentence.clone());
    }
    let actions: Vec<ActionSpec> = outcome.answer.actions;
    let Some(creation) = actions.iter().find(|action| action.role == Role::Create).cloned() else {
        let (outcome, text) = without_creation(class, registry);
        examiner.say(&subject, outcome, text);
        return None;
    };
    Some(Class { examiner, name: class.to_owned(), creation, actions })
}

/// What is said of a class that creates no images by itself: others may be built on it, and these are tried.
fn without_creation(class: &str, registry: &ModuleRegistry) -> (Outcome, String) {
    let of_module = |module: &ModuleEntry| {
        let noted = module.classes.iter();
        let built = noted.filter(|noted| noted.base.as_ref().is_some_and(|base| base.class == class));
        built.map(|noted| format!("{} of module {}", noted.name, module.name)).collect::<Vec<_>>()
    };
    let built: Vec<String> = registry.ready().flat_map(of_module).collect();
    match built.is_empty() {
        true => {
            let text = "it can create no image, and no class here is built on it: its actions need an \
                ActionSpec::create";
            (Outcome::Bad, text.to_owned())
        }
        false => {
            let text =
                format!("it creates no images by itself: check what is built on it, {}", built.join(", "));
            (Outcome::NotExercised, text)
        }
    }
}
