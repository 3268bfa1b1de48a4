//! The identity note: who a module is, readable without running any of it.
//!
//! [`crate::declare_module!`] puts it into the ELF section `.note.disklessset.api`, where it survives stripping and link-time
//! optimisation. Its descriptor is JSON, so that fields can be added.

use crate::BaseClass;
use semver::Version;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The name of the ELF section.
pub const SECTION: &str = ".note.disklessset.api";
/// The owner name inside the note.
pub const OWNER: &[u8; 12] = b"disklessset\0";
/// The type number of the note: identity, as JSON. The drafts of the API had 1, in a section of another name.
pub const TYPE_IDENTITY: u32 = 2;

/// What a module's note says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleNote {
    /// The version of the API it was built against.
    pub api: Version,
    /// The module's name, which is also its command and the first part of its file name.
    pub name: String,
    /// The module's version.
    pub version: Version,
    /// One line about it.
    #[serde(default)]
    pub title: String,
    /// Its classes.
    #[serde(deserialize_with = "without_terminator")]
    pub classes: Vec<NotedClass>,
    /// The names of the sources of OS trees that it brings.
    #[serde(default, deserialize_with = "without_terminator")]
    pub sources: Vec<String>,
}

/// A class as the note has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedClass {
    /// The class name.
    pub name: String,
    /// The class it is built on, if any.
    #[serde(default)]
    pub base: Option<BaseClass>,
}

/// The macro ends its lists with `null`, because a macro cannot leave out the last comma.
fn without_terminator<'de, D: serde::Deserializer<'de>, T: DeserializeOwned>(
    list: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Option<T>>::deserialize(list)?.into_iter().flatten().collect())
}

impl ModuleNote {
    /// Reads the descriptor of a note.
    ///
    /// # Errors
    /// When it is not the JSON of a note.
    pub fn parse(descriptor: &[u8]) -> Result<Self, serde_json::Error> {
        let end = descriptor.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
        serde_json::from_slice(&descriptor[..end])
    }
}

/// The note as it lies in the module's file. `N` is the length of the descriptor, a multiple of four.
#[doc(hidden)]
#[repr(C, align(4))]
pub struct ElfNote<const N: usize> {
    owner_size: u32,
    descriptor_size: u32,
    kind: u32,
    owner: [u8; 12],
    descriptor: [u8; N],
}

#[doc(hidden)]
impl<const N: usize> ElfNote<N> {
    pub const fn new(json: &str) -> Self {
        let mut descriptor = [0; N];
        let bytes = json.as_bytes();
        let mut i = 0;
        while i < bytes.len() {
            descriptor[i] = bytes[i];
            i += 1;
        }
        Self { owner_size: 12, descriptor_size: N as u32, kind: TYPE_IDENTITY, owner: *OWNER, descriptor }
    }
}

/// Whether a name or title can stand in a note as it is: no quotes, backslashes or control characters.
#[doc(hidden)]
pub const fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'"' || bytes[i] == b'\\' || bytes[i] < b' ' {
            return false;
        }
        i += 1;
    }
    !text.is_empty()
}
