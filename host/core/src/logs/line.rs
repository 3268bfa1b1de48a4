//! The lines of a log, told apart.

use super::heading::Heading;
use crate::system::command::logged;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Heading(Heading),
    /// A tool is run with this command line.
    Runs(String),
    /// The tool ended, so.
    Ended(String),
    /// What it printed.
    Printed(String),
}

impl Line {
    /// Tells what a line is, without its end. What an older version of this program wrote has neither headings nor indents: it counts as
    /// printed.
    pub(super) fn of(text: &str) -> Self {
        if let Some(heading) = Heading::parse(text) {
            return Self::Heading(heading);
        }
        let rest = |mark: &str| text.strip_prefix(mark).map(str::to_owned);
        rest(logged::RUNS)
            .map(Self::Runs)
            .or_else(|| rest(logged::ENDED).map(Self::Ended))
            .unwrap_or_else(|| Self::Printed(rest(logged::PRINTED).unwrap_or_else(|| text.to_owned())))
    }
}
