//! Definitions, read. A file of the older shape, with `image_data:`, describes an image as well: it may hold a password, and is only for
//! making an image.

use super::{paths, secrets};
use crate::{
    failure,
    images::{manager::ImageManager, parameters::raw},
    system::atomic_file,
    yaml,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{ActionSpec, Error, ImageName, ParamKind, ParamSpec, Raw, Refusal, Result};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;

/// The most a definition may hold, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// The key of what is not known of an image whose definition was made from its record.
pub(super) const NOT_ON_RECORD: &str = "not_on_record";

/// An image as a file describes it. Values are not checked yet.
pub struct Definition {
    /// The image's name: that in the file, or the one of the file itself.
    pub name: ImageName,
    /// Its class.
    pub image_class: String,
    /// The file.
    pub path: Utf8PathBuf,
    /// Whether the name stands in the file.
    pub(super) is_named: bool,
    pub(super) given: BTreeMap<String, Raw>,
    pub(super) secret_files: secrets::SecretFiles,
    /// Whether the file itself may hold a secret.
    is_parameters_file: bool,
}

impl Definition {
    /// Whether it is a parameters file, which may hold a password itself.
    pub fn is_parameters_file(&self) -> bool {
        self.is_parameters_file
    }

    /// Whether a value was given for a parameter.
    pub fn has(&self, parameter: &str) -> bool {
        self.given.contains_key(parameter)
    }

    /// The same of an image, without a file.
    pub(super) fn of_image(
        name: ImageName,
        image_class: String,
        given: BTreeMap<String, Raw>,
        secret_files: secrets::SecretFiles,
    ) -> Self {
        let path = Utf8PathBuf::new();
        Self { name, image_class, path, is_named: true, given, secret_files, is_parameters_file: false }
    }
}

impl std::fmt::Debug for Definition {
    // Secrets are among the values.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Definition")
            .field("name", &self.name)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ImageManager<'_> {
    /// Reads a file that describes an image: a definition, or a parameters file.
    ///
    /// # Errors
    /// When it cannot be read, or is neither; all that is wrong with it is told at once.
    pub fn load_image_file(&self, path: &Utf8Path) -> Result<Definition> {
        let path = camino::absolute_utf8(path)
            .map_err(|cause| Error::usage(format!("cannot find {path}")).because(cause))?;
        match document(&path)? {
            Some(mapping) => self.definition_in(&mapping, &path),
            None => {
                let file = self.parse_parameters_file(&path)?;
                Ok(Definition {
                    name: file.name,
                    image_class: file.image_class,
                    path,
                    is_named: true,
                    given: file.given,
                    secret_files: BTreeMap::new(),
                    is_parameters_file: true,
                })
            }
        }
    }

    /// Reads a definition.
    ///
    /// # Errors
    /// As [`ImageManager::load_image_file`]; when it is a parameters file.
    pub fn load_definition(&self, path: &Utf8Path) -> Result<Definition> {
        let definition = self.load_image_file(path)?;
        match definition.is_parameters_file {
            false => Ok(definition),
            true => Err(Error::usage(format!(
                "{} is a parameters file, which is for making an image once: a definition has no image_data:, \
                 its keys stand at the left",
                definition.path
            ))
            .hint("disklessset help parameters")),
        }
    }

    fn definition_in(&self, mapping: &Mapping, path: &Utf8Path) -> Result<Definition> {
        let unusable = |error: Error| error.context(format!("cannot use {path}"));
        let class = match mapping.get("image_class").map(raw) {
            Some(Ok(Some(Raw::Text(class)))) => class,
            None => return Err(unusable(Error::usage("image_class: is missing"))),
            Some(_) => return Err(unusable(Error::usage("image_class: is not one text"))),
        };
        let creation = self.creation(&class).map_err(unusable)?;
        let base = path.parent().unwrap_or(Utf8Path::new("/"));
        let mut read = Reader::of(&creation.params, base);
        for (key, value) in mapping {
            read.key(key, value);
        }
        for (param, file) in read.secret_files.clone() {
            match secrets::read_secret(&file, self.site.observer.as_ref()) {
                Ok(secret) => read.give_secret(&param, secret),
                Err(error) => read.faults.push(format!("{param}_file: {}", failure::one_line(&error))),
            }
        }
        let is_named = read.name.is_some();
        let name = read.name.take().unwrap_or_else(|| path.file_stem().unwrap_or_default().to_owned());
        let name = ImageName::parse(&name);
        if let Err(reason) = &name {
            let of = if is_named { "name" } else { "the name of the file, which is the image's" };
            read.faults.push(format!("{of}: {reason}"));
        }
        let Reader { faults, given, secret_files, .. } = read;
        match (name, faults.is_empty()) {
            (Ok(name), true) => Ok(Definition {
                name,
                image_class: class,
                path: path.to_owned(),
                is_named,
                given,
                secret_files,
                is_parameters_file: false,
            }),
            _ => Err(unusable(self.all_faults(&creation, given, faults))),
        }
    }

    /// The faults of a file, with those that the check of its values finds.
    fn all_faults(&self, creation: &ActionSpec, given: BTreeMap<String, Raw>, faults: Vec<String>) -> Error {
        let refusals = creation.check(given, self).err().unwrap_or_default();
        let mut lines = faults.into_iter().chain(refusals.iter().map(Refusal::to_string));
        let mut error = Error::usage(lines.next().unwrap_or_default());
        error.causes = lines.collect();
        error
    }
}

/// The mapping of a definition. None for what is none, and may be a parameters file.
fn document(path: &Utf8Path) -> Result<Option<Mapping>> {
    let bytes = atomic_file::read_bounded(path, MOST_BYTES).map_err(failure::usage)?;
    let text = String::from_utf8(bytes).map_err(|_| Error::usage(format!("{path} is not UTF-8 text")))?;
    let document: Value =
        yaml::from_str(&text).map_err(|reason| Error::usage(format!("cannot use {path}")).because(reason))?;
    Ok(match document {
        Value::Mapping(mapping) if !mapping.is_empty() && !mapping.contains_key("image_data") => {
            Some(mapping)
        }
        _ => None,
    })
}

/// A definition that is being read.
struct Reader<'a> {
    params: &'a [ParamSpec],
    base: &'a Utf8Path,
    name: Option<String>,
    given: BTreeMap<String, Raw>,
    secret_files: secrets::SecretFiles,
    faults: Vec<String>,
}

impl<'a> Reader<'a> {
    fn of(params: &'a [ParamSpec], base: &'a Utf8Path) -> Self {
        let (given, secret_files) = (BTreeMap::new(), BTreeMap::new());
        Self { params, base, name: None, given, secret_files, faults: Vec::new() }
    }

    fn key(&mut self, key: &Value, value: &Value) {
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

    fn give_secret(&mut self, param: &str, secret: String) {
        let repeated = self.params.iter().any(|known| known.name == param && known.repeated);
        let raw = if repeated { Raw::List(vec![secret]) } else { Raw::Text(secret) };
        self.given.insert(param.to_owned(), raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
