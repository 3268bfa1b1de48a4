//! A list of numbered entries to choose from.

use super::stop::Step;
use crate::output::{self, Output};

/// A page: a heading and its entries.
pub(super) struct Page<'a> {
    heading: &'a str,
    entries: &'a [String],
}

impl<'a> Page<'a> {
    pub(super) fn new(heading: &'a str, entries: &'a [String]) -> Self {
        Self { heading, entries }
    }

    /// Shows the page and asks until an entry is chosen, by its number or in full; gives back its index.
    pub(super) fn choose(&self, output: &Output, question: &str) -> Step<usize> {
        self.choose_or(output, question, None).map(Option::unwrap_or_default)
    }

    /// The same where an empty answer has a meaning, such as `the default: small`: it gives back nothing.
    pub(super) fn choose_or(
        &self,
        output: &Output,
        question: &str,
        empty: Option<&str>,
    ) -> Step<Option<usize>> {
        let mut text = String::new();
        if !self.heading.is_empty() {
            text.push_str(&format!("{}\n", output::plain(self.heading)));
        }
        let width = self.entries.len().to_string().len();
        for (index, entry) in self.entries.iter().enumerate() {
            text.push_str(&format!("  {:>width$} {}\n", index + 1, output::plain(entry)));
        }
        output.data(&text);
        let last = self.entries.len();
        let meaning = empty.map(|meaning| format!(" [{meaning}]")).unwrap_or_default();
        loop {
            let answer = output.ask_line(&format!("{question} (1-{last}){meaning}: "))?;
            let answer = answer.trim();
            if answer.is_empty() && empty.is_some() {
                return Ok(None);
            }
            let number = answer.parse::<usize>().ok().filter(|number| (1..=last).contains(number));
            // The number first: it is what the page shows, even where an entry is itself called by a number.
            let index = number
                .map(|number| number - 1)
                .or_else(|| self.entries.iter().position(|entry| entry == answer && !answer.is_empty()));
            match index {
                Some(index) => return Ok(Some(index)),
                None => output.data(&format!("Please answer with a number from 1 to {last}.\n")),
            }
        }
    }
}
