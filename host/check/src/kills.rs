//! Kill and clean: an action ends suddenly at each moment of its journal, and cleaning leaves nothing, with the module and
//! without it.

use std::collections::BTreeMap;

use disklessset_plugin_api::{ActionSpec, Role};

use super::act::{FaultKind, Step};
use super::class::{Class, SECOND, unsafe_to_try};
use super::examiner::{Exit, RunOptions};
use super::root_snapshot::RootSnapshot;
use super::{Value, values};
use disklessset_core::modules::check::Outcome;
use disklessset_core::system::interrupt;

/// The first moment at which anything can have happened.
const FIRST: u64 = 2;
/// The image that a clone is made of.
const SOURCE: &str = "check-s";

/// All actions of a class, killed.
pub(super) struct Kills<'k> {
    pub(super) class: &'k Class<'k>,
    pub(super) stock: &'k BTreeMap<String, String>,
    pub(super) values: &'k BTreeMap<String, Value>,
    pub(super) before: &'k RootSnapshot,
}

/// What an action leaves when it has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    Make,
    Change,
    Remove,
}

/// What a sudden end and its cleaning came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Round {
    /// The action had ended before.
    NotReached,
    Clean,
}

impl Kills<'_> {
    pub(super) fn all(&self) {
        self.one("create", &self.class.creation_of(SECOND, self.values), Does::Make, self.before);
        self.clones();
        let set = Step::SetKernel { name: SECOND.to_owned(), version: values::OTHER_KERNEL.to_owned() };
        self.one("set kernel", &set, Does::Change, self.before);
        let change = |action: &&ActionSpec| action.role == Role::Change && unsafe_to_try(action).is_none();
        for action in self.class.actions.iter().filter(change) {
            // What lacks values was said before.
            if let Ok(given) = self.class.values_of(action, self.stock) {
                let what = self.class.action_of(action, given);
                self.one(&format!("action {}", action.words), &what, Does::Change, self.before);
            }
        }
        self.one("remove", &Step::Remove { name: SECOND.to_owned() }, Does::Remove, self.before);
    }

    fn clones(&self) {
        if !self.done(self.class.creation_of(SOURCE, self.values)) {
            return;
        }
        let with_source = self.class.examiner.save();
        let clone = Step::Clone { from: SOURCE.to_owned(), name: SECOND.to_owned() };
        self.one("clone", &clone, Does::Make, &with_source);
        if !self.done(Step::Remove { name: SOURCE.to_owned() }) || self.differs(self.before).is_some() {
            self.class.examiner.restore(self.before);
        }
    }

    /// Kills one action at all its moments.
    fn one(&self, name: &str, what: &Step, does: Does, absent: &RootSnapshot) {
        let subject = format!("kill and clean: {name}");
        let moments = match self.moments(what, does, absent) {
            Ok(moments) => moments,
            Err(why) => return self.class.say(&subject, Outcome::NotExercised, why),
        };
        let mut tried = 0;
        for moment in FIRST..=moments {
            if interrupt::check().is_err() {
                return;
            }
            // Before and after a line, with the module and without it: all four come in turns.
            let module = (moment / 2 + moment) % 2 == 0;
            match self.round(what, does, absent, moment, module) {
                Ok(Round::NotReached) => {}
                Ok(Round::Clean) => tried += 1,
                Err(fault) => {
                    let cleaned = if module { "with" } else { "without" };
                    let text = format!(
                        "killed at step {moment} of {moments} and cleaned {cleaned} the module: {fault}"
                    );
                    self.class.say(&subject, Outcome::Bad, text);
                    return self.class.examiner.restore(absent);
                }
            }
        }
        if let Err(fault) = self.gone(absent) {
            self.class.say(&subject, Outcome::Bad, fault);
            return self.class.examiner.restore(absent);
        }
        let text =
            format!("killed at {tried} steps and cleaned, with the module and without: nothing is left");
        self.class.say(&subject, Outcome::Good, text);
    }

    /// How many moments the action has, from a run to its end.
    fn moments(&self, what: &Step, does: Does, absent: &RootSnapshot) -> Result<u64, String> {
        if does != Does::Make && !self.is_there()? {
            return Err("no image could be made".to_owned());
        }
        let outcome = self.class.examiner.act(what.clone(), RunOptions::PLAIN);
        let moments = outcome.answer.moments;
        let failure = outcome.failure();
        self.gone(absent).or_else(|_| {
            // Said where the action itself is looked at.
            self.class.examiner.restore(absent);
            Ok::<(), String>(())
        })?;
        match failure {
            None => Ok(moments),
            Some(fault) => Err(format!("on an image that was just made it does not succeed: {}", fault.text)),
        }
    }

    /// One sudden end and its cleaning.
    fn round(
        &self,
        what: &Step,
        does: Does,
        absent: &RootSnapshot,
        moment: u64,
        module: bool,
    ) -> Result<Round, String> {
        if does != Does::Make && !self.is_there()? {
            return Err("the image cannot be made again".to_owned());
        }
        let examiner = self.class.examiner;
        let killed = examiner.act(what.clone(), RunOptions { die_at: moment, ..RunOptions::PLAIN });
        match (&killed.ended, killed.failure()) {
            (Some(Exit::Killed), _) => {}
            // An action that another has prepared differently has fewer moments.
            (None, None) => return self.gone(absent).map(|()| Round::NotReached),
            (None, Some(fault)) if matches!(fault.kind, FaultKind::Refused | FaultKind::Usage) => {
                return self.gone(absent).map(|()| Round::NotReached);
            }
            (_, Some(fault)) => return Err(fault.text),
            (Some(_), None) => return Err("it ended in a way nobody understands".to_owned()),
        }
        if let Some(trace) = killed.traces().first() {
            return Err(format!("it {trace}"));
        }
        let cleaned = examiner.act(Step::Clean, RunOptions { module, ..RunOptions::PLAIN });
        if let Some(fault) = cleaned.failure() {
            return Err(fault.text);
        }
        let complaint = |text: &&String| module && text.contains("could not clean");
        if let Some(complaint) = cleaned.answer.warnings.iter().find(complaint) {
            return Err(complaint.clone());
        }
        let mut look = examiner.act(Step::Look { name: SECOND.to_owned() }, RunOptions::PLAIN);
        if !module && look.answer.seen.as_ref().is_some_and(|seen| seen.problem.is_some()) {
            // In service, with something about it that only its class can recover, now that its module is back.
            let again = examiner.act(Step::Clean, RunOptions::PLAIN);
            if let Some(fault) = again.failure() {
                return Err(fault.text);
            }
            look = examiner.act(Step::Look { name: SECOND.to_owned() }, RunOptions::PLAIN);
        }
        match (look.failure(), look.answer.seen) {
            (Some(fault), _) => Err(fault.text),
            (None, None) if does == Does::Change => Err("the image is gone".to_owned()),
            (None, None) => match self.differs(absent) {
                None => Ok(Round::Clean),
                Some(difference) => Err(difference),
            },
            (None, Some(seen)) => match seen.problem {
                Some(problem) => Err(format!("the image {problem}")),
                None if does == Does::Make => self.gone(absent).map(|()| Round::Clean),
                None => Ok(Round::Clean),
            },
        }
    }

    fn is_there(&self) -> Result<bool, String> {
        let look = self.class.examiner.act(Step::Look { name: SECOND.to_owned() }, RunOptions::PLAIN);
        match (look.failure(), look.answer.seen) {
            (Some(fault), _) => Err(fault.text),
            (None, Some(_)) => Ok(true),
            (None, None) => Ok(self.done(self.class.creation_of(SECOND, self.values))),
        }
    }

    /// Removes the image, if it is there, and compares.
    fn gone(&self, absent: &RootSnapshot) -> Result<(), String> {
        let look = self.class.examiner.act(Step::Look { name: SECOND.to_owned() }, RunOptions::PLAIN);
        if look.answer.seen.is_some() {
            let examiner = self.class.examiner;
            let mut removed = examiner.act(Step::Remove { name: SECOND.to_owned() }, RunOptions::PLAIN);
            if removed.failure().is_some_and(|fault| fault.kind == FaultKind::Refused) {
                // It is in use, mounted to be edited: how that is ended only its users know.
                removed = examiner.act(Step::Clear { name: SECOND.to_owned() }, RunOptions::PLAIN);
            }
            if let Some(fault) = removed.failure() {
                return Err(format!("the image cannot be removed afterwards: {}", fault.text));
            }
        }
        self.differs(absent).map_or(Ok(()), |difference| Err(format!("the image removed, {difference}")))
    }

    fn done(&self, what: Step) -> bool {
        self.class.examiner.act(what, RunOptions::PLAIN).failure().is_none()
    }

    fn differs(&self, wanted: &RootSnapshot) -> Option<String> {
        wanted.difference(&self.class.examiner.world())
    }
}
