//! Any name as an OCI reference name, and back.
//!
//! A reference name is words of letters and digits with one of `-._:@+` (or `--`) between two of them. Every byte that does not fit is
//! written `_xHH`, and so is the `_` of a name that has `_xHH` itself. An escape at the very beginning gets an `x` before it, because a
//! reference name cannot begin with `_`. `@` and `/` are always escaped: the first parts the name from the number, the second is a path.

use super::NameError;

/// The name as an OCI reference name. Names that are one already, and have neither `@` nor `/`, stay as they are.
pub fn to_ref_name(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut text = String::with_capacity(name.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let run = rest.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let inside = at > 0 && run < rest.len();
        match run {
            // An `x` that would be taken for the one before an escape.
            0 if at == 0 && rest[0] == b'x' && begins_escaped(&rest[1..]) => {
                text.push('x');
                escape(&mut text, b'x');
                at += 1;
            }
            0 => {
                text.push(char::from(rest[0]));
                at += 1;
            }
            1 if inside && is_separator(rest[0]) && !looks_escaped(rest) => {
                text.push(char::from(rest[0]));
                at += 1;
            }
            2 if inside && rest.starts_with(b"--") => {
                text.push_str("--");
                at += 2;
            }
            _ => {
                if at == 0 {
                    text.push('x');
                }
                for byte in &rest[..run] {
                    escape(&mut text, *byte);
                }
                at += run;
            }
        }
    }
    text
}

/// The name that [`to_ref_name`] made this text of.
///
/// # Errors
/// A text that it does not make.
pub fn from_ref_name(text: &str) -> Result<String, NameError> {
    let wrong = |why| NameError::new("escaped name", text, why);
    let mut bytes = text.as_bytes();
    if bytes.first() == Some(&b'x') && looks_escaped(&bytes[1..]) {
        bytes = &bytes[1..];
    }
    let mut name = Vec::with_capacity(bytes.len());
    while let Some((first, rest)) = bytes.split_first() {
        if looks_escaped(bytes) {
            name.push(hex(bytes[2]) << 4 | hex(bytes[3]));
            bytes = &bytes[4..];
        } else {
            name.push(*first);
            bytes = rest;
        }
    }
    let name = String::from_utf8(name).map_err(|_| wrong("it is no UTF-8"))?;
    // One name has one text: nothing else is taken for it.
    if to_ref_name(&name) == text { Ok(name) } else { Err(wrong("it is not as disklessset writes names")) }
}

fn escape(text: &mut String, byte: u8) {
    text.push_str(&format!("_x{byte:02x}"));
}

fn is_separator(byte: u8) -> bool {
    b"-._:+".contains(&byte)
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

fn hex(digit: u8) -> u8 {
    if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 }
}

/// Whether a text begins with `_xHH`.
fn looks_escaped(bytes: &[u8]) -> bool {
    matches!(bytes, [b'_', b'x', high, low, ..] if is_hex(*high) && is_hex(*low))
}

/// Whether the text of what is left of a name begins with an escape.
fn begins_escaped(rest: &[u8]) -> bool {
    let run = rest.iter().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
    let plain = run < rest.len()
        && (run == 1 && is_separator(rest[0]) && !looks_escaped(rest) || run == 2 && rest.starts_with(b"--"));
    run > 0 && !plain
}
