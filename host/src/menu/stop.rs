//! Why a page of the menu was not finished.

use crate::{output::NoAnswer, system::interrupt::StopSignal};
use disklessset_plugin_api::{Error, ErrorKind};

/// What to do instead of going on.
#[derive(Debug)]
pub(super) enum Stop {
    /// Back to the main menu: CTRL+C.
    Back,
    /// Leave the program with this exit code.
    Leave(u8),
    /// Tell of an error, then back to the main menu.
    Failed(Error),
}

/// The outcome of a page or question.
pub(super) type Step<T> = Result<T, Stop>;

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<NoAnswer> for Stop {
    fn from(reason: NoAnswer) -> Self {
        match reason {
            NoAnswer::Interrupted(signal) if signal.signal == StopSignal::Interrupt => Self::Back,
            NoAnswer::Interrupted(signal) => Self::Leave(signal.exit_code()),
            NoAnswer::End => Self::Leave(0),
            // Asking again would end the same way, for ever.
            NoAnswer::Unreadable(_) => Self::Leave(crate::failure::exit_code(ErrorKind::FAILED)),
        }
    }
}
