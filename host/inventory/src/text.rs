//! Small things that several readers do with text.

/// The lines, counted from 1.
pub(crate) fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| (at + 1, line))
}

/// The most that is quoted of an inventory.
const LONGEST_QUOTE: usize = 60;

/// A word of the inventory in a message.
pub(crate) fn quoted(text: &str) -> String {
    let end = text.char_indices().nth(LONGEST_QUOTE).map_or(text.len(), |(at, _)| at);
    let more = if end < text.len() { "…" } else { "" };
    format!("{:?}{more}", &text[..end])
}

/// Words between blanks, commas, semicolons and bars.
pub(crate) fn words(text: &str) -> Vec<String> {
    let between = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|');
    text.split(between).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A MAC address whose bytes may have one digit (`8:0:20:1:2:3`), with two. Other text stays as it is.
pub(crate) fn padded_mac(text: &str) -> String {
    let parts: Vec<&str> = text.split(':').collect();
    let short =
        |part: &&str| matches!(part.len(), 1 | 2) && part.bytes().all(|byte| byte.is_ascii_hexdigit());
    if parts.len() != 6 || !parts.iter().all(short) {
        return text.to_owned();
    }
    parts.iter().map(|part| format!("{part:0>2}")).collect::<Vec<_>>().join(":")
}

/// Whether a text is the MAC address of a card: six bytes between colons.
pub(crate) fn is_mac(text: &str) -> bool {
    let padded = padded_mac(text);
    padded.len() == 17 && padded.split(':').count() == 6
}

/// Finds the lines of keys in YAML or JSON as tools write them, each behind the one before.
pub(crate) struct KeyLines<'t> {
    ahead: std::iter::Enumerate<std::str::Lines<'t>>,
    misses_left: usize,
}

/// After so many keys that were not found, none is looked for any more: each takes a reading of the rest.
const MOST_MISSES: usize = 10;

impl<'t> KeyLines<'t> {
    /// Those behind a first key.
    pub(crate) fn behind(text: &'t str, first: &str) -> Self {
        let mut lines = Self { ahead: text.lines().enumerate(), misses_left: MOST_MISSES };
        if lines.of(first).is_none() {
            lines.misses_left = 0;
        }
        lines
    }

    /// The line of the next key of that name.
    pub(crate) fn of(&mut self, key: &str) -> Option<usize> {
        if self.misses_left == 0 {
            return None;
        }
        let mut ahead = self.ahead.clone();
        match ahead.find(|(_, line)| is_key(line, key)) {
            Some((at, _)) => {
                self.ahead = ahead;
                Some(at + 1)
            }
            None => {
                self.misses_left -= 1;
                None
            }
        }
    }
}

fn is_key(line: &str, key: &str) -> bool {
    let line = line.trim_start();
    let after = match line.strip_prefix(['"', '\'']) {
        Some(rest) => rest.strip_prefix(key).and_then(|rest| rest.strip_prefix(['"', '\''])),
        None => line.strip_prefix(key),
    };
    after.is_some_and(|rest| rest.trim_start().starts_with(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bytes_of_a_mac_address_get_their_zeros() {
        assert_eq!(padded_mac("8:0:20:1:2:AB"), "08:00:20:01:02:AB");
        for other in ["8:0:20", "8:0:20:1:2:xy", "08-00-20-01-02-03", "", "a:b:c:d:e:123"] {
            assert_eq!(padded_mac(other), other);
            assert!(!is_mac(other));
        }
    }

    #[test]
    fn keys_are_found_with_and_without_quotes() {
        let text = "nodes:\n  n10: {}\n  'n1':\n    \"n2\" : 1\n";
        let mut lines = KeyLines::behind(text, "nodes");
        assert_eq!(
            [lines.of("n1"), lines.of("n3"), lines.of("n2"), lines.of("n10")],
            [Some(3), None, Some(4), None]
        );
        assert_eq!(KeyLines::behind(text, "hosts").of("n1"), None);
    }

    #[test]
    fn quotes_are_short_and_one_line() {
        assert_eq!(quoted("a\n"), "\"a\\n\"");
        assert!(quoted(&"é".repeat(100)).ends_with("\"…"));
    }
}
