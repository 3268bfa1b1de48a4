//! What is on record of the versions of one image, and of no other.

use super::MadeFrom;
use crate::{failure, system::atomic_file, yaml};
use camino::Utf8Path;
use disklessset_oci::names::{Digest, Tag, VersionNumber};
use disklessset_plugin_api::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most a history may hold, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// The format that is written.
const FORMAT: u32 = 1;

/// One version of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its number.
    pub number: VersionNumber,
    /// Its manifest, which is what it is.
    pub digest: Digest,
    /// Bytes of the manifest.
    pub manifest_bytes: u64,
    /// When it was made.
    pub date: jiff::Timestamp,
    /// The action that made it.
    pub action: String,
    /// The class of the image then.
    pub class: String,
    /// The version of its kernel, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Bytes of the files that no version had before.
    pub new_bytes: u64,
    /// When it was current for the last time. None for the current one, and for one that never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<jiff::Timestamp>,
    /// When a pool or a node named it for the last time, and does so no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unnamed: Option<jiff::Timestamp>,
    /// The memory that a machine needs to boot it, in mebibytes, where that was found out by booting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mebibytes: Option<u32>,
    /// The text of the image's record.
    pub(crate) record: String,
    /// What it was made from, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made_from: Option<MadeFrom>,
}

/// The versions of one image, and their tags.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    format: u32,
    /// The number of the next version. Those of versions that are gone are not given again.
    next: VersionNumber,
    versions: Vec<Version>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, VersionNumber>,
}

impl Default for History {
    fn default() -> Self {
        Self { format: FORMAT, next: VersionNumber::FIRST, versions: Vec::new(), tags: BTreeMap::new() }
    }
}

impl History {
    /// Reads a history; one that is not there has no versions.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    pub(crate) fn load(path: &Utf8Path) -> Result<Self> {
        let bytes = match atomic_file::read_bounded(path, MOST_BYTES) {
            Err(error) if error.is_not_found() => return Ok(Self::default()),
            read => read.map_err(failure::of)?,
        };
        Self::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|reason| Error::failed(format!("cannot understand {path}: {reason}")))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let history: Self = yaml::from_own_str(text)?;
        if history.format != FORMAT {
            return Err(format!("it has format {}, of a newer disklessset", history.format));
        }
        let rises = |pair: &[Version]| pair[0].number < pair[1].number;
        if !history.versions.windows(2).all(rises) {
            return Err("its versions are not in order".to_owned());
        }
        if history.versions.last().is_some_and(|last| last.number >= history.next) {
            return Err("its next number is taken already".to_owned());
        }
        if let Some((tag, _)) = history.tags.iter().find(|(tag, _)| tag.parse::<Tag>().is_err()) {
            return Err(format!("{tag:?} is no tag"));
        }
        Ok(history)
    }

    /// Writes it, whole and durably, readable by root alone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn save(&self, path: &Utf8Path) -> Result<()> {
        let text = serde_yaml::to_string(self)
            .map_err(|cause| Error::failed(format!("cannot write {path}")).because(cause))?;
        atomic_file::replace(path, text.as_bytes(), 0o600).map_err(failure::of)
    }

    /// The versions, oldest first.
    pub(crate) fn versions(&self) -> &[Version] {
        &self.versions
    }

    /// One of them.
    pub(crate) fn get(&self, number: VersionNumber) -> Option<&Version> {
        self.versions.iter().find(|version| version.number == number)
    }

    /// One of them, to be changed.
    pub(crate) fn get_mut(&mut self, number: VersionNumber) -> Option<&mut Version> {
        self.versions.iter_mut().find(|version| version.number == number)
    }

    /// The number that the next version gets.
    pub(crate) fn next(&self) -> VersionNumber {
        self.next
    }

    /// Adds the next version.
    pub(crate) fn push(&mut self, version: Version) {
        self.next = version.number.next().unwrap_or(version.number);
        self.versions.push(version);
    }

    /// Takes back the newest version, which nobody has seen: its number is given again.
    pub(crate) fn take_back(&mut self, number: VersionNumber) {
        self.remove(number);
        if number.next() == Some(self.next) {
            self.next = number;
        }
    }

    /// Removes a version and its tags. Its number is not given again.
    pub(crate) fn remove(&mut self, number: VersionNumber) {
        self.versions.retain(|version| version.number != number);
        self.tags.retain(|_, tagged| *tagged != number);
    }

    /// The tags with the numbers of their versions.
    pub(crate) fn tags(&self) -> &BTreeMap<String, VersionNumber> {
        &self.tags
    }

    /// The tags of a version.
    pub(crate) fn tags_of(&self, number: VersionNumber) -> Vec<String> {
        self.tags.iter().filter(|(_, tagged)| **tagged == number).map(|(tag, _)| tag.clone()).collect()
    }

    /// Gives a version a tag; the one that had it loses it.
    pub(crate) fn tag(&mut self, tag: &Tag, number: VersionNumber) {
        self.tags.insert(tag.to_string(), number);
    }

    /// Takes a tag away.
    pub(crate) fn untag(&mut self, tag: &Tag) {
        self.tags.remove(tag.as_str());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::versions) fn version(number: u64) -> Version {
        Version {
            number: VersionNumber::new(number).unwrap(),
            digest: Digest::of(&number.to_le_bytes()),
            manifest_bytes: 9,
            date: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
            action: "create".to_owned(),
            class: "LivenetImage".to_owned(),
            kernel: Some("6.1".to_owned()),
            size_bytes: 10,
            new_bytes: 5,
            withdrawn: None,
            unnamed: None,
            memory_mebibytes: None,
            record: "image_data: {}\n".to_owned(),
            made_from: None,
        }
    }

    fn number(number: u64) -> VersionNumber {
        VersionNumber::new(number).unwrap()
    }

    #[test]
    fn a_history_comes_back_as_it_was_written_and_only_root_reads_it() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("web01.yml");
        assert_eq!(History::load(&path).unwrap(), History::default());
        let mut history = History::default();
        history.push(version(1));
        history.push(Version { withdrawn: Some(jiff::Timestamp::UNIX_EPOCH), ..version(2) });
        history.tag(&"tested".parse().unwrap(), number(2));
        history.save(&path).unwrap();
        assert_eq!(History::load(&path).unwrap(), history);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_number_is_given_again_only_where_nobody_has_seen_its_version() {
        let mut history = History::default();
        history.push(version(1));
        history.push(version(2));
        history.take_back(number(2));
        assert_eq!(history.next(), number(2));
        history.push(version(2));
        history.tag(&"tested".parse().unwrap(), number(2));
        history.remove(number(2));
        assert_eq!((history.next(), history.tags().len()), (number(3), 0));
    }

    #[test]
    fn what_is_no_history_is_refused_in_one_line() {
        let mut history = History::default();
        history.push(version(1));
        let good = serde_yaml::to_string(&history).unwrap();
        assert!(History::parse(&good).is_ok());
        for bad in [
            String::new(),
            good.replace("format: 1", "format: 2"),
            good.replace("next: 2", "next: 1"),
            good.replace("number: 1", "number: 0"),
            good.replace("sha256:", "md5:"),
            format!("{good}tags:\n  '1': 1\n"),
        ] {
            let reason = History::parse(&bad).expect_err(&bad);
            assert!(!reason.contains('\n'), "{reason}");
        }
    }
}
