//! Who a file is, read from its identity note: nothing of the file runs.

use std::fs::{File, FileType, Metadata};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::BaseClass;
use disklessset_plugin_api::note::ModuleNote;
use nix::libc;
use semver::Version;
use serde::Deserialize;

use super::elf;
use super::glibc::GlibcVersion;
use super::names::{ClassName, ModuleName, SourceName};
use super::refusal::{Refusal, file_name};

/// Which file it is, whatever its name: two names of one file have the same identity, a file that was changed or replaced
/// has another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

impl FileIdentity {
    /// The identity of the file behind this metadata.
    pub fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { device: metadata.dev(), inode: metadata.ino(), modified }
    }

    /// Whether both are one file, perhaps changed in between.
    pub fn same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// A class as the note of its module has it, its name checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedClass {
    /// The class.
    pub name: ClassName,
    /// The class it is built on, with the module versions it accepts.
    pub base: Option<BaseClass>,
}

/// What the note of a module says, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The module's name.
    pub name: ModuleName,
    /// The API version it was built against, of the same major version as this host's.
    pub api: Version,
    /// The module's own version.
    pub version: Version,
    /// One line about it.
    pub title: String,
    /// Its classes, each name once.
    pub classes: Vec<NotedClass>,
    /// The sources of OS trees that it brings, each name once.
    pub sources: Vec<SourceName>,
}

/// A file whose note was read.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// Which file it is.
    pub file_identity: FileIdentity,
    /// What its note says.
    pub identity: Identity,
    /// The newest glibc that it needs, where it can be told.
    pub glibc: Option<GlibcVersion>,
}

/// The version of the module API of this host.
pub fn host_api() -> Version {
    Version::parse(disklessset_plugin_api::API_VERSION).expect("cargo accepts no other package version")
}

/// Opens a file without waiting on it and without side effects; anything but a regular file is refused.
///
/// # Errors
/// [`Refusal::NotRegular`], [`Refusal::Unreadable`].
pub fn open(path: &Utf8Path) -> Result<(File, Metadata), Refusal> {
    let unreadable = |cause: std::io::Error| Refusal::Unreadable { cause: cause.to_string() };
    open_seen(path, &std::fs::metadata(path).map_err(unreadable)?)
}

/// As [`open`], for a path that was just looked at (through links): opening a device may do things to it, so somebody
/// must look first. What was opened is looked at again.
pub(super) fn open_seen(path: &Utf8Path, seen: &Metadata) -> Result<(File, Metadata), Refusal> {
    let unreadable = |cause: std::io::Error| Refusal::Unreadable { cause: cause.to_string() };
    require_regular(seen.file_type())?;
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    require_regular(metadata.file_type())?;
    Ok((file, metadata))
}

fn require_regular(kind: FileType) -> Result<(), Refusal> {
    let kind = match kind {
        kind if kind.is_file() => return Ok(()),
        kind if kind.is_dir() => "a directory",
        kind if kind.is_fifo() => "a FIFO",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    };
    Err(Refusal::NotRegular { kind })
}

/// Reads and checks the identity of a file, its name aside.
///
/// # Errors
/// The first reason for which it is no module of this host.
pub fn inspect(path: &Utf8Path) -> Result<Inspected, Refusal> {
    let (file, metadata) = open(path)?;
    inspect_open(path, &file, &metadata)
}

pub(super) fn inspect_open(path: &Utf8Path, file: &File, metadata: &Metadata) -> Result<Inspected, Refusal> {
    let read = elf::read(file, metadata.len())?;
    let identity = parse(&read.note)?;
    let file_identity = FileIdentity::of(metadata);
    Ok(Inspected { path: path.to_owned(), file_identity, identity, glibc: read.glibc })
}

impl Inspected {
    /// Refuses a file whose name disagrees with its note: `NAME_module.so` and `libNAME_module.so`, which is what cargo
    /// makes, are right.
    ///
    /// # Errors
    /// [`Refusal::FileName`] with the name it should have.
    pub fn require_file_name(&self) -> Result<(), Refusal> {
        let wanted = self.identity.name.file_name();
        // cargo writes `_` for `-`; a file named by hand may keep the `-`.
        let found = file_name(&self.path).replace('-', "_");
        if found == wanted || found.strip_prefix("lib") == Some(wanted.as_str()) {
            return Ok(());
        }
        let name = self.identity.name.to_string();
        Err(Refusal::FileName { name, file_name: file_name(&self.path).to_owned(), wanted })
    }

    /// Refuses a file that needs a newer glibc than this server has.
    ///
    /// # Errors
    /// [`Refusal::NewerGlibc`] with both versions.
    pub fn require_glibc(&self) -> Result<(), Refusal> {
        match (self.glibc, GlibcVersion::here()) {
            (Some(needed), Some(here)) if needed > here => Err(Refusal::NewerGlibc { needed, here }),
            _ => Ok(()),
        }
    }
}

/// The one field that is read from the note of any version of the API.
#[derive(Deserialize)]
struct AnyNote {
    api: Version,
}

pub(crate) fn parse(descriptor: &[u8]) -> Result<Identity, Refusal> {
    let end = descriptor.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let malformed = |cause: serde_json::Error| Refusal::MalformedNote { cause: cause.to_string() };
    let any: AnyNote = serde_json::from_slice(&descriptor[..end]).map_err(malformed)?;
    let here = host_api();
    // The versions before the shape: a note of another major version may look different.
    if !same_series(&any.api, &here) {
        return Err(Refusal::OtherApi { built_for: any.api, here });
    }
    let note = ModuleNote::parse(descriptor).map_err(malformed)?;
    let name = ModuleName::parse(&note.name)?;
    let wrong = |cause: String| Refusal::MalformedNote { cause };
    if note.title.chars().any(char::is_control) {
        return Err(wrong("a control character in the title".to_owned()));
    }
    if note.classes.is_empty() && note.sources.is_empty() {
        return Err(wrong("no classes and no sources".to_owned()));
    }
    let mut classes: Vec<NotedClass> = Vec::new();
    for class in note.classes {
        let name = ClassName::parse(&class.name)?;
        if classes.iter().any(|other| other.name == name) {
            return Err(wrong(format!("class {name} is there twice")));
        }
        if let Some(base) = &class.base {
            ClassName::parse(&base.class)?;
            semver::VersionReq::parse(&base.version).map_err(|cause| {
                wrong(format!("class {name} accepts no version of {}: {cause}", base.class))
            })?;
        }
        classes.push(NotedClass { name, base: class.base });
    }
    let mut sources: Vec<SourceName> = Vec::new();
    for source in note.sources {
        let name = SourceName::parse(&source)?;
        if sources.contains(&name) {
            return Err(wrong(format!("source {name} is there twice")));
        }
        sources.push(name);
    }
    Ok(Identity { name, api: note.api, version: note.version, title: note.title, classes, sources })
}

/// Whether a module built against one of the two versions works with a host of the other.
pub(super) fn same_series(one: &Version, other: &Version) -> bool {
    one.major == other.major && (one.major != 0 || one.minor == other.minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        parse(json.as_bytes()).unwrap_err().to_string()
    }

    const GOOD: &str = r#"{"api":"1.0.0","name":"demo","version":"0.1.0","title":"t","classes":[{"name":"DemoImage"},null]}"#;

    #[test]
    fn a_good_note_is_read_and_unknown_fields_are_left_alone() {
        let identity = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(identity.name.as_str(), "demo");
        assert_eq!(identity.classes[0].name.as_str(), "DemoImage");
        let padded = format!("{}\0\0", GOOD.replace("\"title\"", "\"colour\":[1],\"title\""));
        assert_eq!(parse(padded.as_bytes()).unwrap(), identity);
        assert!(parse(GOOD.replace("1.0.0", "1.7.3").as_bytes()).is_ok(), "a newer minor is fine");
    }

    #[test]
    fn a_module_may_bring_sources_alone_with_names_of_their_own() {
        let with = |classes: &str, sources: &str| {
            let lists = format!("\"classes\":[{classes}],\"sources\":[{sources}]");
            GOOD.replace("\"classes\":[{\"name\":\"DemoImage\"},null]", &lists)
        };
        let identity = parse(with("null", "\"zypper\",\"pacman\",null").as_bytes()).unwrap();
        assert!(identity.classes.is_empty());
        assert_eq!(identity.sources.iter().map(SourceName::as_str).collect::<Vec<_>>(), ["zypper", "pacman"]);
        assert!(refusal(&with("", "null")).contains("no classes and no sources"));
        assert!(refusal(&with("", "\"zypper\",\"zypper\"")).contains("source zypper is there twice"));
        let built_in = refusal(&with("", "\"apt\""));
        assert_eq!(built_in, "name of a source \"apt\" is a source of disklessset itself");
    }

    #[test]
    fn another_major_is_told_before_anything_else_is_looked_at() {
        let error = parse(br#"{"api":"2.0.0","module":{"new":"shape"}}"#).unwrap_err();
        let here = host_api();
        assert_eq!(error.to_string(), format!("built against module API 2.0.0, this disklessset has {here}"));
        assert_eq!(error.hint().unwrap(), "rebuild the module against API 1, or update disklessset");
        assert!(refusal(&GOOD.replace("1.0.0", "0.9.0")).starts_with("built against module API 0.9.0"));
    }

    #[test]
    fn broken_notes_are_refused_in_one_line() {
        for (from, to, reason) in [
            ("{\"api\"", "garbage", "malformed identity note"),
            ("1.0.0", "one", "malformed identity note"),
            ("\"demo\"", "\"Demo\"", "module name \"Demo\" must start"),
            ("\"demo\"", "\"remove\"", "is a command of disklessset itself"),
            ("\"demo\"", "\"../../x\"", "module name \"../../x\""),
            ("DemoImage", "Demo Image", "class name \"Demo Image\""),
            ("{\"name\":\"DemoImage\"},", "", "no classes"),
            (",null", ",{\"name\":\"DemoImage\"}", "class DemoImage is there twice"),
            ("\"t\"", "\"\\u001b[2J\"", "control character"),
            (
                "\"DemoImage\"}",
                "\"X\",\"base\":{\"class\":\"Y\",\"version\":\"new\"}}",
                "accepts no version of Y",
            ),
        ] {
            let changed = GOOD.replacen(from, to, 1);
            assert_ne!(changed, GOOD);
            let error = refusal(&changed);
            assert!(error.contains(reason), "{to:?}: {error}");
            assert!(!error.contains('\n'), "one line: {error:?}");
        }
    }
}
