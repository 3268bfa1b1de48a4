//! One source of OS trees: asked what it is, what it takes and what it refuses, and for a tree.

use std::collections::BTreeMap;

use disklessset_plugin_api::{ActionSpec, SourceDescription};

use super::Value;
use super::act::{ActError, FaultKind, Step};
use super::examiner::{ActOutcome, Examiner, RunOptions};
use super::root_snapshot::RootSnapshot;
use super::stopping;
use super::values;
use disklessset_core::modules::check::Outcome;

/// A source that has told what it is.
pub(super) struct Source<'e> {
    examiner: &'e Examiner<'e>,
    description: SourceDescription,
}

impl<'e> Source<'e> {
    /// Asks for its description.
    pub(super) fn described(examiner: &'e Examiner<'e>, name: &str) -> Option<Self> {
        let outcome = examiner.act(Step::DescribeSource { source: name.to_owned() }, RunOptions::PLAIN);
        let subject = format!("contract of source {name}");
        for trace in outcome.traces() {
            examiner.say(&subject, Outcome::Bad, trace);
        }
        for sentence in &outcome.answer.sources_left_out {
            examiner.say(&subject, Outcome::Bad, sentence.clone());
        }
        match (outcome.failure(), outcome.answer.source) {
            (None, Some(description)) => Some(Self { examiner, description }),
            (fault, _) => {
                let text = fault.map_or_else(|| "it does not tell what it is".to_owned(), |fault| fault.text);
                examiner.say(&subject, Outcome::Bad, text);
                None
            }
        }
    }

    /// Asks it for everything, each in a process of its own.
    pub(super) fn exercise(&self) {
        let mut params = self.description.params("source");
        params.iter_mut().for_each(|param| param.only_for = None);
        let action = params.into_iter().fold(ActionSpec::create("x"), ActionSpec::param);
        let given = match values::of(&action, &self.examiner.given, &|_| None) {
            Ok(given) => given,
            // Nobody has tried it: that is no pass.
            Err(missing) => {
                return self.say("contract", Outcome::Bad, format!("no tree can be made: it {missing}"));
            }
        };
        let before = self.examiner.save();
        if self.takes(&given, &before) {
            self.refuses_what_it_says(&given, &before);
            self.builds(&given, &before);
            self.stops_when_asked(&given, &before);
        }
        self.examiner.forget();
    }

    fn say(&self, what: &str, outcome: Outcome, text: impl Into<String>) {
        self.examiner.say(&format!("{what} of source {}", self.description.name), outcome, text);
    }

    fn check(&self, given: BTreeMap<String, Value>) -> ActOutcome {
        self.examiner
            .act(Step::CheckSource { source: self.description.name.clone(), given }, RunOptions::PLAIN)
    }

    /// Whether it takes good arguments, and changes nothing while it looks.
    fn takes(&self, given: &BTreeMap<String, Value>, before: &RootSnapshot) -> bool {
        let outcome = self.check(given.clone());
        let clean = self.left_nothing("check", &outcome, before);
        match outcome.failure() {
            None if clean => self.say("check", Outcome::Good, "takes these values, and changes nothing"),
            None => {}
            Some(fault) => self.say("check", Outcome::Bad, self.told(fault)),
        }
        outcome.failure().is_none()
    }

    /// Whether it refuses what it says that it refuses.
    fn refuses_what_it_says(&self, given: &BTreeMap<String, Value>, before: &RootSnapshot) {
        let wrong = &self.description.spec.refuses;
        if wrong.is_empty() {
            let text = "it names no value that it refuses (SourceSpec::refuses)";
            return self.say("wrong values", Outcome::NotExercised, text);
        }
        for (parameter, value) in wrong {
            let repeated = self.description.spec.params.iter().any(|p| p.name == *parameter && p.repeated);
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = if repeated { Value::List(vec![text.clone()]) } else { Value::Text(text.clone()) };
            let mut given = given.clone();
            given.insert(self.description.parameter(parameter), value);
            let outcome = self.check(given);
            let clean = self.left_nothing("wrong values", &outcome, before);
            match outcome.failure() {
                Some(ActError { kind: FaultKind::Usage | FaultKind::Refused, .. }) if clean => {
                    self.say("wrong values", Outcome::Good, format!("{parameter} {text:?} is refused"));
                }
                Some(ActError { kind: FaultKind::Usage | FaultKind::Refused, .. }) => {}
                Some(fault) => self.say("wrong values", Outcome::Bad, fault.text),
                None => {
                    let said = format!("takes {text:?} for {parameter}, which it says that it refuses");
                    self.say("wrong values", Outcome::Bad, said);
                }
            }
        }
    }

    fn build(&self, given: &BTreeMap<String, Value>, how: RunOptions) -> ActOutcome {
        let (source, given) = (self.description.name.clone(), given.clone());
        self.examiner.act(Step::BuildSource { source, given }, how)
    }

    fn builds(&self, given: &BTreeMap<String, Value>, before: &RootSnapshot) {
        let outcome = self.build(given, RunOptions::PLAIN);
        let clean = self.left_nothing("tree", &outcome, before);
        match outcome.failure() {
            None if clean => {
                self.say("tree", Outcome::Good, format!("made in {} ms", outcome.answer.milliseconds));
            }
            None => {}
            Some(fault) if fault.kind == FaultKind::Failed && self.examiner.is_unprivileged() => {
                let text = format!("it failed, perhaps for want of root: {}", fault.text);
                self.say("tree", Outcome::NotExercised, text);
            }
            Some(fault) => self.say("tree", Outcome::Bad, self.told(fault)),
        }
    }

    /// Asked to stop before it begins: it ends soon.
    fn stops_when_asked(&self, given: &BTreeMap<String, Value>, before: &RootSnapshot) {
        let outcome = self.build(given, stopping::ASKED);
        self.left_nothing(stopping::SUBJECT, &outcome, before);
        let (judged, text) = stopping::verdict(&outcome, "the tree");
        self.say(stopping::SUBJECT, judged, text);
    }

    /// Says what an actor left behind beside the tree, which is taken away.
    fn left_nothing(&self, what: &str, outcome: &ActOutcome, before: &RootSnapshot) -> bool {
        let traces = outcome.traces();
        for trace in &traces {
            self.say(what, Outcome::Bad, trace.clone());
        }
        // What cannot be removed is a difference.
        let _ = std::fs::remove_dir_all(super::act::trial_directory(&self.examiner.layout));
        match before.difference(&self.examiner.world()) {
            None => traces.is_empty(),
            Some(difference) => {
                self.say(what, Outcome::Bad, format!("it leaves something beside the tree: {difference}"));
                self.examiner.restore(before);
                false
            }
        }
    }

    fn told(&self, fault: ActError) -> String {
        match fault.kind {
            FaultKind::Panicked => format!("panics: {}", fault.text),
            FaultKind::Usage | FaultKind::Refused => {
                format!("it refuses these values: {}; give others: --set NAME=VALUE", fault.text)
            }
            FaultKind::Failed | FaultKind::Interrupted => fault.text,
        }
    }
}
