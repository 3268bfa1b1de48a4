//! The actions that modules declare, and changes of created images.

use super::{
    action_checks::refused,
    definitions::{FileDigests, SecretFiles},
    manager::{ImageManager, request},
    versioned::NodesGet,
};
use crate::{
    integrity::Digests,
    operation::{NewFile, Operation, Reading, lock_image},
    records::{ImageRecord, MOST_BYTES, file_names},
    system::{atomic_file, lock::Lock},
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{
    ActionSpec, Arguments, Error, ErrorKind, Image, ImageName, Level, Lookup, ParamKind, Raw, Result, Role,
    messages::steps,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a change of an image came to, before it is saved.
pub(super) struct Changed<T> {
    pub(super) value: T,
    /// Where the manifest of the next state has the digests of files that stay from.
    pub(super) digests: Digests,
    /// Whether the kernel's files may be others under the same names.
    pub(super) kernel_anew: bool,
    /// Whether a command that ran for the user failed: then nothing is changed, the boot file of an older version neither.
    pub(super) failed_inside: bool,
}

impl<T> Changed<T> {
    pub(super) fn of(value: T) -> Self {
        Self { value, digests: Digests::Carried, kernel_anew: false, failed_inside: false }
    }
}

impl ImageManager<'_> {
    /// The declaration of an action of a class, its own or one it inherits.
    ///
    /// # Errors
    /// When no such class or action is there.
    pub fn action(&self, class: &str, words: &str) -> Result<ActionSpec> {
        let actions = self.site.classes.actions_of_class(class)?;
        actions
            .into_iter()
            .find(|action| action.words == words)
            .ok_or_else(|| self.lacking(class, format!("class {class} has no action {words}")))
    }

    /// The declaration of the action that creates images of a class.
    ///
    /// # Errors
    /// When no such class is there, or it creates nothing.
    pub fn creation(&self, class: &str) -> Result<ActionSpec> {
        let actions = self.site.classes.actions_of_class(class)?;
        actions
            .into_iter()
            .find(|action| action.role == Role::Create)
            .ok_or_else(|| self.lacking(class, format!("class {class} creates no images by itself")))
    }

    /// The error of a request for an action that a class does not have, with the command that shows those
    /// it has.
    fn lacking(&self, class: &str, message: String) -> Error {
        let error = Error::new(ErrorKind::USAGE, message);
        match self.site.classes.module_of(class) {
            Some(module) => error.hint(format!("`disklessset module info {module}` shows all actions")),
            None => error.hint("`disklessset module list` shows all classes"),
        }
    }

    /// Runs an action of a class on an image; creations included.
    ///
    /// # Errors
    /// Any error of the checks or of the class. Then nothing has changed, and nothing is left behind.
    pub fn run_action(
        &self,
        class: &str,
        words: &str,
        name: &ImageName,
        given: BTreeMap<String, Raw>,
    ) -> Result<Value> {
        self.run_action_of_files(class, words, name, given, &SecretFiles::new())
    }

    /// The same with the files that secrets were read from: a new image keeps their names, to be made again from them.
    ///
    /// # Errors
    /// As [`ImageManager::run_action`].
    pub fn run_action_of_files(
        &self,
        class: &str,
        words: &str,
        name: &ImageName,
        given: BTreeMap<String, Raw>,
        secret_files: &BTreeMap<String, Utf8PathBuf>,
    ) -> Result<Value> {
        self.site.observed(words, name.as_str(), || self.lead_action(class, words, name, given, secret_files))
    }

    fn lead_action(
        &self,
        class: &str,
        words: &str,
        name: &ImageName,
        given: BTreeMap<String, Raw>,
        secret_files: &SecretFiles,
    ) -> Result<Value> {
        let (action, arguments) = self.check_action(class, words, name, given)?;
        match action.role {
            Role::Create => {
                self.class_check(&self.subject_of(class, &action, name)?, words, &arguments)?;
                let digests = FileDigests::default();
                let made_from = self.made_from(class, (&action, &arguments), secret_files, &digests)?;
                self.create(class, name, &action, arguments, made_from).map(|()| Value::Null)
            }
            Role::Change => {
                let _others = self.lock_named(&action, &arguments, name)?;
                // Under the lock: who else is at the image may be about to end.
                let check = |image: &Image| self.class_check(image, words, &arguments);
                self.change(words, name, &check, arguments.clone())
            }
            _ => {
                let mut image = self.get_created_image(name)?;
                self.class_check(&image, words, &arguments)?;
                let reading = Reading::of(self.site, name, image.class());
                self.step(&reading, &mut image, action_request(words, arguments))
            }
        }
    }

    /// Runs an action about all images of a class.
    ///
    /// # Errors
    /// Any error of the checks or of the class.
    pub fn run_overview(&self, class: &str, words: &str, given: BTreeMap<String, Raw>) -> Result<Value> {
        let action = self.action(class, words)?;
        if action.role != Role::Overview {
            return Err(Error::usage(format!("action {words} is about one image: name it")));
        }
        let mut overview = request(steps::OVERVIEW);
        overview.class = class.to_owned();
        overview.arguments = action.check(given, self).map_err(|refusals| refused(&refusals))?;
        overview.attrs.insert("words".to_owned(), words.into());
        let reading = Reading::overview(self.site, class);
        self.site.classes.run_step(class, overview, &reading).map(|reply| reply.value)
    }

    /// Takes the locks of the images that parameters name, so that nobody changes or removes them meanwhile.
    pub(super) fn lock_named(
        &self,
        action: &ActionSpec,
        arguments: &Arguments,
        own: &ImageName,
    ) -> Result<Vec<Lock>> {
        let mut locks = Vec::new();
        for param in &action.params {
            let ParamKind::Image { class } = &param.kind else { continue };
            let named = match param.repeated {
                true => arguments.get::<Vec<ImageName>>(&param.name)?.unwrap_or_default(),
                false => arguments.get::<ImageName>(&param.name)?.into_iter().collect(),
            };
            for name in named {
                if name == *own {
                    return Err(Error::usage(format!("{} names image {own} itself", param.name)));
                }
                locks.push(lock_image(
                    self.site,
                    &name,
                    &format!("{} {own} from", action.words),
                    self.site.wait,
                )?);
                // It was checked before it was locked.
                Lookup::image(self, &name, class).map_err(Error::failed)?;
            }
        }
        Ok(locks)
    }

    /// Ends an action that has done what it was for. What cannot be tidied up is no failure of it, and the next cleaning's.
    pub(super) fn tidy(&self, operation: Operation<'_>) {
        let subject = operation.subject().clone();
        if let Err(error) = operation.succeed() {
            let text = format!(
                "something of the work on image {subject} is left, `disklessset clean {subject}`: {error}"
            );
            self.site.observer.line(Level::Warning, &text);
        }
        if let Some(name) = subject.image() {
            self.look_at_blobs_again(name);
        }
        self.bound_bases();
    }

    /// Runs a changing action of a class, and saves what it changed.
    fn change(
        &self,
        words: &str,
        name: &ImageName,
        check: &dyn Fn(&Image) -> Result<()>,
        arguments: Arguments,
    ) -> Result<Value> {
        self.changing_after(name, words, check, |operation, image| {
            let value = self.step(operation, image, action_request(words, arguments))?;
            let failed_inside = value.get("exit_code").is_some();
            Ok(Changed { failed_inside, ..Changed::of(value) })
        })
    }

    pub(super) fn changing<T>(
        &self,
        name: &ImageName,
        action: &str,
        run: impl FnOnce(&Operation<'_>, &mut Image) -> Result<Changed<T>>,
    ) -> Result<T> {
        self.changing_after(name, action, &|_| Ok(()), run)
    }

    /// Changes an image once a check of it, under its lock, has nothing against it.
    fn changing_after<T>(
        &self,
        name: &ImageName,
        action: &str,
        check: &dyn Fn(&Image) -> Result<()>,
        run: impl FnOnce(&Operation<'_>, &mut Image) -> Result<Changed<T>>,
    ) -> Result<T> {
        let (lock, mut image) = self.lock_and_load(name, action)?;
        self.module_needed(image.class(), name)?;
        check(&image)?;
        let operation = Operation::begin(self.site, name, lock, action, image.class())?;
        let outcome = run(&operation, &mut image).and_then(|changed| {
            self.save(&operation, &image, &changed)?;
            operation.commit()?;
            Ok(changed.value)
        });
        match outcome {
            Ok(value) => {
                operation.apply_committed()?;
                self.tidy(operation);
                Ok(value)
            }
            Err(error) => {
                let (error, recovered) = self.fail_and_recover(operation, name, action, error);
                Err(match recovered {
                    Some(said) => error.because(said),
                    None => error,
                })
            }
        }
    }

    /// Saves an image when the action is committed: record and boot file together, in one step, when one of them changed.
    pub(super) fn save<T>(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        changed: &Changed<T>,
    ) -> Result<()> {
        if operation.made_held_version() {
            return Ok(());
        }
        let boot = self.boot_file_now(operation, image)?;
        let is_now = |file: &str, wanted: &str| {
            atomic_file::read_bounded(&image.directory().join(file), MOST_BYTES)
                .is_ok_and(|bytes| bytes == wanted.as_bytes())
        };
        let unchanged = self.records.load(image.name())?.attributes() == image.attributes();
        let same_digests = changed.digests == Digests::Carried;
        if unchanged && same_digests && changed.failed_inside {
            return Ok(());
        }
        let same_for_nodes = same_digests && !changed.kernel_anew && is_now(file_names::BOOT_FILE, &boot);
        if unchanged && same_for_nodes {
            return Ok(());
        }
        let nodes_get = if same_for_nodes { NodesGet::TheSame(boot) } else { NodesGet::ANewVersion };
        match self.next_state(operation, image, &[], changed.digests, nodes_get)? {
            Some(staging) => operation.put_in_service_on_commit(&staging, image),
            None => Ok(()),
        }
    }

    /// Brings an image to its next state in one step and at once: these files, and the record and the boot file that belong to
    /// them.
    pub(super) fn replace_with(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        files: &[(&str, NewFile<'_>)],
    ) -> Result<()> {
        match self.next_state(operation, image, files, Digests::Carried, NodesGet::ANewVersion)? {
            Some(staging) => operation.put_in_service(&staging, image),
            None => {
                operation.note_held_version();
                Ok(())
            }
        }
    }
}

pub(super) fn kept_text(record: &ImageRecord, name: &ImageName) -> Result<String> {
    let refused = |reason| Error::usage(format!("cannot keep the attributes of image {name}: {reason}"));
    record.kept_text(name).map_err(refused)
}

fn action_request(words: &str, arguments: Arguments) -> disklessset_plugin_api::messages::StepRequest {
    let mut request = request(steps::ACTION);
    request.attrs.insert("words".to_owned(), words.into());
    request.arguments = arguments;
    request
}
