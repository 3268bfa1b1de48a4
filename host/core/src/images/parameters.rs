//! Parameters files: an image described in YAML, as in 1.x.

use super::manager::ImageManager;
use crate::{
    failure,
    system::{atomic_file, core_dumps},
    yaml,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, ImageName, ParamKind, ParamSpec, Raw, Result};
use serde_yaml::Value;
use std::collections::BTreeMap;

/// The most a parameters file may hold, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// What a parameters file asks for. Values are not checked yet: the class declares what they may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParametersFile {
    /// The image's name.
    pub name: ImageName,
    /// Its class.
    pub image_class: String,
    /// The class's parameters.
    pub given: BTreeMap<String, Raw>,
}

impl ParametersFile {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, or is not a mapping `image_data:` with plain values; file, line and field are named.
    pub fn load(path: &Utf8Path) -> Result<Self> {
        let bytes = atomic_file::read_bounded(path, MOST_BYTES).map_err(failure::usage)?;
        let text = String::from_utf8(bytes).map_err(|_| Error::usage(format!("{path} is not UTF-8 text")))?;
        Self::parse(&text)
            .map_err(|reason| Error::usage(format!("cannot use parameters file {path}")).because(reason))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let document: Value = yaml::from_str(text)?;
        let data = document
            .as_mapping()
            .filter(|top| top.len() == 1)
            .and_then(|top| top.get("image_data"))
            .and_then(Value::as_mapping)
            .ok_or("it is not one mapping `image_data:` of parameters")?;
        let mut given = BTreeMap::new();
        for (key, value) in data {
            let key = key.as_str().ok_or_else(|| format!("{key:?} is no parameter name"))?;
            let raw = raw(value).map_err(|reason| format!("{key}: {reason}"))?;
            if let Some(raw) = raw {
                given.insert(key.to_owned(), raw);
            }
        }
        let mut text_of = |key: &str| match given.remove(key) {
            Some(Raw::Text(text)) => Ok(text),
            Some(Raw::List(_)) => Err(format!("{key}: takes one value, several are given")),
            None => Err(format!("{key}: is missing")),
        };
        let name = ImageName::parse(&text_of("name")?).map_err(|reason| format!("name: {reason}"))?;
        Ok(Self { name, image_class: text_of("image_class")?, given })
    }
}

/// A scalar or a list of scalars as text; nothing for nothing.
pub(super) fn raw(value: &Value) -> Result<Option<Raw>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Sequence(items) => {
            items.iter().map(scalar).collect::<Result<_, _>>().map(|list| Some(Raw::List(list)))
        }
        other => scalar(other).map(|text| Some(Raw::Text(text))),
    }
}

fn scalar(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Err("has an empty item".to_owned()),
        _ => Err("is neither a plain value nor a list of plain values".to_owned()),
    }
}

/// What `image_data.yml` of 1.x has beside the parameters, which its documentation says to copy: 1.x passed over them.
const DERIVED: [&str; 7] = [
    "IMAGE_DIRECTORY",
    "WORKING_DIRECTORY",
    "MOUNT_DIRECTORY",
    "NFS_DIRECTORY",
    "image",
    "is_mounted",
    "creation_date",
];

/// Reads what only parameters files of 1.x have as 1.x did: sizes as numbers of mebibytes, and keys of records, which follow from
/// the name.
fn as_in_1x(params: &[ParamSpec], given: &mut BTreeMap<String, Raw>) {
    given.retain(|key, _| !DERIVED.contains(&key.as_str()) || params.iter().any(|param| param.name == *key));
    for param in params.iter().filter(|param| matches!(param.kind, ParamKind::Size { .. })) {
        if let Some(Raw::Text(text)) = given.get_mut(&param.name)
            && !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_digit())
        {
            text.push('M');
        }
    }
}

impl ImageManager<'_> {
    /// Reads a parameters file. There may be a password in it: from here on the process leaves no core dump.
    ///
    /// # Errors
    /// As [`ParametersFile::load`].
    pub fn parse_parameters_file(&self, path: &Utf8Path) -> Result<ParametersFile> {
        core_dumps::forbid();
        let mut file = ParametersFile::load(path)?;
        if let Ok(creation) = self.creation(&file.image_class) {
            as_in_1x(&creation.params, &mut file.given);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_1x() {
        let text = "image_data:\n  name: web01\n  image_class: LivenetImage\n  password: 'a: b'\n  livenet_type: Type.CORE\n  \
                    selinux: False\n  optimize: true\n  additional_packages: ['vim', git]\n  release_version:\n";
        let file = ParametersFile::parse(text).unwrap();
        assert_eq!((file.name.as_str(), file.image_class.as_str()), ("web01", "LivenetImage"));
        assert_eq!(file.given["additional_packages"], Raw::List(vec!["vim".into(), "git".into()]));
        assert_eq!(file.given["selinux"], Raw::Text("false".into()));
        assert!(!file.given.contains_key("release_version"), "empty is not given");
    }

    #[test]
    fn a_file_made_from_a_record_of_1x() {
        let text = "image_data:\n    \n    name: 007\n    IMAGE_DIRECTORY: /var/www/x/007/\n    password: $6$salt$hash\n    \
                    kernel: vmlinuz-4.18.0\n    image: initramfs-kernel-4.18.0\n    livenet_type: Type.SMALL\n    \
                    livenet_size: 700\n    selinux: False\n    is_mounted: False\n    WORKING_DIRECTORY: /w/007/\n    \
                    MOUNT_DIRECTORY: /w/007/mnt/\n    image_class: LivenetImage\n    creation_date: 2021-06-01";
        let mut file = ParametersFile::parse(text).unwrap();
        assert_eq!(file.name.as_str(), "007");
        let size = ParamSpec::flag("livenet_size", ParamKind::Size { min: 100, max: 900, auto: true }, "");
        as_in_1x(&[size], &mut file.given);
        assert_eq!(file.given["livenet_size"], Raw::Text("700M".into()));
        let left: Vec<&str> = file.given.keys().map(String::as_str).collect();
        assert_eq!(left, ["kernel", "livenet_size", "livenet_type", "password", "selinux"]);
        // A class that has such a parameter itself keeps it.
        let own = ParamSpec::flag("image", ParamKind::Text, "");
        let mut given = BTreeMap::from([("image".to_owned(), Raw::Text("x".into()))]);
        as_in_1x(&[own], &mut given);
        assert!(given.contains_key("image"));
    }

    #[test]
    fn hostile_files_say_what_is_wrong() {
        for (text, reason) in [
            ("", "one mapping"),
            ("image_data: {name: ../x, image_class: A}", "'/'"),
            ("image_data: {image_class: A}", "name: is missing"),
            ("image_data: {name: x, image_class: A}\nextra: 1", "one mapping"),
            ("image_data: {name: x, image_class: A, deep: {a: 1}}", "deep: is neither"),
            ("image_data: {name: x, name: y, image_class: A}", "duplicate"),
            ("image_data: {name: !object:os.system x, image_class: A}", "name: is neither"),
        ] {
            let error = ParametersFile::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
