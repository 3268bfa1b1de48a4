//! Why a file in the modules directory is not used: one line each, with a second one of advice where it helps.

use camino::Utf8Path;
use semver::Version;

use super::glibc::GlibcVersion;
use super::names::NameRefused;
use super::trust::Untrusted;

/// Why a file is not used as a module. The text is one line; [`Refusal::hint`] is the second.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A FIFO, a socket, a directory, a device.
    #[error("not a regular file: {kind}")]
    NotRegular {
        /// What it is instead.
        kind: &'static str,
    },
    /// The system does not let it be read.
    #[error("cannot be read: {cause}")]
    Unreadable {
        /// The system's words.
        cause: String,
    },
    /// The file name cannot be a module's.
    #[error("the file name is not UTF-8")]
    FileNameNotUtf8,
    /// Empty, text, a script.
    #[error("not an ELF file")]
    NotElf,
    /// The end is missing.
    #[error("truncated: {found} of at least {expected} bytes")]
    Truncated {
        /// Its length in bytes.
        found: u64,
        /// The least length in bytes its own headers speak of.
        expected: u64,
    },
    /// Made for another processor.
    #[error("built for {built_for}, this is {here}")]
    OtherProcessor {
        /// The processor named in the file.
        built_for: String,
        /// The one that runs this program.
        here: &'static str,
    },
    /// An ELF file of another kind.
    #[error("{kind}, not a shared object")]
    NotShared {
        /// What it is instead.
        kind: &'static str,
    },
    /// No identity note.
    #[error("not a disklessset module: it has no identity note")]
    NoNote,
    /// The note of a module of the time before the first release.
    #[error("built against a draft of the module API")]
    Draft,
    /// A note that says nothing understandable.
    #[error("malformed identity note: {cause}")]
    MalformedNote {
        /// What is wrong with it.
        cause: String,
    },
    /// Built against another major version of the API.
    #[error("built against module API {built_for}, this disklessset has {here}")]
    OtherApi {
        /// The version in the note.
        built_for: Version,
        /// The version of this host.
        here: Version,
    },
    /// Built on a newer system than this one.
    #[error("needs glibc {needed}, this server has {here}")]
    NewerGlibc {
        /// The newest version that the file needs.
        needed: GlibcVersion,
        /// The version of this server.
        here: GlibcVersion,
    },
    /// The module's or a class's name.
    #[error(transparent)]
    Name(#[from] NameRefused),
    /// File and note disagree about the name.
    #[error("the module is named {name}, its file {file_name}: name the file {wanted}")]
    FileName {
        /// The name in the note.
        name: String,
        /// The file's name.
        file_name: String,
        /// What the file must be called.
        wanted: String,
    },
    /// Somebody else could have written it.
    #[error(transparent)]
    Untrusted(#[from] Untrusted),
    /// The site requires a signature.
    #[error("no trusted signature, which this site requires: {cause}")]
    Unsigned {
        /// What is missing.
        cause: String,
    },
    /// The file system forbids running code from it.
    #[error("the modules directory is on a noexec file system")]
    NoExec,
    /// The same file under another name.
    #[error("the same file as {first}")]
    SameFile {
        /// The name of the file that is used.
        first: String,
    },
    /// Another module has this name already.
    #[error("the module name {name} is taken by {first}")]
    NameTaken {
        /// The name.
        name: String,
        /// The file that has it.
        first: String,
    },
    /// Another module has this class already.
    #[error("class {class} is taken by module {module} ({first})")]
    ClassTaken {
        /// The class.
        class: String,
        /// The module that has it.
        module: String,
        /// That module's file.
        first: String,
    },
    /// Another module has this source already.
    #[error("source {source_name} is taken by module {module} ({first})")]
    SourceTaken {
        /// The source.
        source_name: String,
        /// The module that has it.
        module: String,
        /// That module's file.
        first: String,
    },
    /// The installed module of this name has other classes: it is somebody else's, or its images would lose their class.
    #[error("the installed module {name} is another one: it has {installed}, this file has {here}")]
    AnotherModule {
        /// The name that both have.
        name: String,
        /// The classes and sources of the installed one.
        installed: String,
        /// The classes and sources of the file.
        here: String,
    },
    /// A class is built on one that is of no version it accepts.
    #[error("class {class} needs {base} of a module version {wanted}, module {module} is {found}")]
    BaseVersion {
        /// The derived class.
        class: String,
        /// The class it is built on.
        base: String,
        /// The versions it accepts.
        wanted: String,
        /// The module that has the base class.
        module: String,
        /// That module's version.
        found: Box<Version>,
    },
    /// A class is, over some steps, built on itself.
    #[error("class {class} is built on itself: {circle}")]
    Circle {
        /// The class.
        class: String,
        /// The way back to it.
        circle: String,
    },
}

impl Refusal {
    /// What to do about it, in one line.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OtherApi { built_for, here } => {
                let than =
                    if built_for > here { "or update disklessset" } else { "or use its newer version" };
                format!("rebuild the module against API {}, {than}", here.major)
            }
            Self::Draft => "build it again with the plugin-api of this disklessset".to_owned(),
            Self::Untrusted(untrusted) => untrusted.hint()?.to_owned(),
            Self::Unsigned { .. } => {
                "disklessset module install FILE, with its signature in FILE.sig".to_owned()
            }
            Self::NoExec => "mount it with exec, or give another directory with --modules-dir".to_owned(),
            Self::SameFile { .. }
            | Self::NameTaken { .. }
            | Self::ClassTaken { .. }
            | Self::SourceTaken { .. } => "remove one of the two files".to_owned(),
            Self::AnotherModule { name, .. } => {
                format!("disklessset module remove {name}, then install this one")
            }
            Self::NewerGlibc { .. } => {
                "build the module on the oldest system that it is to run on".to_owned()
            }
            Self::Truncated { .. } => "copy the file again".to_owned(),
            _ => return None,
        })
    }
}

/// The file's name for messages; the whole path when it has none.
pub(crate) fn file_name(path: &Utf8Path) -> &str {
    path.file_name().unwrap_or(path.as_str())
}
