//! Records of extended tar headers. A value may hold any byte, newlines too: a record ends where its length says.

use super::unpack_error::UnpackError;

/// Records in the order they apply: a later one wins.
#[derive(Debug, Default, Clone)]
pub(super) struct Records(Vec<(Vec<u8>, Vec<u8>)>);

impl Records {
    /// Adds the records of one extended header: `LENGTH KEY=VALUE` and a newline, the length being that of all of it.
    pub(super) fn add(&mut self, mut text: &[u8]) -> Result<(), UnpackError> {
        let broken = || UnpackError::Damaged("an extended header of its tar archive is broken".to_owned());
        while !text.is_empty() {
            let blank = text.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
            let length: usize = number(&text[..blank]).ok_or_else(broken)?;
            let record = text.get(blank + 1..length).ok_or_else(broken)?;
            let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
            let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
            self.0.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
            text = &text[length..];
        }
        Ok(())
    }

    /// All of them after those of another header.
    pub(super) fn after(&self, earlier: &Self) -> Self {
        Self(earlier.0.iter().chain(&self.0).cloned().collect())
    }

    /// The value of a key; an empty one takes an earlier one back.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        let found = self.0.iter().rev().find(|(name, _)| name == key.as_bytes());
        found.map(|(_, value)| value.as_slice()).filter(|value| !value.is_empty())
    }

    /// A number.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, UnpackError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let value = number(text);
        value.map(Some).ok_or_else(|| UnpackError::Damaged(format!("{key} in its tar archive is no number")))
    }

    /// All keys that begin like this, without that beginning, each with its last value.
    pub(super) fn beginning(&self, start: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for (key, value) in &self.0 {
            if let Some(name) = key.strip_prefix(start.as_bytes()) {
                found.retain(|(earlier, _)| earlier != name);
                found.push((name.to_vec(), value.clone()));
            }
        }
        found
    }
}

/// A decimal number without sign.
pub(super) fn number<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok().filter(|text| !text.starts_with(['+', '-']))?.parse().ok()
}

/// Seconds and nanoseconds of a decimal number, rounded down as clocks are.
pub(super) fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: String = fraction.chars().chain(std::iter::repeat('0')).take(9).collect();
    let nanoseconds: u32 = digits.parse().ok()?;
    match (whole.starts_with('-'), nanoseconds) {
        (true, 1..) => Some((seconds.checked_sub(1)?, 1_000_000_000 - nanoseconds)),
        _ => Some((seconds, nanoseconds)),
    }
}

/// A record as tools write it.
#[cfg(test)]
pub(super) fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = [b" ", key.as_bytes(), b"=", value, b"\n"].concat();
    let length = (1..).find(|digits| (rest.len() + digits).to_string().len() == *digits);
    [(rest.len() + length.unwrap_or_default()).to_string().into_bytes(), rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hold_any_byte_and_the_last_one_counts() {
        let mut records = Records::default();
        records.add(&[record("SCHILY.xattr.a", b"\n\0\n"), record("path", b"a=b\xff\n")].concat()).unwrap();
        assert_eq!(records.beginning("SCHILY.xattr."), [(b"a".to_vec(), b"\n\0\n".to_vec())]);
        assert_eq!(records.get("path"), Some(&b"a=b\xff\n"[..]));
        let mut later = Records::default();
        later.add(&[record("path", b""), record("size", b"7")].concat()).unwrap();
        let both = later.after(&records);
        assert_eq!((both.get("path"), both.number("size").unwrap()), (None, Some(7)));
        assert!(records.number("path").is_err());
    }

    #[test]
    fn broken_records_are_refused() {
        for bad in [
            &b"x path=a\n"[..],
            b"99 path=a\n",
            b"2 path=a\n",
            b"8 path=a\n",
            b"8 patha\n",
            b"0 a=b\n",
            b"-9 a=b\n",
        ] {
            assert!(Records::default().add(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn times_before_1970_are_rounded_down() {
        assert_eq!(time(b"1700000000.25"), Some((1_700_000_000, 250_000_000)));
        assert_eq!(time(b"1.1234567891"), Some((1, 123_456_789)));
        assert_eq!(time(b"-1.5"), Some((-2, 500_000_000)));
        assert_eq!(time(b"-3"), Some((-3, 0)));
        assert_eq!(time(b"1.x"), None);
    }
}
