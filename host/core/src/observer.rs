//! Who watches: the one way out of the domain rooms, which neither print nor prompt.

use disklessset_plugin_api::{Error, Level, Result};

/// Hears what is going on and answers questions. The command line has one that prints; a program of your own brings its own.
pub trait Observer: Send + Sync {
    /// An action begins. `action` is its words (`create`, `nodes add`, `set kernel`), `subject` the name of its image; several names,
    /// or none for all, where images are cleaned; `kernels` or `modules` where these change.
    ///
    /// Actions can begin inside others. Each is told of by [`Observer::action_ends`] on the same thread.
    fn action_begins(&self, _action: &str, _subject: &str) {}

    /// The action has ended: well, or with this error, which its caller gets, too.
    fn action_ends(&self, _action: &str, _subject: &str, _error: Option<&Error>) {}

    /// A line for the user; `level` says whether it is a warning. An error is what the action's caller gets.
    fn line(&self, level: Level, text: &str);

    /// How far long work is; a `total` of 0 means unknown.
    fn progress(&self, _label: &str, _done: u64, _total: u64) {}

    /// A line that an external tool printed.
    fn tool_line(&self, _tool: &str, _line: &str) {}

    /// A line of output that is the very result asked for (of `exec`).
    fn output(&self, _line: &str) {}

    /// A line of errors that belongs to such output.
    fn error_output(&self, _line: &str) {}

    /// Asks for a line of text.
    ///
    /// # Errors
    /// When nobody is there to answer.
    fn ask(&self, question: &str) -> Result<String> {
        Err(Error::refused(format!("nobody is there to answer: {question}")))
    }

    /// Asks for yes or no.
    ///
    /// # Errors
    /// When nobody is there to answer.
    fn confirm(&self, question: &str) -> Result<bool> {
        Err(Error::refused(format!("nobody is there to answer: {question}")))
    }
}

/// An observer that drops everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn line(&self, _level: Level, _text: &str) {}
}
