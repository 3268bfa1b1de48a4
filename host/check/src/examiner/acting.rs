//! Sends actors, and tells what became of each.

use std::time::Duration;

use camino::Utf8Path;

use super::{Examiner, MOST_ANSWER};
use crate::act::{Act, ActError, Answer, FaultKind, Step};
use crate::{CHILD, place, root_snapshot};

use disklessset_core::operation::unique;
use disklessset_core::system::atomic_file;
use disklessset_core::system::command::{CommandError, Ending, Isolation, Tool};

/// The program that runs now, wherever its file is by now.
const OURSELVES: &str = "/proc/self/exe";

/// How an actor is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunOptions {
    pub(crate) module: bool,
    pub(crate) die_at: u64,
    pub(crate) interrupted: bool,
    pub(crate) limit: Option<Duration>,
}

impl RunOptions {
    pub(crate) const PLAIN: Self = Self { module: true, die_at: 0, interrupted: false, limit: None };
}

/// What became of an actor.
#[derive(Debug)]
pub(crate) struct ActOutcome {
    /// How its process ended when it should not have.
    pub(crate) ended: Option<Exit>,
    pub(crate) answer: Answer,
    /// What it printed, which nobody but the host may.
    printed: Vec<String>,
    /// Processes that outlived it.
    left: Vec<String>,
}

/// An end that was not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Killed,
    Otherwise(String),
    TimedOut(String),
}

impl ActOutcome {
    /// What the action left in its process and beside it; for one that was killed only what is beside it.
    pub(crate) fn traces(&self) -> Vec<String> {
        let printed = self.printed.first().map(|line| format!("prints to the terminal: {line:?}"));
        let left = self.left.iter().map(|name| format!("leaves a process running: {name}"));
        printed.into_iter().chain(left).chain(self.answer.changes.iter().cloned()).collect()
    }

    /// How it failed, if it did.
    pub(crate) fn failure(&self) -> Option<ActError> {
        let fault = |text: String| ActError { kind: FaultKind::Failed, text };
        match &self.ended {
            None => self.answer.error.clone(),
            Some(Exit::Killed) => Some(fault("ended its process by signal 9".to_owned())),
            Some(Exit::Otherwise(how)) => Some(fault(format!("ended its process: {how}"))),
            Some(Exit::TimedOut(how)) => Some(fault(how.clone())),
        }
    }
}

impl Examiner<'_> {
    /// Sends an actor and waits for its end.
    pub(crate) fn act(&self, what: Step, how: RunOptions) -> ActOutcome {
        let name = unique();
        let act = Act {
            root: self.rooms.root(),
            modules: if how.module { self.rooms.modules() } else { self.rooms.without() },
            answer: self.rooms.drawer().join(format!("answer-{name}")),
            what,
            die_at: how.die_at,
            interrupted: how.interrupted,
        };
        let mut printed = Vec::new();
        let ended = match place::leave(&self.rooms, &format!("order-{name}"), &act) {
            Err(cause) => Some(Exit::Otherwise(cause)),
            Ok(order) => {
                let ended = self.send(&order, how, &mut printed);
                let _ = std::fs::remove_file(order);
                ended
            }
        };
        let answer = atomic_file::read_bounded(&act.answer, MOST_ANSWER).ok();
        let answer: Option<Answer> = answer.and_then(|text| serde_json::from_slice(&text).ok());
        let _ = std::fs::remove_file(&act.answer);
        let silent = || Exit::Otherwise("it ended well, and without a word".to_owned());
        let ended = ended.or_else(|| answer.is_none().then(silent));
        ActOutcome {
            ended,
            answer: answer.unwrap_or_default(),
            printed,
            left: root_snapshot::left_processes(),
        }
    }

    fn send(&self, order: &Utf8Path, how: RunOptions, printed: &mut Vec<String>) -> Option<Exit> {
        let mut hear = |line: &str| printed.push(line.to_owned());
        let limit = how.limit.unwrap_or(self.limit);
        let actor = Tool::new(OURSELVES).args([CHILD, "act", order.as_str(), self.base.as_str()]);
        let actor = actor.isolation(Isolation::None).time_limit(limit).on_line(&mut hear);
        match actor.run() {
            Ok(_) => None,
            Err(CommandError::Failed { ending: Ending::Signal(9), .. }) => Some(Exit::Killed),
            Err(CommandError::Failed { ending, .. }) => Some(Exit::Otherwise(ending.to_string())),
            Err(CommandError::TimedOut { .. }) => {
                Some(Exit::TimedOut(format!("was not done after {} s", limit.as_secs())))
            }
            Err(other) => {
                Some(Exit::Otherwise(other.to_string().lines().next().unwrap_or_default().to_owned()))
            }
        }
    }
}
