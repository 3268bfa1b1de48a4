//! Questions: printed, answered by a line, asked again until the answer fits.

use super::{Answers, NoAnswer, Output, escape};
use disklessset_plugin_api::{Error, Result};

impl Output {
    /// Asks for a line.
    ///
    /// # Errors
    /// When none comes.
    pub(crate) fn ask_line(&self, question: &str) -> std::result::Result<String, NoAnswer> {
        self.question(question);
        self.input().line().inspect_err(|_| self.question("\n"))
    }

    /// Asks for a line that is not shown.
    ///
    /// # Errors
    /// When none comes.
    pub(crate) fn ask_secret(&self, question: &str) -> std::result::Result<String, NoAnswer> {
        crate::system::core_dumps::forbid();
        self.question(question);
        self.input().secret().inspect_err(|_| self.question("\n"))
    }

    /// Asks for yes or no until it gets one of them.
    ///
    /// # Errors
    /// When neither comes.
    pub(crate) fn ask_yes_no(&self, question: &str) -> std::result::Result<bool, NoAnswer> {
        loop {
            let answer = self.ask_line(&format!("{question} (yes/no): "))?;
            match answer.trim().to_ascii_lowercase().as_str() {
                "yes" | "y" => return Ok(true),
                "no" | "n" => return Ok(false),
                _ => self.question("Please answer yes or no.\n"),
            }
        }
    }

    /// Confirms something as the settings say: by `--yes`, at the terminal, or by the menu's input.
    ///
    /// # Errors
    /// When nobody is there to answer; the flag that answers is named.
    pub(crate) fn confirmation(&self, question: &str) -> Result<bool> {
        match self.answers() {
            Answers::Yes => Ok(true),
            Answers::Terminal if !self.has_terminal() => Err(Error::refused(format!(
                "this needs a confirmation, and there is no terminal: {question}"
            ))
            .hint("give --yes to confirm")),
            Answers::Terminal | Answers::Anyone => self.ask_yes_no(question).map_err(unanswered),
        }
    }

    /// A question goes where the person looks: the menu is what the program prints, a command's data is not.
    fn question(&self, text: &str) {
        let text = escape::lines(text);
        match self.answers() {
            Answers::Anyone => self.data(&text),
            Answers::Terminal | Answers::Yes => self.composed_for_stderr(&text),
        }
    }
}

/// A question without an answer as an error.
pub(crate) fn unanswered(reason: NoAnswer) -> Error {
    match reason {
        NoAnswer::Interrupted(signal) => {
            crate::failure::with_kind(disklessset_plugin_api::ErrorKind::INTERRUPTED, signal)
        }
        NoAnswer::End => crate::failure::refused(reason),
        NoAnswer::Unreadable(_) => crate::failure::of(reason),
    }
}
