//! Making images: create and clone. Registered first, published by one rename, unregistered last.

use super::{
    actions::kept_text,
    host_action::HostAction,
    manager::{ImageManager, request},
    versioned::{Content, Release},
};
use crate::{
    failure,
    installations::Installation,
    integrity::Manifest,
    kernels,
    operation::{Operation, lock_image, manifest},
    records::{
        ImageStatus, file_names,
        refusals::{being_created, corrupted},
    },
    system::{atomic_file, files, interrupt},
    versions::MadeFrom,
};
use disklessset_plugin_api::{
    ActionSpec, Arguments, Attributes, Error, Image, ImageName, KernelVersion, Level, Result,
    messages::{StepRequest, steps},
};

/// The attribute by which 1.x finds the directory of an image.
const IMAGE_DIRECTORY: &str = "IMAGE_DIRECTORY";

impl ImageManager<'_> {
    pub(super) fn must_be_free(&self, name: &ImageName) -> Result<()> {
        self.records.wait_for_creation(name)?;
        self.must_be_free_now(name)
    }

    fn must_be_free_now(&self, name: &ImageName) -> Result<()> {
        let entries = self.records.entries()?;
        match (self.records.status_of(name, &entries), entries.images.get(name)) {
            (ImageStatus::InCreation, Some(entry)) => Err(being_created(name, entry)),
            (ImageStatus::Corrupted, _) => Err(corrupted(name)),
            _ if self.records.exists(name) => {
                Err(Error::refused(format!("there is an image {name} already"))
                    .hint("choose another name, or remove it first"))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn create(
        &self,
        class: &str,
        name: &ImageName,
        action: &ActionSpec,
        arguments: Arguments,
        made_from: MadeFrom,
    ) -> Result<()> {
        self.site.prepare()?;
        let _others = self.lock_named(action, &arguments, name)?;
        self.make(class, name, HostAction::Create.name(), kernel_of(&arguments), None, |operation, image| {
            operation.make_from(Some(made_from));
            self.step(operation, image, creation_request(action, arguments)).map(drop)
        })
    }

    /// Clones a created image under a new name.
    ///
    /// # Errors
    /// When the source is not there, the name is taken, or the class fails. Then nothing is left behind.
    pub fn clone_image(&self, from: &ImageName, name: &ImageName) -> Result<()> {
        self.site.observed(HostAction::Clone.name(), name.as_str(), || self.clone_to(from, name))
    }

    fn clone_to(&self, from: &ImageName, name: &ImageName) -> Result<()> {
        self.must_be_free(name)?;
        let (_source_lock, source) = self.lock_and_load(from, "clone from")?;
        let kernel = source.kernel().map(|kernel| kernel.version);
        self.clone_filled(&source, name, kernel, &|operation| {
            operation.make_from(self.current_made_from(from)?);
            Ok(source.clone())
        })
    }

    /// Clones what `shown` gives, an image with the class of `source`, which is locked.
    pub(super) fn clone_filled(
        &self,
        source: &Image,
        name: &ImageName,
        kernel: Option<KernelVersion>,
        shown: &dyn Fn(&Operation<'_>) -> Result<Image>,
    ) -> Result<()> {
        self.module_needed(source.class(), source.name())?;
        let class = source.class().to_owned();
        self.make(&class, name, HostAction::Clone.name(), kernel, Some(source), |operation, image| {
            let source = shown(operation)?;
            *image = Image::new(
                name.clone(),
                image.class(),
                source.attributes().clone(),
                image.directory().to_owned(),
            );
            if image.attributes().contains_key(IMAGE_DIRECTORY) {
                // Whatever the class: 1.x removes what is named there.
                let own = self.site.layout.published(&self.site.layout.image_dir(name.as_str()));
                image.set(IMAGE_DIRECTORY, format!("{own}/"));
            }
            let mut request = request(steps::CLONE);
            request.source = Some(source);
            self.step(operation, image, request).map(drop)
        })
    }

    /// Refuses what [`ImageManager::clone_image`] would refuse before it begins.
    ///
    /// # Errors
    /// As there.
    pub fn check_clone(&self, from: &ImageName, name: &ImageName) -> Result<()> {
        self.must_be_free(name)?;
        let source = self.get_created_image(from)?;
        self.module_needed(source.class(), from)
    }

    /// Makes a new image: registers, has `fill` fill a private directory, publishes it in one rename, unregisters.
    fn make(
        &self,
        class: &str,
        name: &ImageName,
        action: &str,
        kernel: Option<KernelVersion>,
        source: Option<&Image>,
        fill: impl FnOnce(&Operation<'_>, &mut Image) -> Result<()>,
    ) -> Result<()> {
        self.make_by(class, name, action, kernel, |operation| {
            self.fill_and_publish(operation, class, name, source, fill)
        })
    }

    /// Makes a new image that `publish` fills and puts in its place by one rename.
    pub(super) fn make_by(
        &self,
        class: &str,
        name: &ImageName,
        action: &str,
        kernel: Option<KernelVersion>,
        publish: impl FnOnce(&Operation<'_>) -> Result<()>,
    ) -> Result<()> {
        self.module_needed(class, name)?;
        self.site.prepare()?;
        let lock = lock_image(self.site, name, action, self.site.wait)?;
        self.must_be_free_now(name)?; // again, now that nobody else can be at it
        let operation = Operation::begin(self.site, name, lock, action, class)?;
        let registered = Installation::by_this_process(class, kernel)
            .map_err(failure::of)
            .and_then(|entry| self.site.installations.begin(name, entry).map_err(failure::of));
        let outcome = registered
            .and_then(|()| publish(&operation))
            // Order matters. Unregistered last, so that whatever kills us before leaves a CORRUPTED image to clean; and from then
            // on it is a created one, which no cleaning may take away again.
            .and_then(|()| operation.commit())
            .and_then(|()| self.site.installations.end(name).map_err(failure::of));
        match outcome {
            Ok(()) => {
                self.tidy(operation);
                Ok(())
            }
            Err(error) => {
                self.clean_class(&operation, class, name);
                let (error, _lock) = operation.fail(error);
                match self.site.installations.end(name) {
                    Ok(()) => Err(error),
                    Err(left) => Err(error.because(left)),
                }
            }
        }
    }

    fn fill_and_publish(
        &self,
        operation: &Operation<'_>,
        class: &str,
        name: &ImageName,
        source: Option<&Image>,
        fill: impl FnOnce(&Operation<'_>, &mut Image) -> Result<()>,
    ) -> Result<()> {
        let images = self.site.layout.images_dir();
        self.intend_version(operation, name)?;
        let staging = operation.staging(&images, "new")?;
        let mut image = Image::new(name.clone(), class, Attributes::new(), staging.clone());
        fill(operation, &mut image)?;
        image.set("creation_date", jiff::Zoned::now().date().to_string());
        let record = Self::record(&image);
        let text = kept_text(&record, name)?;
        // Its digests are in the boot file.
        kernels::publish_staged(operation)?;
        let content = Content {
            directory: &staging,
            published: &Manifest::default(),
            new: &[],
            // What there is no other version of is what nodes get.
            release: Release::Now,
            record: &text,
        };
        let write =
            |file: &str, text: &str, mode| atomic_file::replace(&staging.join(file), text.as_bytes(), mode);
        write(file_names::RECORD, &text, record.mode()).map_err(failure::of)?;
        let versioned = self.version_of(operation, &image, &content)?;
        write(file_names::BOOT_FILE, &versioned.boot_file, 0o644).map_err(failure::of)?;
        let published = manifest::write_new(&staging, &versioned.computed, self.site.signer().as_ref())?;
        if let Some(source) = source {
            manifest::must_be_of_whole_files(&published, source.directory(), source.name().as_str())?;
        }
        interrupt::check().map_err(failure::interrupted)?;
        files::set_mode(&staging, 0o755).map_err(failure::of)?;
        operation.publish_new(&staging, &self.site.layout.image_dir(name.as_str()), None)
    }

    /// Lets the class remove what only it knows of; a class that is gone or fails does not stop the cleaning.
    pub(super) fn clean_class(&self, operation: &Operation<'_>, class: &str, name: &ImageName) -> bool {
        if self.site.classes.module_of(class).is_none() {
            return false;
        }
        match self.site.classes.clean(class, name, operation) {
            Ok(()) => true,
            Err(error) => {
                let text = format!("class {class} could not clean image {name}: {error}");
                self.site.observer.line(Level::Warning, &text);
                false
            }
        }
    }
}

/// What a class is asked to create an image with.
pub(super) fn creation_request(action: &ActionSpec, arguments: Arguments) -> StepRequest {
    let mut request = request(steps::CREATE);
    request.attrs.insert("words".to_owned(), action.words.as_str().into());
    request.arguments = arguments;
    request
}

fn kernel_of(arguments: &Arguments) -> Option<KernelVersion> {
    arguments.get::<KernelVersion>("kernel").ok().flatten().filter(|version| version.as_str() != "from-image")
}
