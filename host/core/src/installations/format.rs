//! The shape of `installations.yml`: which images are being created, and by whom.
//!
//! The file of 1.x is read as it is (a class and a pid); keys added here or by a later version are kept.

use crate::{
    system::{FileError, process::ProcessIdentity},
    yaml,
};
use disklessset_plugin_api::{ImageName, KernelVersion};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most this file may hold, in bytes: a thousand creations at once is far below it.
pub(crate) const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// One creation under way, or crashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Installation {
    /// The class of the image.
    pub image_class: String,
    /// The process that creates it; for people and for 1.x, which knows nothing else.
    pub pid: u32,
    /// When that process started, in clock ticks after boot. Absent in entries of 1.x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<u64>,
    /// The boot that process ran in. Absent in entries of 1.x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_id: Option<String>,
    /// When the creation began, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The registered kernel the image will use, so that nobody removes it meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<KernelVersion>,
    /// Keys of other versions.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_yaml::Value>,
}

impl Installation {
    /// An entry for a creation by this very process.
    ///
    /// # Errors
    /// When the system does not tell who this process is.
    pub(crate) fn by_this_process(
        image_class: &str,
        kernel: Option<KernelVersion>,
    ) -> Result<Self, FileError> {
        let me = ProcessIdentity::of_self()?;
        Ok(Self {
            image_class: image_class.to_owned(),
            pid: me.pid,
            start_time: Some(me.start_time),
            boot_id: Some(me.boot_id),
            since: Some(jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()),
            kernel,
            other: BTreeMap::new(),
        })
    }

    /// Whether the entry was written by 1.x, which held no lock while it created.
    pub(crate) fn is_legacy(&self) -> bool {
        self.boot_id.is_none()
    }
}

/// All entries by image name.
///
/// Names that break the rules of [`ImageName`] are kept under their text, so that one bad line neither hides the others nor
/// gets lost.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Entries {
    /// The good ones.
    pub images: BTreeMap<ImageName, Installation>,
    /// What could not be understood: key and reason. Written back as it was.
    pub strange: BTreeMap<String, (serde_yaml::Value, String)>,
}

impl Entries {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// When it is no YAML mapping; the message names the line.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut entries = Self::default();
        if text.trim().is_empty() {
            return Ok(entries);
        }
        let document: serde_yaml::Value = yaml::from_str(text)?;
        let mapping = match document {
            serde_yaml::Value::Null => return Ok(entries),
            serde_yaml::Value::Mapping(mapping) => mapping,
            _ => return Err("it is no mapping of image names".to_owned()),
        };
        for (key, value) in mapping {
            let key = scalar_text(&key);
            // `1` and "1" are two keys to YAML and one name here: one of the entries would get lost.
            if entries.has(&key) {
                return Err(format!("{key:?} is there twice"));
            }
            let entry = serde_yaml::from_value::<Installation>(value.clone());
            match (ImageName::parse(&key), entry) {
                (Ok(name), Ok(entry)) => {
                    entries.images.insert(name, entry);
                }
                (Err(reason), _) => {
                    entries.strange.insert(key, (value, reason.to_string()));
                }
                (_, Err(cause)) => {
                    entries.strange.insert(key, (value, yaml::reason(&cause)));
                }
            }
        }
        Ok(entries)
    }

    fn has(&self, key: &str) -> bool {
        self.strange.contains_key(key)
            || ImageName::parse(key).is_ok_and(|name| self.images.contains_key(&name))
    }

    /// The text of the file, when it reads back as it is: YAML has values that cannot be written, such as keys with a tag.
    ///
    /// # Errors
    /// What cannot be written, in one line.
    pub(crate) fn kept_text(&self) -> Result<String, String> {
        let text = self
            .to_text()
            .map_err(|cause| format!("an entry cannot be written back: {}", yaml::reason(&cause)))?;
        match Self::parse(&text)? {
            read if read == *self => Ok(text),
            _ => Err("an entry would not be read back as it is".to_owned()),
        }
    }

    fn to_text(&self) -> Result<String, serde_yaml::Error> {
        let mut mapping = serde_yaml::Mapping::new();
        for (name, entry) in &self.images {
            let value = serde_yaml::to_value(entry)?;
            mapping.insert(name.as_str().into(), value);
        }
        for (name, (value, _)) in &self.strange {
            mapping.insert(name.as_str().into(), value.clone());
        }
        serde_yaml::to_string(&mapping)
    }
}

/// A YAML key as text: image names may look like numbers or booleans to YAML.
fn scalar_text(value: &serde_yaml::Value) -> String {
    match value {
        serde_yaml::Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap_or_default().trim_end().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_1x_is_read() {
        let entries = Entries::parse("web01:\n  image_class: LivenetImage\n  pid: 4242\n").unwrap();
        let entry = &entries.images[&ImageName::parse("web01").unwrap()];
        assert_eq!((entry.image_class.as_str(), entry.pid), ("LivenetImage", 4242));
        assert!(entry.is_legacy());
        assert_eq!(Entries::parse("{}\n").unwrap(), Entries::default());
        assert_eq!(Entries::parse("").unwrap(), Entries::default(), "what a full disk left of it");
    }

    #[test]
    fn names_that_yaml_takes_for_something_else_are_kept() {
        let mut entries = Entries::default();
        for name in ["007", "1e3", "yes", "null", "~1".trim_start_matches('~'), "0x1F", "1.0"] {
            entries.images.insert(
                ImageName::parse(name).unwrap(),
                Installation::by_this_process("DemoImage", None).unwrap(),
            );
        }
        assert_eq!(Entries::parse(&entries.kept_text().unwrap()).unwrap(), entries);
    }

    #[test]
    fn keys_of_other_versions_and_strange_entries_survive() {
        let text =
            "../x:\n  image_class: A\n  pid: 1\nweb:\n  image_class: A\n  pid: 1\n  colour: red\nbad: 3\n";
        let entries = Entries::parse(text).unwrap();
        assert_eq!(entries.images.len(), 1);
        assert_eq!(entries.strange.len(), 2);
        assert_eq!(Entries::parse(&entries.kept_text().unwrap()).unwrap(), entries);
    }

    #[test]
    fn what_cannot_be_written_back_is_said_and_one_name_is_not_two() {
        let entries = Entries::parse("web:\n  image_class: A\n  pid: 1\nx:\n  ? !t y\n  : z\n").unwrap();
        assert_eq!((entries.images.len(), entries.strange.len()), (1, 1));
        let reason = entries.kept_text().unwrap_err();
        assert!(reason.starts_with("an entry ") && !reason.contains('\n'), "{reason}");
        assert_eq!(Entries::parse("1: 2\n'1': 3\n").unwrap_err(), "\"1\" is there twice");
    }
}
