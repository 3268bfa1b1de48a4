//! Definitions applied: what is missing is made, what has changed is made again, the rest is left.

use super::{DefinitionChange, checked::Checked, digests::FileDigests, file::Definition, rebuild::Rebuilt};
use crate::{
    images::manager::ImageManager,
    records::ImageStatus,
    versions::{MadeFrom, Version},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};
use std::collections::BTreeMap;

/// What is done about one definition.
#[derive(Debug, Clone)]
pub enum PlannedStep {
    /// The image is not there: it is made.
    Create,
    /// What it is made from has changed: it is made again.
    Rebuild(Vec<DefinitionChange>),
    /// It is made from this definition. The version that is named waits for its release.
    Leave(Option<String>),
    /// It cannot be made again: others go on.
    Refused(Error),
}

/// A definition with what is done about it.
#[derive(Debug)]
pub struct PlannedImage {
    /// The definition.
    pub definition: Definition,
    /// What is done.
    pub step: PlannedStep,
}

/// Definitions that are read and checked, and what is known of their files.
#[derive(Debug)]
pub struct Plan {
    /// The images by their names.
    pub images: Vec<PlannedImage>,
    digests: FileDigests,
    discard_edits: bool,
}

impl ImageManager<'_> {
    /// Reads definitions, files or all files of directories, and finds out what is to be done about each.
    ///
    /// # Errors
    /// When one of them cannot be used, or two describe one image: all that is wrong is told at once. Nothing is done then.
    pub fn plan_definitions(&self, paths: &[Utf8PathBuf], discard_edits: bool) -> Result<Plan> {
        let (mut faults, mut read) = (Vec::new(), BTreeMap::<ImageName, Definition>::new());
        for path in files_of(paths)? {
            match self.load_definition(&path) {
                Err(error) => faults.push(error),
                Ok(definition) => match read.get(&definition.name) {
                    Some(other) if other.path == definition.path => {}
                    Some(other) => faults.push(Error::usage(format!(
                        "{} and {} describe one image, {}",
                        other.path, definition.path, definition.name
                    ))),
                    None => drop(read.insert(definition.name.clone(), definition)),
                },
            }
        }
        let (mut images, digests) = (Vec::new(), FileDigests::default());
        for definition in read.into_values() {
            match self.planned(&definition, discard_edits, &digests) {
                Ok(step) => images.push(PlannedImage { definition, step }),
                Err(error) => faults.push(error),
            }
        }
        match all_of(faults) {
            Some(error) => Err(error),
            None => Ok(Plan { images, digests, discard_edits }),
        }
    }

    /// Does what was planned about one definition; tells of the version that came of it.
    ///
    /// # Errors
    /// As those of creating and of [`ImageManager::rebuild`]; the refusal that was planned.
    pub fn apply_planned(&self, plan: &Plan, planned: &PlannedImage) -> Result<Option<Rebuilt>> {
        let definition = &planned.definition;
        match &planned.step {
            PlannedStep::Leave(_) => Ok(None),
            PlannedStep::Refused(error) => Err(error.clone()),
            PlannedStep::Create => self.create_from(definition).map(|()| None),
            PlannedStep::Rebuild(_) => self
                .rebuild_knowing(&definition.name, Some(definition), plan.discard_edits, &plan.digests)
                .map(Some),
        }
    }

    /// Makes a new image from a definition or a parameters file.
    ///
    /// # Errors
    /// As [`ImageManager::run_action`].
    pub fn create_from(&self, definition: &Definition) -> Result<()> {
        let creation = self.creation(&definition.image_class)?;
        let (class, words, name) = (&definition.image_class, &creation.words, &definition.name);
        self.run_action_of_files(class, words, name, definition.given.clone(), &definition.secret_files)
            .map(drop)
    }

    /// Refuses what [`ImageManager::create_from`] would refuse, before something is done.
    ///
    /// # Errors
    /// As [`ImageManager::rehearse`].
    pub fn rehearse_from(&self, definition: &Definition) -> Result<()> {
        let creation = self.creation(&definition.image_class)?;
        let (class, words) = (&definition.image_class, &creation.words);
        self.rehearse(class, words, &definition.name, definition.given.clone())
    }

    /// What is to be done about a definition. An error is a fault of the file; what is about the image alone is planned as a refusal.
    fn planned(
        &self,
        definition: &Definition,
        discard_edits: bool,
        digests: &FileDigests,
    ) -> Result<PlannedStep> {
        let name = &definition.name;
        let checked = self.checked(definition, digests)?;
        let entries = self.records.entries()?;
        let image = match self.records.status_of(name, &entries) {
            // What is left of a crash is cleaned first.
            ImageStatus::Corrupted => None,
            _ if !self.records.exists(name) => match self.must_be_free(name) {
                Ok(()) => None,
                Err(error) => return Ok(PlannedStep::Refused(error)),
            },
            _ => match self.get_created_image(name) {
                Ok(image) => Some(image),
                Err(error) => return Ok(PlannedStep::Refused(error)),
            },
        };
        let Some(image) = image else {
            self.checked_by_class(definition, &checked)?;
            return Ok(PlannedStep::Create);
        };
        if image.class() == definition.image_class
            && let Some(before) = self.current_made_from(name)?
        {
            if checked.changes_since(&before).is_empty() {
                return Ok(PlannedStep::Leave(None));
            }
            if let Some(waiting) = self.waiting(name, &checked)? {
                return Ok(PlannedStep::Leave(Some(waiting)));
            }
            return Ok(match self.ready(&image, Some(definition), discard_edits, digests) {
                Ok(_) => PlannedStep::Rebuild(checked.changes_since(&before)),
                Err(error) => PlannedStep::Refused(error),
            });
        }
        Ok(match self.ready(&image, Some(definition), discard_edits, digests) {
            Ok(_) => PlannedStep::Rebuild(Vec::new()),
            Err(error) => PlannedStep::Refused(error),
        })
    }

    /// A version that was made from this definition and waits for its release.
    fn waiting(&self, name: &ImageName, checked: &Checked) -> Result<Option<String>> {
        let current = self.store().current(name.as_str())?.map(|marker| marker.version.number());
        let history = self.store().history(name)?;
        let same = |made: &MadeFrom| made.edits.is_empty() && checked.changes_since(made).is_empty();
        let waits = |version: &&Version| {
            Some(version.number) > current
                && version.withdrawn.is_none()
                && version.made_from.as_ref().is_some_and(same)
        };
        let found = history.versions().iter().rev().find(waits);
        Ok(found.map(|version| format!("{name}@{}", version.number)))
    }
}

/// The files that are named, and those in directories that are.
fn files_of(paths: &[Utf8PathBuf]) -> Result<Vec<Utf8PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(files_in(path)?),
            false => files.push(path.clone()),
        }
    }
    Ok(files)
}

fn files_in(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let failed = |cause| Error::usage(format!("cannot read {directory}")).because(cause);
    let mut files = Vec::new();
    for entry in directory.read_dir_utf8().map_err(failed)? {
        let path = entry.map_err(failed)?.into_path();
        let is_yaml = matches!(path.extension(), Some("yml" | "yaml"));
        let is_hidden = path.file_name().is_some_and(|name| name.starts_with('.'));
        if is_yaml && !is_hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    match files.is_empty() {
        true => Err(Error::usage(format!("there is no definition in {directory}: no file *.yml or *.yaml"))),
        false => Ok(files),
    }
}

/// The error of all faults: each with its causes, the first one first.
fn all_of(faults: Vec<Error>) -> Option<Error> {
    let kind = match faults.as_slice() {
        [] => return None,
        [only] => return Some(only.clone()),
        [first, others @ ..] if others.iter().all(|other| other.kind == first.kind) => first.kind,
        _ => ErrorKind::USAGE,
    };
    let files = faults.len();
    let mut all = Error::new(kind, format!("{files} definitions cannot be used: nothing was done"));
    for fault in faults {
        all.hint = all.hint.or_else(|| fault.hint.clone());
        let lines = std::iter::once(fault.message).chain(fault.causes);
        all = all.because(lines.collect::<Vec<_>>().join(": "));
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_directory_are_those_that_are_yaml_and_one_without_any_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        assert!(files_of(&[base.to_owned()]).unwrap_err().message.contains("no definition"));
        for name in ["b.yml", "a.yaml", "run.sh", ".hidden.yml"] {
            let file = tempfile::Builder::new().prefix(name).rand_bytes(0).tempfile_in(base).unwrap();
            let _ = file.keep().unwrap();
        }
        assert_eq!(files_of(&[base.to_owned()]).unwrap(), [base.join("a.yaml"), base.join("b.yml")]);
        assert_eq!(files_of(&["/x".into()]).unwrap(), ["/x"]);
    }

    #[test]
    fn all_faults_are_told_and_the_code_is_theirs_where_they_agree() {
        let not_found = || Error::new(ErrorKind::NOT_FOUND, "a").because("b");
        assert!(all_of(Vec::new()).is_none());
        assert_eq!(all_of(vec![not_found()]).unwrap().message, "a");
        let two = all_of(vec![not_found(), not_found()]).unwrap();
        assert_eq!(
            (two.kind, two.causes),
            (ErrorKind::NOT_FOUND, vec!["a: b".to_owned(), "a: b".to_owned()])
        );
        assert_eq!(all_of(vec![not_found(), Error::refused("c")]).unwrap().kind, ErrorKind::USAGE);
    }
}
