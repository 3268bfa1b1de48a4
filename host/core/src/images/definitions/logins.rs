//! Logins in addresses: they are not kept with what an image was made from.

use super::origin::each_text;
use serde_json::Value;
use std::cell::Cell;

/// A value without the logins in its addresses, wherever they stand in a text; whether there were any.
pub(super) fn taken_from(value: &mut Value) -> bool {
    let any = Cell::new(false);
    each_text(value, &|text| {
        let clean = without(text);
        any.set(any.get() || clean != text);
        clean
    });
    any.get()
}

fn without(text: &str) -> String {
    let (mut clean, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("://") {
        clean.push_str(before);
        clean.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || "/?#".contains(c)).unwrap_or(after.len());
        rest = match after[..end].rfind('@') {
            Some(at) => &after[at + 1..],
            None => after,
        };
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_logins_and_nothing_else_changes() {
        for (text, clean) in [
            ("http://bob:p@host:80/a@b", "http://host:80/a@b"),
            ("deb [a=b] https://u@h s c", "deb [a=b] https://h s c"),
            ("http://a:b@c@d/ ftp://x:y@z", "http://d/ ftp://z"),
            ("http://h/?q=x@y", "http://h/?q=x@y"),
            ("me@host, tree:/a@b", "me@host, tree:/a@b"),
        ] {
            let mut value = serde_json::json!([text]);
            assert_eq!(taken_from(&mut value), text != clean, "{text}");
            assert_eq!(value, serde_json::json!([clean]));
        }
    }
}
