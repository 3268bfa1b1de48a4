//! The YAML that this program itself writes, read in one pass: block mappings and lists of scalars in one line.
//!
//! A listing of thousands of images spends most of its time in a YAML scanner for shapes that its files never have. What is
//! read here is a strict part of YAML, and what might mean anything else is left to the real reader.

use serde_json::{Map, Number, Value};
use std::{iter::Peekable, str::Lines};

/// The deepest mapping; ours are three deep.
const MOST_LEVELS: usize = 8;

/// Reads a document; `None` for every text that is not surely of these shapes.
pub(crate) fn parse(text: &str) -> Option<Value> {
    let printable = |byte: u8| byte == b'\n' || (b' '..=b'~').contains(&byte);
    if !text.bytes().all(printable) {
        return None;
    }
    let mut lines = Remaining { lines: text.lines().peekable() };
    let document = mapping(&mut lines, 0, MOST_LEVELS)?;
    lines.next().is_none().then_some(Value::Object(document))
}

/// The lines that are still to be read.
struct Remaining<'t> {
    lines: Peekable<Lines<'t>>,
}

impl<'t> Remaining<'t> {
    /// How far the next line is indented, and what it says. Comments are passed over where they begin a line.
    fn next(&mut self) -> Option<(usize, &'t str)> {
        while self.lines.next_if(|line| line.starts_with('#')).is_some() {}
        let line = self.lines.peek()?;
        let said = line.trim_start_matches(' ');
        Some((line.len() - said.len(), said))
    }

    fn pass(&mut self) {
        self.lines.next();
    }
}

fn mapping(lines: &mut Remaining<'_>, indent: usize, levels: usize) -> Option<Map<String, Value>> {
    let mut entries = Map::new();
    while let Some((at, line)) = lines.next().filter(|(at, _)| *at >= indent) {
        let (key, said) = line.split_once(':')?;
        if at > indent || !is_key(key) || entries.contains_key(key) {
            return None;
        }
        lines.pass();
        let value = match said.strip_prefix(' ') {
            Some(said) => scalar(said)?,
            None if said.is_empty() => below(lines, indent, levels.checked_sub(1)?)?,
            None => return None,
        };
        entries.insert(key.to_owned(), value);
    }
    (!entries.is_empty()).then_some(entries)
}

/// What follows a key in lines of its own: a list, which may be indented like the key, a mapping, or nothing.
fn below(lines: &mut Remaining<'_>, indent: usize, levels: usize) -> Option<Value> {
    match lines.next() {
        Some((at, line)) if at >= indent && line.starts_with("- ") => list(lines, at).map(Value::Array),
        Some((at, _)) if at > indent => mapping(lines, at, levels).map(Value::Object),
        _ => Some(Value::Null),
    }
}

fn list(lines: &mut Remaining<'_>, indent: usize) -> Option<Vec<Value>> {
    let mut values = Vec::new();
    while let Some((at, line)) = lines.next().filter(|(at, _)| *at >= indent) {
        let Some(said) = line.strip_prefix("- ") else {
            // The next key of the mapping that the list is in.
            return (at == indent).then_some(values);
        };
        if at > indent {
            return None;
        }
        values.push(scalar(said)?);
        lines.pass();
    }
    Some(values)
}

/// A key that is surely a text.
fn is_key(key: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    key.bytes().all(of_a_name) && matches!(scalar(key), Some(Value::String(_)))
}

fn scalar(said: &str) -> Option<Value> {
    match said {
        "null" => Some(Value::Null),
        "true" => Some(true.into()),
        "false" => Some(false.into()),
        "{}" => Some(Map::new().into()),
        "[]" => Some(Vec::<Value>::new().into()),
        _ => whole_number(said).or_else(|| text(said)),
    }
}

/// A number as it is written, which is not how people write all of theirs: no sign but a minus, no zero in front.
fn whole_number(said: &str) -> Option<Value> {
    let number: i64 = said.parse().ok()?;
    (number.to_string() == said).then(|| Value::Number(Number::from(number)))
}

/// A text in single quotes without one inside, or without quotes where nothing but a text can be meant.
fn text(said: &str) -> Option<Value> {
    if let Some(quoted) = said.strip_prefix('\'') {
        let inner = quoted.strip_suffix('\'')?;
        return (!inner.contains('\'')).then(|| inner.into());
    }
    let begins = said.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let other = said.contains(": ") || said.ends_with(':') || said.contains(" #") || said.ends_with(' ');
    (begins && !other && !may_be_no_text(said)).then(|| said.into())
}

/// Whether some reader of YAML takes it for a number, a boolean or nothing.
fn may_be_no_text(said: &str) -> bool {
    let words = ["null", "true", "false"];
    let prefixed = said.starts_with('0') && said[1..].starts_with(['x', 'o', 'b']);
    prefixed || said.parse::<f64>().is_ok() || words.iter().any(|word| said.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(text: &str) {
        let real: Value = serde_yaml::from_str(text).unwrap();
        assert_eq!(parse(text), Some(real), "{text}");
    }

    #[test]
    fn files_of_this_program_are_read_as_yaml_reads_them() {
        agrees(
            "format: 2\nimage_data:\n  image_class: DemoImage\n  is_mounted: false\n  size: 700\n  none: null\n",
        );
        agrees(
            "# head\nformat: 1\npools: {}\nnodes:\n  c1:\n    mac: 52:54:00:12:34:56\n    address: 10.0.0.1\n  c2: {}\n",
        );
        agrees("a:\n- x\n- '007'\n- 5\nb:\n  - /y z\n  - q\nc: 'it: is # so'\nd:\ne:\n  f:\n    g: '1:2'\n");
        agrees("mac: '52:54:00:00:00:01'\nflag: 'yes'\n");
        agrees("line: root=live:http://x/y?z=1 quiet [a] {b} \"c\", *d &e !f\n");
    }

    #[test]
    fn what_may_mean_something_else_is_left_to_the_real_reader() {
        for text in [
            "",
            "a",
            "- a\n",
            "a: 1.5\n",
            "a: 1e3\n",
            "a: 007\n",
            "a: 0x10\n",
            "a: Null\n",
            "a: TRUE\n",
            "a: inf\n",
            "a: .5\n",
            "a: +1\n",
            "a: ~\n",
            "a: \"b\"\n",
            "a: 'b''c'\n",
            "a: 'b' # c\n",
            "a: b: c\n",
            "a: b #c\n",
            "a: b \n",
            "a:  b\n",
            "a: |\n  b\n",
            "a: &b c\n",
            "a: !b c\n",
            "a: b\n  c\n",
            "a: b\na: c\n",
            "a: b\n\nc: d\n",
            "a: b\r\n",
            "a:\tb\n",
            "a: \u{fc}\n",
            "1: b\n",
            "a b: c\n",
            "---\na: b\n",
            "a: b\n---\n",
            " a: b\n",
            "a:\n  b: c\n d: e\n",
            "a:\n  - b\n - c\n",
            "a:\n- b: c\n",
            "a:\n- - b\n",
            "a:\n-\n",
            "a:b\n",
        ] {
            if let Some(read) = parse(text) {
                let real: Result<Value, _> = serde_yaml::from_str(text);
                assert_eq!(real.ok(), Some(read), "{text:?}");
            }
        }
        for text in ["a: 007\n", "a: 1e3\n", "a: \"b\"\n", "a: b\n  c\n", "a: b\na: c\n"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep: String = (0..1000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        assert_eq!(parse(&deep), None);
    }
}
