//! Why a text is no name.

/// A text that is not what it should be. The message is one line, whatever the text has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} is no {what}: {why}", shown(.text))]
pub struct NameError {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl NameError {
    pub(super) fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        Self { what, text: text.to_owned(), why }
    }
}

/// The most characters of a stranger's text that a message has.
const MOST_SHOWN: usize = 100;

/// A stranger's text for a message: in quotes, without control characters, and cut when it is long.
pub(crate) fn shown(text: &str) -> String {
    let mut cut: String = text.chars().take(MOST_SHOWN).collect();
    if cut.len() < text.len() {
        cut.push('…');
    }
    format!("{cut:?}")
}

/// A message of another crate, which may have a stranger's text in it, as one line that is not too long.
pub(crate) fn one_line(message: &dyn std::fmt::Display) -> String {
    let text = message.to_string();
    let mut cut: String =
        text.chars().take(3 * MOST_SHOWN).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if cut.len() < text.len() && text.chars().nth(3 * MOST_SHOWN).is_some() {
        cut.push('…');
    }
    cut
}
