//! One line of exports(5): a directory, its clients and their options.

use super::{client::is_client, options::is_option};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use std::fmt;

/// A line that the NFS server reads as it was meant: no text in it can end a word, an option list or the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportLine {
    path: Utf8PathBuf,
    clients: Vec<String>,
    options: Vec<String>,
}

/// Why a line cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// Nobody to export to.
    #[error("an export needs at least one client; * is everybody")]
    NoClient,
    /// Not a client as exports(5) has them.
    #[error(
        "{0:?} is no NFS client: write a host name, an address with or without /bits, @netgroup, gss/krb5, or * for everybody"
    )]
    Client(String),
    /// Not an option as exports(5) has them.
    #[error(
        "{0:?} is no export option that nfs-utils knows: write one as in exports(5), such as rw or fsid=7"
    )]
    Option(String),
}

impl From<LineError> for Error {
    fn from(error: LineError) -> Self {
        Self::usage(error.to_string())
    }
}

impl ExportLine {
    /// A line for a directory, as clients see it.
    ///
    /// # Errors
    /// When a client or an option is not of the form exports(5) has.
    pub(crate) fn new(path: Utf8PathBuf, clients: &[String], options: &[String]) -> Result<Self, LineError> {
        if clients.is_empty() {
            return Err(LineError::NoClient);
        }
        if let Some(bad) = clients.iter().find(|client| !is_client(client)) {
            return Err(LineError::Client(bad.clone()));
        }
        if let Some(bad) = options.iter().find(|option| !is_option(option)) {
            return Err(LineError::Option(bad.clone()));
        }
        Ok(Self { path, clients: clients.to_vec(), options: options.to_vec() })
    }

    /// The text of a line for the same directory with the clients as they stand in a file.
    pub(crate) fn with_clients(&self, clients: &str) -> String {
        format!("{} {clients}", escaped(&self.path))
    }

    /// The clients with their options, as they stand in a file.
    pub(crate) fn clients(&self) -> String {
        let options = self.options.join(",");
        let clients: Vec<String> = self.clients.iter().map(|client| format!("{client}({options})")).collect();
        clients.join(" ")
    }

    /// The directory.
    pub(crate) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl fmt::Display for ExportLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_clients(&self.clients()))
    }
}

/// The path as it stands in the file: what would end the word is written as an octal number.
pub(super) fn escaped(path: &Utf8Path) -> String {
    let mut text = String::new();
    for byte in path.as_str().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' | b'+' | b'@' | b':' => {
                text.push(char::from(byte));
            }
            other => text.push_str(&format!("\\{other:03o}")),
        }
    }
    text
}

/// The path behind an escaped one; `None` when it is none we write.
pub(super) fn unescaped(text: &str) -> Option<Utf8PathBuf> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first != b'\\' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = std::str::from_utf8(after.get(..3)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 8).ok()?);
        rest = &after[3..];
    }
    String::from_utf8(bytes).ok().map(Utf8PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(clients: &[&str], options: &[&str]) -> Result<String, LineError> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        ExportLine::new("/diskless/a b".into(), &own(clients), &own(options)).map(|line| line.to_string())
    }

    #[test]
    fn a_line_reads_as_exports_wants_it() {
        let clients = ["*", "10.0.0.0/16", "@nodes", "c[1-3].x", "fe80::/10"];
        assert_eq!(line(&clients[..1], &["rw", "fsid=7"]).unwrap(), "/diskless/a\\040b *(rw,fsid=7)");
        assert_eq!(line(&clients, &["ro"]).unwrap().matches("(ro)").count(), 5);
        assert_eq!(unescaped("/diskless/a\\040b").unwrap(), "/diskless/a b");
    }

    #[test]
    fn nothing_ends_a_word_or_a_line() {
        for bad in ["", "a b", "a(rw)", "a\nb", "-rw", "#", "\"", "a,b", "\u{e9}"] {
            assert!(matches!(line(&[bad], &["rw"]), Err(LineError::Client(_))), "{bad:?}");
        }
        for bad in ["", "rw,", "a b", ")", "rw) *(rw", "\n"] {
            assert!(matches!(line(&["*"], &[bad]), Err(LineError::Option(_))), "{bad:?}");
        }
        assert_eq!(line(&[], &["rw"]), Err(LineError::NoClient));
    }
}
