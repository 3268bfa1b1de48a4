//! One request as a line of `key=value`.

use std::fmt::Write;

use crate::report::{RequestReport, Transfer};

/// The most of a text from a client that is written.
const MOST: usize = 512;

/// The line without its end. `image` is what the file belongs to, where that can be told.
pub(super) fn of(report: &RequestReport, image: Option<String>) -> String {
    let whole = if report.transfer == Transfer::Complete { "yes" } else { "no" };
    let mut line = format!("peer={}", report.peer.ip());
    let mut add = |key: &str, value: &str| {
        // Writing to a text does not fail.
        let _ = write!(line, " {key}={value}");
    };
    if let Some(proxy) = report.via {
        add("via", &proxy.to_string());
    }
    add("method", if report.method.is_empty() { "-" } else { &report.method });
    add("path", &quoted(&format!("/{}", report.path)));
    add("status", &report.status.to_string());
    add("bytes", &report.bytes.to_string());
    add("whole", whole);
    add("seconds", &format!("{:.3}", report.took.as_secs_f64()));
    if let Some(image) = image {
        add("image", &image);
    }
    add("agent", &quoted(&report.agent));
    if let Some(problem) = &report.problem {
        add("problem", &quoted(problem));
    }
    line
}

/// A text that is one word of a line, whatever a client sent.
fn quoted(text: &str) -> String {
    let mut word = String::with_capacity(text.len() + 2);
    word.push('"');
    for c in text.chars().take(MOST) {
        match c {
            '"' | '\\' => word.extend(['\\', c]),
            ' '..='~' => word.push(c),
            other => word.extend(other.escape_unicode()),
        }
    }
    if text.chars().nth(MOST).is_some() {
        word.push_str("...");
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use super::super::tests::report;
    use super::*;

    #[test]
    fn a_line_has_what_is_known() {
        let line = of(&report("images/web/boot.ipxe"), Some("web@7".to_owned()));
        assert_eq!(
            line,
            "peer=10.0.0.5 method=GET path=\"/images/web/boot.ipxe\" status=200 bytes=10 whole=yes seconds=0.012 \
             image=web@7 agent=\"iPXE/1.0\""
        );
        let behind = RequestReport { via: Some([10, 0, 0, 250].into()), ..report("x") };
        let line = of(&behind, None);
        assert!(line.starts_with("peer=10.0.0.5 via=10.0.0.250 method=GET "), "{line}");
        let cut =
            RequestReport { transfer: Transfer::CutShort, problem: Some("it went".into()), ..report("x") };
        let line = of(&cut, None);
        assert!(line.contains(" whole=no ") && line.ends_with(" problem=\"it went\""), "{line}");
    }

    #[test]
    fn what_a_client_sent_is_one_word_of_one_line() {
        let hostile = RequestReport {
            agent: "a\"b\\c\n\u{1b}[31m\u{202e}\u{e4}".into(),
            path: "x".repeat(600),
            ..report("")
        };
        let line = of(&hostile, None);
        assert!(line.contains(r#"agent="a\"b\\c\u{a}\u{1b}[31m\u{202e}\u{e4}""#), "{line}");
        assert!(line.contains("xxx...\" status"), "{line}");
        assert!(line.is_ascii());
    }
}
