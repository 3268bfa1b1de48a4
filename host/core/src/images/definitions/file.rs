//! Definitions, read. A file of the older shape, with `image_data:`, describes an image as well: it may hold a password, and is only for
//! making an image.

use super::{reader::Reader, secrets};
use crate::{
    failure,
    images::{manager::ImageManager, parameters::raw},
    system::atomic_file,
    yaml,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{ActionSpec, Error, ImageName, Raw, Refusal, Result};
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
        Self { name, image_class, path, given, secret_files, is_parameters_file: false }
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
