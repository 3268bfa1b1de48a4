//! `image_data.yml`: all attributes of an image.

use super::{file_names, legacy_record};
use crate::{
    system::{FileError, atomic_file},
    yaml,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Attributes, ImageName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The most a record may hold, in bytes. Ours have a few hundred; a longer one is no record.
pub(crate) const MOST_BYTES: u64 = 1024 * 1024;
/// The format written; 1.x wrote none.
const FORMAT: u64 = 2;

/// The attributes of one image, as they are on disk.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ImageRecord {
    /// The class the image was made with.
    pub image_class: String,
    /// Everything else, by name. The image's own name is that of its directory and not in here.
    pub attributes: Attributes,
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordError {
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not a record.
    #[error("cannot understand {path}: {reason}")]
    Unreadable {
        /// The file.
        path: Utf8PathBuf,
        /// Line and reason.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    format: Option<u64>,
    image_data: Attributes,
}

#[derive(Serialize)]
struct NewDocument<'a> {
    format: u64,
    image_data: &'a Attributes,
}

impl ImageRecord {
    /// Reads the record in an image's directory.
    ///
    /// # Errors
    /// When there is none, or it cannot be understood; the message names the line.
    pub(crate) fn load(directory: &Utf8Path) -> Result<Self, RecordError> {
        let path = directory.join(file_names::RECORD);
        let bytes = atomic_file::read_bounded(&path, MOST_BYTES)?;
        Self::of_bytes(path, &bytes)
    }

    /// Reads the content of a record.
    ///
    /// # Errors
    /// When it cannot be understood; the message names the line.
    pub(super) fn of_bytes(path: Utf8PathBuf, bytes: &[u8]) -> Result<Self, RecordError> {
        // Not read with replacement characters, which the next saving would make the truth.
        let text = std::str::from_utf8(bytes).map_err(|cause| format!("it is not UTF-8 text: {cause}"));
        text.and_then(Self::parse).map_err(|reason| RecordError::Unreadable { path, reason })
    }

    /// Reads the text of a record, ours or that of 1.x.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        // Lines of 1.x are not YAML where a value has `: ` or `#` in it, so they are tried first, and only they match.
        let mut attributes = match legacy_record::parse(text) {
            Some(attributes) => attributes,
            None => {
                let document: Document = yaml::from_own_str(text)?;
                match document.format {
                    Some(newer) if newer > FORMAT => {
                        return Err(format!(
                            "format {newer} is newer than this disklessset, which knows {FORMAT}"
                        ));
                    }
                    _ => document.image_data,
                }
            }
        };
        let Some(Value::String(image_class)) = attributes.remove("image_class") else {
            return Err("it names no image_class".to_owned());
        };
        attributes.remove("name");
        Ok(Self { image_class, attributes })
    }

    /// The text of the record of an image of this name.
    pub(crate) fn to_text(&self, name: &ImageName) -> String {
        let mut data = self.attributes.clone();
        data.insert("name".to_owned(), name.as_str().into());
        data.insert("image_class".to_owned(), self.image_class.as_str().into());
        let text = serde_yaml::to_string(&NewDocument { format: FORMAT, image_data: &data })
            .expect("attributes are plain data");
        text.split_inclusive('\n').map(plain_for_1x).collect()
    }

    /// The text of the record, when it comes back exactly as it is: what is written must be readable for ever.
    ///
    /// # Errors
    /// Why it could not be read again.
    pub(crate) fn kept_text(&self, name: &ImageName) -> Result<String, String> {
        let text = self.to_text(name);
        if text.len() as u64 > MOST_BYTES {
            return Err(format!("they take {} bytes, at most {MOST_BYTES} are allowed", text.len()));
        }
        match Self::parse(&text)? {
            read if read == *self => Ok(text),
            _ => Err("they would not be read back as they are".to_owned()),
        }
    }

    /// The mode of the file: 0600 when it has a password or the hash of one in it (records of 1.x do), 0644 otherwise. It
    /// lies where the web server serves from.
    pub(crate) fn mode(&self) -> u32 {
        let secret = self.attributes.iter().any(|(name, value)| is_secret(name, value));
        if secret { 0o600 } else { 0o644 }
    }
}

/// Quotes a text that the YAML of 1.x, an older one, takes for a boolean or for a number of minutes: `yes`, `12:30`.
fn plain_for_1x(line: &str) -> String {
    // Attributes stand two blanks in; what is further in belongs to lists and texts of several lines.
    let own = line.strip_prefix("  ").filter(|rest| !rest.starts_with([' ', '-']));
    let Some((key, value)) = own.and_then(|rest| rest.strip_suffix('\n')?.split_once(": ")) else {
        return line.to_owned();
    };
    let boolean = ["y", "n", "yes", "no", "on", "off"].contains(&value.to_ascii_lowercase().as_str());
    let of_minutes =
        value.contains(':') && value.bytes().all(|byte| byte.is_ascii_digit() || b":._+-".contains(&byte));
    if boolean || of_minutes { format!("  {key}: '{value}'\n") } else { line.to_owned() }
}

/// Whether an attribute is a password or the hash of one, by its name or its value.
pub(crate) fn is_secret(name: &str, value: &Value) -> bool {
    name.ends_with("password") || name.ends_with("secret") || has_hash(value)
}

/// Whether there is a hash as crypt writes it (`$6$salt$...`) anywhere in a value.
fn has_hash(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            let mut parts = text.strip_prefix('$').unwrap_or_default().split('$');
            let known =
                |id: &str| matches!(id, "1" | "2a" | "2b" | "2y" | "5" | "6" | "7" | "y" | "gy" | "sha1");
            parts.next().is_some_and(known) && parts.next().is_some()
        }
        Value::Array(values) => values.iter().any(has_hash),
        Value::Object(entries) => entries.values().any(has_hash),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_with_a_password_or_its_hash_is_private() {
        let mode = |key: &str, value: Value| {
            let attributes = Attributes::from([(key.to_owned(), value)]);
            let image_class = "DemoImage".to_owned();
            ImageRecord { image_class, attributes }.mode()
        };
        for (key, value) in [
            ("password", Value::from("x")),
            ("root_password", "x".into()),
            ("account", "$6$salt$hash".into()),
            ("accounts", serde_json::json!([{"name": "a", "hash": "$y$j9T$salt$hash"}])),
        ] {
            assert_eq!(mode(key, value), 0o600, "{key}");
        }
        for text in ["", "$", "$HOME/$USER", "6$x$y", "costs $6"] {
            assert_eq!(mode("message", text.into()), 0o644, "{text}");
        }
    }

    #[test]
    fn attributes_round_trip_exactly() {
        let mut attributes = Attributes::new();
        for (i, text) in [
            "a: b",
            "# no comment",
            "\"'",
            "line\nline",
            "007",
            "yes",
            "Off",
            "12:30:45",
            "null",
            "1e3",
            "ünï",
            " pad ",
            "",
            "- x",
            "{}",
            "~",
        ]
        .into_iter()
        .enumerate()
        {
            attributes.insert(format!("k{i}"), text.into());
        }
        attributes.insert("number".into(), 700.into());
        attributes.insert("list".into(), serde_json::json!(["a", "1"]));
        attributes.insert("flag".into(), true.into());
        let record = ImageRecord { image_class: "DemoImage".into(), attributes };
        let name = ImageName::parse("007").unwrap();
        assert_eq!(ImageRecord::parse(&record.to_text(&name)).unwrap(), record);
        for quoted in ["'yes'", "'Off'", "'12:30:45'"] {
            assert!(record.to_text(&name).contains(quoted), "for 1.x it is none of a text: {quoted}");
        }
    }

    #[test]
    fn hostile_files_are_refused_in_one_line() {
        let bomb = "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n\
                    d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nimage_data: {x: [*e,*e,*e,*e,*e,*e,*e,*e]}\n";
        let deep = format!("image_data: {}{}", "[".repeat(5000), "]".repeat(5000));
        for text in [
            "",
            "image_data:",
            "[1, 2]",
            "image_data: {name: x}",
            "image_data: !!python/object:os.system x",
            bomb,
            &deep,
        ] {
            let reason = ImageRecord::parse(text).unwrap_err();
            assert!(!reason.contains('\n') && reason.len() < 400, "{reason}");
        }
    }

    #[test]
    fn a_newer_format_is_left_alone() {
        let reason = ImageRecord::parse("format: 3\nimage_data: {image_class: A}\n").unwrap_err();
        assert!(reason.contains("newer"), "{reason}");
    }
}
