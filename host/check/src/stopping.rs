//! Asked to stop before it begins, an action ends soon: how it is asked, and how its answer is judged.

use std::time::Duration;

use super::act::FaultKind;
use super::examiner::{ActOutcome, Exit, RunOptions};
use disklessset_core::modules::check::Outcome;

/// What findings about it are named.
pub(super) const SUBJECT: &str = "stop when asked";
/// How long an action may go on when a stop was asked for before it began.
const OBEYS_WITHIN: Duration = Duration::from_secs(5);
/// How an actor is sent to try it.
pub(super) const ASKED: RunOptions =
    RunOptions { interrupted: true, limit: Some(OBEYS_WITHIN), ..RunOptions::PLAIN };

/// Whether an action obeyed, and a sentence about it; `made` is what it should not have made, such as `the
/// image`.
pub(super) fn verdict(outcome: &ActOutcome, made: &str) -> (Outcome, String) {
    match (&outcome.ended, outcome.failure()) {
        (Some(Exit::TimedOut(_)), _) => {
            let seconds = OBEYS_WITHIN.as_secs();
            (Outcome::Bad, format!("goes on for more than {seconds} s after a stop was asked for"))
        }
        (None, Some(fault)) if fault.kind == FaultKind::Interrupted => {
            (Outcome::Good, format!("obeyed within {} ms", outcome.answer.milliseconds))
        }
        (_, Some(fault)) => (Outcome::Bad, fault.text),
        (_, None) => (Outcome::Bad, format!("{made} was made all the same")),
    }
}
