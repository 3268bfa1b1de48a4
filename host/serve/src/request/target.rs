//! The path that a request names.

use camino::{Utf8Path, Utf8PathBuf};

use super::Refusal;

/// A path below the served directory: no empty parts, no `.` and `..`, no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    asked: String,
    path: Utf8PathBuf,
    query: String,
    names_directory: bool,
}

impl Target {
    /// Reads the target of a request: a path, or a whole address as proxies get it. For files the query counts for nothing.
    ///
    /// # Errors
    /// When it is no path below a directory.
    pub(crate) fn parse(target: &str) -> Result<Self, Refusal> {
        let path = match target.starts_with('/') {
            true => target,
            false => after_authority(target).ok_or(Refusal::new(400, "the target is no path"))?,
        };
        let path = path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let decoded = decoded(path).ok_or(Refusal::new(400, "the path cannot be understood"))?;
        let below = path_below(&decoded).ok_or(Refusal::new(400, "the path has a step up"))?;
        let names_directory = decoded.is_empty() || decoded.ends_with('/');
        Ok(Self {
            asked: path.trim_start_matches('/').to_owned(),
            path: below,
            query: query.to_owned(),
            names_directory,
        })
    }

    /// As asked for, without leading slashes and query.
    pub(crate) fn asked(&self) -> &str {
        &self.asked
    }

    /// Below the served directory.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// What follows the question mark, as it was sent.
    pub(crate) fn query(&self) -> &str {
        &self.query
    }

    /// Whether no file is meant.
    pub(crate) fn names_directory(&self) -> bool {
        self.names_directory
    }
}

/// A path as it is meant below a directory; nothing when it has a step up.
pub(crate) fn path_below(path: &str) -> Option<Utf8PathBuf> {
    let mut below = Utf8PathBuf::new();
    // Some firmware asks for `//grubx64.efi`, and fails on a redirect.
    for part in path.split('/').filter(|part| !part.is_empty()) {
        if matches!(part, "." | "..") {
            return None;
        }
        below.push(part);
    }
    Some(below)
}

/// The path of `http://HOST/PATH`.
fn after_authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    if !scheme.eq_ignore_ascii_case("http") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    (end > 0).then(|| &rest[end..])
}

/// The text without `%XX`; nothing when it is no text then, or has a zero byte.
fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high * 16 + low).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
