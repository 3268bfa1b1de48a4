//! Text from files, tools and modules on its way to a terminal.

use std::borrow::Cow;

/// One line of foreign text: control characters, line breaks included, become visible escapes, so that nothing in a
/// record or a log can move the cursor, forge a line or turn text around.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    replace(text, |_| false)
}

/// Foreign text of several lines, such as a log: line breaks and tabs stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    replace(text, |c| c == '\n' || c == '\t')
}

fn replace(text: &str, stays: fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(|c| is_dangerous(c) && !stays(c)) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_dangerous(c) && !stays(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Controls, and the marks that change the direction of writing: with those a line can be made to read as another.
fn is_dangerous(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_become_visible() {
        assert_eq!(line("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e"), "a\\u{1b}[2Jb\\nc\\u{9b}d\\u{202e}e");
        assert_eq!(lines("a\u{7}\tb\nc\r"), "a\\u{7}\tb\nc\\r");
    }

    #[test]
    fn ordinary_text_is_not_copied() {
        assert!(matches!(line("ünï web01 – ok"), Cow::Borrowed(_)));
    }
}
