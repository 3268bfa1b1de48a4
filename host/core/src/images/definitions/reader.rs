//! The keys of a definition, taken one by one: all that is wrong is kept, to be told at once.

use super::{file::NOT_ON_RECORD, paths, secrets};
use crate::images::parameters::raw;
use camino::Utf8Path;
use disklessset_plugin_api::{ParamKind, ParamSpec, Raw};
use serde_yaml::Value;
use std::collections::BTreeMap;

/// A definition that is being read.
pub(super) struct Reader<'a> {
    params: &'a [ParamSpec],
    base: &'a Utf8Path,
    pub(super) name: Option<String>,
    pub(super) given: BTreeMap<String, Raw>,
    pub(super) secret_files: secrets::SecretFiles,
    pub(super) faults: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn of(params: &'a [ParamSpec], base: &'a Utf8Path) -> Self {
        let (given, secret_files) = (BTreeMap::new(), BTreeMap::new());
        Self { params, base, name: None, given, secret_files, faults: Vec::new() }
    }

    /// Takes a key with its value.
    pub(super) fn key(&mut self, key: &Value, value: &Value) {
        let Some(key) = key.as_str() else {
            self.faults.push(format!("{key:?} is no key"));
            return;
        };
        let raw = match raw(value) {
            Ok(Some(raw)) => raw,
            Ok(None) => return,
            Err(reason) => {
                self.faults.push(format!("{key}: {reason}"));
                return;
            }
        };
        let param = self.params.iter().find(|param| param.name == key);
        match (key, raw, param) {
            ("image_class", ..) => {}
            ("name", Raw::Text(name), _) => self.name = Some(name),
            ("name", ..) => self.faults.push("name: takes one value, several are given".to_owned()),
            (NOT_ON_RECORD, raw, None) => {
                let keys = match raw {
                    Raw::Text(key) => key,
                    Raw::List(keys) => keys.join(", "),
                };
                self.faults.push(format!(
                    "{NOT_ON_RECORD}: nobody knows {keys} of this image: write them into the file, and take this line out"
                ));
            }
            (key, _, Some(param)) if param.kind == ParamKind::Secret => self.faults.push(format!(
                "{key}: a definition holds no secret: write it into a file of its own, and name that: {key}_file: FILE"
            )),
            (key, raw, Some(param)) => {
                self.given.insert(key.to_owned(), paths::based(param, raw, self.base));
            }
            (key, raw, None) => self.other(key, raw),
        }
    }

    /// A key that is no parameter: the file of a secret, or unknown, which the check of the values tells.
    fn other(&mut self, key: &str, raw: Raw) {
        let is_secret = |param: &&ParamSpec| param.kind == ParamKind::Secret;
        let of_secret = self
            .params
            .iter()
            .filter(is_secret)
            .find(|param| key.strip_suffix("_file").is_some_and(|name| name == param.name));
        match (of_secret, raw) {
            (Some(param), Raw::Text(file)) if !file.is_empty() => {
                self.secret_files.insert(param.name.clone(), paths::path_at(&file, self.base).into());
            }
            (Some(_), _) => self.faults.push(format!("{key}: is not one path")),
            (None, raw) => {
                self.given.insert(key.to_owned(), raw);
            }
        }
    }

    /// Takes the secret that was in the file of a parameter.
    pub(super) fn give_secret(&mut self, param: &str, secret: String) {
        let repeated = self.params.iter().any(|known| known.name == param && known.repeated);
        let raw = if repeated { Raw::List(vec![secret]) } else { Raw::Text(secret) };
        self.given.insert(param.to_owned(), raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn params() -> Vec<ParamSpec> {
        vec![
            ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, "").required(),
            ParamSpec::flag("password", ParamKind::Secret, ""),
            ParamSpec::flag("run", ParamKind::Path, ""),
        ]
    }

    fn read(text: &str, look: impl FnOnce(Reader<'_>)) {
        let params = params();
        let mut reader = Reader::of(&params, Utf8Path::new("/git"));
        let document: Value = yaml::from_str(text).unwrap();
        for (key, value) in document.as_mapping().unwrap() {
            reader.key(key, value);
        }
        look(reader);
    }

    #[test]
    fn keys_are_parameters_and_secrets_are_files() {
        read("name: web\nimage_class: A\nkernel: 6.1.0\nrun: go.sh\npassword_file: pw\n", |read| {
            assert_eq!(read.faults, [] as [&str; 0]);
            assert_eq!(read.name.as_deref(), Some("web"));
            assert_eq!(read.given["run"], Raw::Text("/git/go.sh".into()));
            assert_eq!(read.secret_files["password"], "/git/pw");
            assert!(!read.given.contains_key("password_file"));
        });
    }

    #[test]
    fn all_faults_are_told_and_no_value_of_a_secret() {
        let text = "image_class: A\npassword: s3cret\nkernel: {a: b}\nname: [a, b]\n1: x\nnot_on_record: [source, run]\n";
        read(text, |read| {
            let all = read.faults.join("\n");
            for part in [
                "password_file: FILE",
                "kernel: is neither",
                "name: takes one value",
                "is no key",
                "nobody knows source, run",
            ] {
                assert!(all.contains(part), "{part}: {all}");
            }
            assert!(!all.contains("s3cret"), "{all}");
        });
    }
}
