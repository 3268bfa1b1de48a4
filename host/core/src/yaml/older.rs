//! YAML for readers of its older version 1.1, such as PyYAML: there `52:54:00:00:00:01` and `12:30` are numbers of seconds, and `yes`, `off` and `n` are
//! booleans.

/// The same text with quotes around plain texts that older readers would take for something else.
pub fn for_older_readers(text: &str) -> String {
    let mut block: Option<usize> = None;
    let line = |line: &str| {
        let indent = line.len() - line.trim_start_matches(' ').len();
        // The lines of a text in a block are what they are.
        if block.is_some_and(|above| indent > above || line.trim().is_empty()) {
            return line.to_owned();
        }
        let (before, value) = parts(line);
        block = value.starts_with(['|', '>']).then_some(indent);
        match is_taken_for_something_else(value) {
            true => format!("{before}'{value}'\n"),
            false => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

/// The value of a line, `key: value` or `- value`, and what stands before it.
fn parts(line: &str) -> (&str, &str) {
    let said = line.strip_suffix('\n').unwrap_or(line);
    let after_key = said.find(": ").map(|at| at + 2);
    let after_dash = || {
        let indent = said.len() - said.trim_start_matches(' ').len();
        said[indent..].starts_with("- ").then_some(indent + 2)
    };
    said.split_at(after_key.or_else(after_dash).unwrap_or(said.len()))
}

fn is_taken_for_something_else(value: &str) -> bool {
    let boolean = ["y", "n", "yes", "no", "on", "off"].contains(&value.to_ascii_lowercase().as_str());
    let of_sixty =
        value.contains(':') && value.bytes().all(|byte| byte.is_ascii_digit() || b":._+-".contains(&byte));
    boolean || of_sixty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_older_readers_would_misread_is_quoted_and_nothing_else() {
        let text = "mac: 52:54:00:00:00:01\nmacs:\n- 52:54:00:00:00:02\n- 52:54:00:00:00:0a\nflag: yes\nword: yesterday\nreal: true\n\
                    time: 2026-11-30T10:00:00Z\nquoted: 'no'\nurl: http://a:80/\ntext: |\n  say: yes\n  12:30\nafter: off\n- a: n\n";
        let expected = "mac: '52:54:00:00:00:01'\nmacs:\n- '52:54:00:00:00:02'\n- 52:54:00:00:00:0a\nflag: 'yes'\nword: yesterday\n\
                        real: true\ntime: 2026-11-30T10:00:00Z\nquoted: 'no'\nurl: http://a:80/\ntext: |\n  say: yes\n  12:30\n\
                        after: 'off'\n- a: 'n'\n";
        assert_eq!(for_older_readers(text), expected);
    }

    #[test]
    fn the_same_is_read_from_it() {
        let texts = [
            "yes",
            "12:30:45",
            "a: b",
            "x\nyes: no\n",
            "  pad",
            "52:54:00:00:00:01",
            "line\n\n12:1",
            "- n",
            "#no",
            "",
        ];
        let value = serde_json::json!({"list": texts, "map": {"k: y": texts[0], "n": texts[3]}});
        let text = serde_yaml::to_string(&value).unwrap();
        let read: serde_json::Value = serde_yaml::from_str(&for_older_readers(&text)).unwrap();
        assert_eq!(read, value, "{text}");
    }
}
