//! YAML that anybody may have written: read in bounded time.
//!
//! The scanner below serde_yaml looks at every open bracket for every token, so that a file of brackets keeps it busy for
//! hours; what opens too many is refused before. Depth and aliases are bounded by serde_yaml itself, sizes by who reads
//! the file.

mod older;
pub(crate) mod plain;

pub use older::for_older_readers;

use serde::de::DeserializeOwned;

/// The most lists and mappings in brackets that a file may open. Ours have one or two; those that people write, some dozens.
const MOST_OPENED: usize = 1000;

/// Reads a document.
///
/// # Errors
/// What is wrong with it, in one line, with line and column where that can be told.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if let Some(line) = line_of_one_too_many(text) {
        return Err(format!("more than {MOST_OPENED} brackets are opened up to line {line}"));
    }
    serde_yaml::from_str(text).map_err(|cause| reason(&cause))
}

/// The same for a file that this program writes, and people change now and then: quick where it is as it was written.
///
/// # Errors
/// What is wrong with it, in one line, with line and column where that can be told.
pub(crate) fn from_own_str<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // What the type refuses is read again by the reader that knows line and column.
    match plain::parse(text).map(T::deserialize) {
        Some(Ok(document)) => Ok(document),
        _ => from_str(text),
    }
}

/// What is wrong, in one line: the cause quotes keys and values as they are, line breaks included.
pub(crate) fn reason(cause: &serde_yaml::Error) -> String {
    let text = without_long_quotes(&cause.to_string());
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_default())
        } else {
            line.push(c)
        }
        line
    })
}

/// The most that is quoted of a value.
const LONGEST_QUOTE: usize = 40;

/// The longest word that stands without quotes.
const LONGEST_WORD: usize = 64;

/// The same without what is quoted at length: a file that is no such document (a list of accounts, a key) is one long value or
/// name, and must not be printed.
fn without_long_quotes(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['"', '`']) {
        let (before, from) = rest.split_at(at);
        let end = end_of_quote(from);
        short.push_str(before);
        match from[..end].chars().count() > LONGEST_QUOTE + 2 {
            true => short.push('…'),
            false => short.push_str(&from[..end]),
        }
        rest = &from[end..];
    }
    short.push_str(rest);
    // The place of a fault comes without quotes, and can be such a value, too.
    let words = short.split(' ').map(|word| if word.chars().count() > LONGEST_WORD { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Where a quotation ends that a text begins with, its last sign included. One that does not end goes to the end of the text.
fn end_of_quote(text: &str) -> usize {
    let mut signs = text.char_indices();
    let Some((_, quote)) = signs.next() else { return text.len() };
    let mut escaped = false;
    for (at, sign) in signs {
        match sign {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            _ if sign == quote => return at + sign.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

/// Counts what may open a list or a mapping, whether or not it does: a bracket that does not follow a word, and is not closed at once.
/// Text in quotes is counted too, because telling it apart needs the very scanner this is to spare.
fn line_of_one_too_many(text: &str) -> Option<usize> {
    let mut before = b'\n';
    let mut opened = 0;
    for (at, byte) in text.bytes().enumerate() {
        let closed_at_once = matches!(text.as_bytes().get(at..at + 2), Some(b"[]" | b"{}"));
        if matches!(byte, b'[' | b'{') && !before.is_ascii_alphanumeric() && !closed_at_once {
            opened += 1;
        }
        if opened > MOST_OPENED {
            return Some(text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1);
        }
        before = byte;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_yaml::Value;

    #[test]
    fn brackets_without_end_are_refused_at_once() {
        let started = std::time::Instant::now();
        for text in
            ["[".repeat(1_000_000), "{a: ".repeat(250_000), "- ".repeat(400_000), "\"[\" [".repeat(100_000)]
        {
            assert!(from_str::<Value>(&text).is_err());
        }
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn the_most_brackets_take_moments_in_the_longest_file() {
        let started = std::time::Instant::now();
        let text = format!("{}{}", "[".repeat(MOST_OPENED), "a, ".repeat(340_000));
        assert!(from_str::<Value>(&text).is_err());
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn what_is_quoted_of_a_file_stays_in_one_line() {
        let told = from_str::<std::collections::BTreeMap<String, u8>>("{\"a\": \"b\\n\\e[2J\"}").unwrap_err();
        assert!(told.contains("b\\n\\u{1b}[2J"), "{told:?}");
    }

    #[test]
    fn a_file_that_is_no_document_is_not_quoted() {
        let accounts =
            "root:$y$j9T$abcdefghijklmnop$0123456789abcdefghijklmnop:19000:0:99999:7:::\n".repeat(30);
        let told = from_str::<std::collections::BTreeMap<String, u8>>(&accounts).unwrap_err();
        assert!(!told.contains("j9T") && told.len() < 200, "{told:?}");
        let told = from_str::<std::collections::BTreeMap<String, u8>>("a: b\n").unwrap_err();
        assert!(told.contains("\"b\""), "{told:?}");
    }

    #[test]
    fn many_empty_mappings_are_fine() {
        let text: String = (0..5000).map(|number| format!("n{number}: {{}}\n")).collect();
        assert!(from_str::<Value>(&text).is_ok());
        let started = std::time::Instant::now();
        let hostile = format!("{}{}", "[".repeat(MOST_OPENED), "[], {}, ".repeat(40_000));
        assert!(from_str::<Value>(&hostile).is_err());
        assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
    }

    #[test]
    fn node_sets_and_lists_are_fine() {
        let text = format!("nodes: [{}]\n", vec!["c[001-100]"; 5000].join(", "));
        // A node set in brackets is quoted by who knows YAML; as text of a block list it need not be.
        assert!(from_str::<Value>(&text.replace("c[001-100]", "'c[001-100]'")).is_ok());
        assert_eq!(from_str::<Value>("{}\n").unwrap(), Value::Mapping(Default::default()));
        assert!(from_str::<Value>("a: [\n").unwrap_err().contains("line"));
    }
}
