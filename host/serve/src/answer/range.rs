//! The `Range` of a request, RFC 9110, section 14.

use std::ops::Range;

/// More parts than that are the whole file.
const MOST_PARTS: usize = 16;

/// What of a file is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Whole,
    /// None of them is empty.
    Parts(Vec<Range<u64>>),
    /// No part of it is in the file.
    Nothing,
}

/// Reads it. What cannot be understood asks for the whole file, and so do parts that overlap: clients would have the
/// server send much for little.
pub(crate) fn asked(header: Option<&str>, length: u64) -> Asked {
    let Some(list) = header.and_then(|text| {
        let (unit, list) = text.split_once('=')?;
        unit.eq_ignore_ascii_case("bytes").then_some(list)
    }) else {
        return Asked::Whole;
    };
    let mut parts = Vec::new();
    let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
    for (count, text) in texts.enumerate() {
        if count == MOST_PARTS {
            return Asked::Whole;
        }
        match part(text, length) {
            Some(part) if part.is_empty() => {}
            Some(part) => parts.push(part),
            None => return Asked::Whole,
        }
    }
    match parts.is_empty() {
        true if list.trim_matches([' ', '\t', ',']).is_empty() => Asked::Whole,
        true => Asked::Nothing,
        false if overlap(&parts) => Asked::Whole,
        false => Asked::Parts(parts),
    }
}

/// One part, as far as the file has it; nothing when it cannot be understood.
fn part(text: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    if first.is_empty() {
        return Some(length.saturating_sub(number(last)?)..length);
    }
    let first = number(first)?;
    let end = match last {
        "" => length,
        last => {
            let last = number(last)?;
            if last < first {
                return None;
            }
            last.saturating_add(1).min(length)
        }
    };
    Some(first.min(end)..end)
}

/// A number too large for us is beyond each file.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

fn overlap(parts: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = parts.iter().collect();
    sorted.sort_by_key(|part| part.start);
    sorted.windows(2).any(|pair| pair[1].start < pair[0].end)
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "one range is meant, and not its numbers")]
mod tests {
    use super::*;

    fn parts(text: &str) -> Asked {
        asked(Some(text), 1000)
    }

    #[test]
    fn ranges_are_read_in_all_their_forms() {
        let some = |parts: &[Range<u64>]| Asked::Parts(parts.to_vec());
        for (text, expected) in [
            ("bytes=0-0", some(&[0..1])),
            ("Bytes=5-9", some(&[5..10])),
            ("bytes=990-", some(&[990..1000])),
            ("bytes=-10", some(&[990..1000])),
            ("bytes=-5000", some(&[0..1000])),
            ("bytes=5-99999999999999999999999", some(&[5..1000])),
            ("bytes=0-1,5-6", some(&[0..2, 5..7])),
            ("bytes= 0-1 ,, 5-6", some(&[0..2, 5..7])),
            ("bytes=5-6,0-1", some(&[5..7, 0..2])),
            ("bytes=0-1,2000-", some(&[0..2])),
            ("bytes=0-1,2-3", some(&[0..2, 2..4])),
            ("bytes=1000-", Asked::Nothing),
            ("bytes=1000-1001,-0", Asked::Nothing),
            ("bytes=0-5,5-6", Asked::Whole),
            ("bytes=", Asked::Whole),
            ("bytes=,", Asked::Whole),
            ("bytes=9-5", Asked::Whole),
            ("bytes=a-b", Asked::Whole),
            ("bytes=-", Asked::Whole),
            ("bytes=+1-2", Asked::Whole),
            ("bytes", Asked::Whole),
            ("lines=0-1", Asked::Whole),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
        assert_eq!(asked(None, 1000), Asked::Whole);
        assert_eq!(asked(Some("bytes=0-"), 0), Asked::Nothing);
        let many: Vec<String> = (0..17).map(|n| format!("{}-{}", n * 2, n * 2)).collect();
        assert_eq!(parts(&format!("bytes={}", many.join(","))), Asked::Whole);
    }
}
