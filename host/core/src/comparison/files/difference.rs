//! What is told of files that differ.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// One of the two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// The first one.
    Old,
    /// The second one.
    New,
}

/// What became of a file from the first tree to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is in the second tree alone.
    Added,
    /// It is in the first tree alone.
    Removed,
    /// It is in both, and not the same.
    Changed,
}

/// What lies under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
}

impl FileKind {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Block => "block device",
            Self::Character => "character device",
            Self::Pipe => "pipe",
            Self::Socket => "socket",
        }
    }
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDifference {
    /// Its path from the root of the tree. Bytes that are not UTF-8 stand as `\xNN`.
    pub path: String,
    /// The bytes of the path in hexadecimal, where the text does not have them all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_hex: Option<String>,
    /// What became of it.
    pub change: Change,
    /// What it is in the second tree; in the first where it was removed.
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// The package that differs and brings it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// In what it differs; empty where it was added or removed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differs: Vec<Aspect>,
}

impl FileDifference {
    pub(super) fn of(path: &[u8], change: Change, kind: FileKind, differs: Vec<Aspect>) -> Self {
        let (path, path_hex) = shown(path);
        Self { path, path_hex, change, kind, package: None, differs }
    }
}

/// What became of an extended attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum XattrChange {
    /// The file has it in the second tree alone.
    Added,
    /// The file has it in the first tree alone.
    Removed,
    /// It has another value.
    Changed,
}

/// One thing in which a file differs, with what it was and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Aspect {
    /// What it is at all.
    Type {
        /// In the first tree.
        old: FileKind,
        /// In the second tree.
        new: FileKind,
    },
    /// What is in it; the numbers are bytes, and equal where other bytes stand in as many.
    Content {
        /// Bytes in the first tree.
        old_bytes: u64,
        /// Bytes in the second tree.
        new_bytes: u64,
    },
    /// Its owner, by number.
    Owner {
        /// In the first tree.
        old: u32,
        /// In the second tree.
        new: u32,
    },
    /// Its group, by number.
    Group {
        /// In the first tree.
        old: u32,
        /// In the second tree.
        new: u32,
    },
    /// Its mode, four octal digits.
    Mode {
        /// In the first tree.
        old: String,
        /// In the second tree.
        new: String,
    },
    /// Where a link leads to.
    Target {
        /// In the first tree.
        old: String,
        /// In the second tree.
        new: String,
    },
    /// The numbers of a device: major, colon, minor.
    Device {
        /// In the first tree.
        old: String,
        /// In the second tree.
        new: String,
    },
    /// The capabilities that a program gets, as `setcap` writes them; none for a file without.
    Capabilities {
        /// In the first tree.
        old: Option<String>,
        /// In the second tree.
        new: Option<String>,
    },
    /// Its label of SELinux; none for a file without.
    Label {
        /// In the first tree.
        old: Option<String>,
        /// In the second tree.
        new: Option<String>,
    },
    /// Any other extended attribute; access control lists are `system.posix_acl_access` and
    /// `system.posix_acl_default`.
    Xattr {
        /// Its name.
        name: String,
        /// What became of it.
        change: XattrChange,
    },
}

/// Something that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSkipped {
    /// Its path from the root of the tree.
    pub path: String,
    /// The tree in which it could not be looked at.
    pub tree: Which,
    /// Why not.
    pub reason: String,
}

/// What a walk comes upon.
pub(in crate::comparison) enum Found<'a> {
    /// One more name.
    Seen,
    /// A difference, and the bytes of its path.
    Different(&'a [u8], FileDifference),
    /// Something that is not compared.
    Skipped(FileSkipped),
}

/// Bytes as text, and in hexadecimal where the text is not all.
fn shown(bytes: &[u8]) -> (String, Option<String>) {
    if let Ok(text) = str::from_utf8(bytes) {
        return (text.to_owned(), None);
    }
    let mut hex = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    (as_text(bytes), Some(hex))
}

/// Bytes as text, those that are not UTF-8 as `\xNN`.
pub(super) fn as_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn paths_that_are_not_utf_8_are_told_twice() {
        assert_eq!(shown(b"/a b\n"), ("/a b\n".to_owned(), None));
        assert_eq!(shown(b"/a\xffb"), ("/a\\xffb".to_owned(), Some("2f61ff62".to_owned())));
    }
}
