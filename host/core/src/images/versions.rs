//! Versions of an image: told, released, tagged, pruned.

use super::{host_action::HostAction, manager::ImageManager};
use crate::{
    failure,
    installations::Effect,
    integrity::{Digests, Manifest},
    operation::{Operation, StagedKernel},
    records::{ImageRecord, file_names},
    system::mounts,
    versions::{
        self, FileOfVersion, FilesByName, History, Marker, Store, Version, VersionReference, VersionWord,
        prunable,
    },
};
use disklessset_oci::names::{Tag, VersionName, VersionNumber};
use disklessset_plugin_api::{
    Error, ErrorKind, Hold, Image, ImageName, Kernel, KernelVersion, Level, Result,
};
use serde::Serialize;

/// What a version is to nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionState {
    /// Nodes get it.
    Current,
    /// Nodes got it before.
    Older,
    /// It waits for its release.
    Held,
}

/// One version as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListedVersion {
    /// The name of the image.
    pub image: String,
    /// Its number.
    pub number: u64,
    /// Its manifest, which is what it is.
    pub digest: String,
    /// Whether nodes get it.
    pub state: VersionState,
    /// When it was made.
    pub date: String,
    /// The action that made it.
    pub action: String,
    /// The version of its kernel.
    pub kernel: Option<String>,
    /// Bytes of all its files.
    pub size_bytes: u64,
    /// Bytes of the files that no version had before.
    pub new_bytes: u64,
    /// Its tags.
    pub tags: Vec<String>,
}

/// One version with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownVersion {
    /// As a listing shows it.
    #[serde(flatten)]
    pub listed: ListedVersion,
    /// The class of the image then.
    pub image_class: String,
    /// The attributes of the image then, without secrets.
    pub attributes: disklessset_plugin_api::Attributes,
    /// Its files.
    pub files: Vec<ShownFile>,
    /// Whether its boot file names files by digest. It does unless its class makes addresses by itself.
    pub by_digest: bool,
}

/// A file of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ShownFile {
    /// Its name.
    pub name: String,
    /// Its content.
    pub digest: String,
    /// Bytes in it.
    pub size_bytes: u64,
}

/// A version that was looked up.
struct Found {
    history: History,
    current: Option<Marker>,
    number: VersionNumber,
}

impl Found {
    fn version(&self) -> &Version {
        // Looked up in this history.
        self.history.get(self.number).unwrap_or_else(|| &self.history.versions()[0])
    }

    fn is_current(&self) -> bool {
        self.current.as_ref().is_some_and(|marker| marker.version.number() == self.number)
    }
}

impl ImageManager<'_> {
    fn store(&self) -> Store<'_> {
        Store::of(&self.site.layout)
    }

    /// The versions of an image, newest first.
    ///
    /// # Errors
    /// When there is no such image, or what is on record cannot be read.
    pub fn versions(&self, name: &ImageName) -> Result<Vec<ListedVersion>> {
        if !self.records.exists(name) {
            return Err(crate::records::refusals::no_such_image(name));
        }
        let (history, current) = (self.store().history(name)?, self.store().current(name.as_str())?);
        let listed = history.versions().iter().rev();
        Ok(listed.map(|version| listed_version(name, version, &history, current.as_ref())).collect())
    }

    /// One version with its files.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub fn show_version(&self, reference: &VersionReference) -> Result<ShownVersion> {
        let found = self.find(reference)?;
        let version = found.version();
        let (files, boot_file) = self.store().read(&version.digest)?;
        let record = ImageRecord::parse(&version.record).map_err(Error::failed)?;
        let mut attributes = record.attributes;
        attributes.remove("password");
        let by_digest = versions::Addresses::of(&files, &self.site.layout).are_named_in(&boot_file);
        let files = files.into_iter().map(|(name, file)| ShownFile {
            name,
            digest: file.digest.to_string(),
            size_bytes: file.size,
        });
        Ok(ShownVersion {
            listed: listed_version(&reference.image, version, &found.history, found.current.as_ref()),
            image_class: version.class.clone(),
            attributes,
            files: files.collect(),
            by_digest,
        })
    }

    /// The text of the boot file of a version, as it would be in service.
    ///
    /// # Errors
    /// When there is no such version, or it cannot be read.
    pub fn boot_file_of_version(&self, reference: &VersionReference) -> Result<String> {
        let found = self.find(reference)?;
        let text = self.store().read(&found.version().digest)?.1;
        let marker = marker_of(&reference.image, found.version())?;
        Ok(versions::with_prelude(&text, Some(&marker), &self.site.layout, &self.site.configuration))
    }

    /// The class of the image and the number of a version.
    ///
    /// # Errors
    /// When there is no such version.
    pub fn resolve_version(&self, reference: &VersionReference) -> Result<VersionName> {
        let found = self.find(reference)?;
        name_of(&reference.image, found.number)
    }

    fn find(&self, reference: &VersionReference) -> Result<Found> {
        let name = &reference.image;
        if !self.records.exists(name) {
            return Err(crate::records::refusals::no_such_image(name));
        }
        let (history, current) = (self.store().history(name)?, self.store().current(name.as_str())?);
        let number = match &reference.version {
            Some(VersionWord::Number(number)) => Some(*number),
            Some(VersionWord::Tag(tag)) => history.tags().get(tag.as_str()).copied(),
            None => current.as_ref().map(|marker| marker.version.number()),
        };
        match number.filter(|number| history.get(*number).is_some()) {
            Some(number) => Ok(Found { history, current, number }),
            None if history.versions().is_empty() => {
                let text = format!("image {name} has no versions yet");
                Err(Error::new(ErrorKind::NOT_FOUND, text)
                    .hint(format!("disklessset verify {name} --record")))
            }
            None => Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no version {reference}"))
                .hint(format!("disklessset versions {name}"))),
        }
    }

    /// Makes a version the one that nodes get. Without one that is named, the newest.
    ///
    /// # Errors
    /// When there is no such version, one of its files is missing or damaged, or the image is busy or mounted.
    pub fn release(&self, reference: &VersionReference) -> Result<VersionName> {
        self.change_current(HostAction::Release, reference, &newest)
    }

    /// Makes an older version the one that nodes get. Without one that is named, the one that they got before.
    ///
    /// # Errors
    /// As [`ImageManager::release`]; when there was none before.
    pub fn rollback(&self, reference: &VersionReference) -> Result<VersionName> {
        self.change_current(HostAction::Rollback, reference, &before_current)
    }

    /// What [`ImageManager::release`] would make current.
    ///
    /// # Errors
    /// As there, as far as that can be told without doing it.
    pub fn check_release(&self, reference: &VersionReference) -> Result<VersionName> {
        self.check_change(reference, &newest)
    }

    /// What [`ImageManager::rollback`] would make current.
    ///
    /// # Errors
    /// As there, as far as that can be told without doing it.
    pub fn check_rollback(&self, reference: &VersionReference) -> Result<VersionName> {
        self.check_change(reference, &before_current)
    }

    fn check_change(&self, reference: &VersionReference, otherwise: &Otherwise) -> Result<VersionName> {
        let image = self.get_created_image(&reference.image)?;
        let found = self.chosen(reference, otherwise)?;
        if !found.is_current() {
            self.must_not_be_edited(&reference.image)?;
            self.must_be_of_class(&image, found.version())?;
            let damaged = self.store().damaged(&[found.version()])?;
            if let Some(text) = damaged.into_values().flatten().next() {
                return Err(Error::failed(text));
            }
        }
        name_of(&reference.image, found.number)
    }

    /// The version that is named, or the one that is meant otherwise.
    fn chosen(&self, reference: &VersionReference, otherwise: &Otherwise) -> Result<Found> {
        if reference.version.is_some() {
            return self.find(reference);
        }
        let name = &reference.image;
        let (history, current) = (self.store().history(name)?, self.store().current(name.as_str())?);
        let number = otherwise(&history, current.as_ref()).ok_or_else(|| {
            let text = format!("image {name} has no version to go back to");
            Error::refused(text).hint(format!("disklessset versions {name}"))
        })?;
        Ok(Found { history, current, number })
    }

    fn must_be_of_class(&self, image: &Image, version: &Version) -> Result<()> {
        if version.class == image.class() {
            return Ok(());
        }
        let (name, number) = (image.name(), version.number);
        Err(Error::refused(format!(
            "{name}@{number} is a {}, image {name} a {}",
            version.class,
            image.class()
        )))
    }

    fn change_current(
        &self,
        action: HostAction,
        reference: &VersionReference,
        otherwise: &Otherwise,
    ) -> Result<VersionName> {
        let name = &reference.image;
        self.site.observed(action.name(), name.as_str(), || {
            let (lock, image) = self.lock_and_load(name, action.name())?;
            let found = self.chosen(reference, otherwise)?;
            let version = name_of(name, found.number)?;
            if found.is_current() {
                self.site.observer.line(Level::Info, &format!("{version} is current already"));
                return Ok(version);
            }
            self.must_not_be_edited(name)?;
            let operation = Operation::begin(self.site, name, lock, action.name(), image.class())?;
            match self.bring_into_service(&operation, &image, &found).and_then(|()| operation.commit()) {
                Ok(()) => {
                    operation.apply_committed()?;
                    self.tidy(operation);
                    Ok(version)
                }
                Err(error) => Err(operation.fail(error).0),
            }
        })
    }

    /// Refuses while the tree of an image is mounted to be edited: what comes of the edits would replace what is released.
    fn must_not_be_edited(&self, name: &ImageName) -> Result<()> {
        let area = self.site.layout.image_workdir(name.as_str());
        match mounts::mounts_below(&area).map_err(failure::of)?.first() {
            None => Ok(()),
            Some(mount) => Err(Error::refused(format!("image {name} is mounted at {}", mount.target))
                .hint("unmount it first, or throw its edits away")),
        }
    }

    fn bring_into_service(&self, operation: &Operation<'_>, image: &Image, found: &Found) -> Result<()> {
        let (name, layout, version) = (image.name(), &self.site.layout, found.version());
        let store = self.store();
        self.must_be_of_class(image, version)?;
        let (files, text) = store.read(&version.digest)?;
        let kernel =
            version.kernel.as_deref().and_then(|text| KernelVersion::parse(text).ok()).map(Kernel::new);
        let (of_kernel, own): (FilesByName, FilesByName) = files
            .into_iter()
            .partition(|(file, _)| kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file)));
        if let Some(kernel) = &kernel {
            self.bring_kernel_back(operation, kernel, &of_kernel)?;
        }
        let staging = operation.staging(&layout.images_dir(), "next")?;
        store.give(&own, &staging)?;
        crate::system::files::set_mode(&staging, 0o755).map_err(failure::of)?;
        let record = self.record_of(image, version, !own.is_empty())?;
        let record_text = super::actions::kept_text(&record, name)?;
        let marker = marker_of(name, version)?;
        let boot_file = versions::with_prelude(&text, Some(&marker), layout, &self.site.configuration);
        let texts = [
            (file_names::RECORD, record_text.as_str(), record.mode()),
            (file_names::BOOT_FILE, &boot_file, 0o644),
        ];
        let mut computed = Manifest::default();
        own.iter().for_each(|(file, of)| computed.set(file, of.digest.into()));
        let new: Vec<&str> = own.keys().map(String::as_str).collect();
        operation.end_next(image, &staging, &texts, &new, Digests::Carried, &computed)?;
        self.withdraw_with(operation, name, found.current.as_ref(), jiff::Timestamp::now())?;
        operation.put_in_service_on_commit(&staging, image)
    }

    /// The record that goes with a version. Whether the image is mounted is no matter of versions. Where an image has no files of its own,
    /// its tree lies elsewhere and stays: only its kernel changes.
    fn record_of(&self, image: &Image, version: &Version, whole: bool) -> Result<ImageRecord> {
        let mut record = ImageRecord::parse(&version.record).map_err(Error::failed)?;
        let mut now = Self::record(image);
        let (from, to, names) = match whole {
            true => (&mut now, &mut record, &["is_mounted"][..]),
            false => (&mut record, &mut now, &["kernel", "image", "kernel_parameters"][..]),
        };
        for name in names {
            match from.attributes.remove(*name) {
                Some(value) => to.attributes.insert((*name).to_owned(), value),
                None => to.attributes.remove(*name),
            };
        }
        Ok(if whole { record } else { now })
    }

    /// Puts a kernel back that is in the directory of kernels no more: tools of 1.x, and the class, look for it there.
    fn bring_kernel_back(
        &self,
        operation: &Operation<'_>,
        kernel: &Kernel,
        files: &FilesByName,
    ) -> Result<()> {
        let directory = self.site.layout.kernels_dir();
        let given = |file: &str| files.get_key_value(file);
        let Some(vmlinuz) = given(&kernel.vmlinuz()) else { return Ok(()) };
        let missing = |name: &str| !directory.join(name).is_file();
        let initramfs = given(&kernel.initramfs()).filter(|(name, _)| missing(name));
        if !missing(vmlinuz.0) && initramfs.is_none() {
            return Ok(());
        }
        let staging = operation.staging(&directory, "kernel")?;
        self.store().give([vmlinuz].into_iter().chain(initramfs), &staging)?;
        operation.stage_kernel(StagedKernel {
            kernel: kernel.clone(),
            vmlinuz: staging.join(vmlinuz.0),
            initramfs: initramfs.map(|(name, _)| staging.join(name)),
            modules: None,
        });
        crate::kernels::publish_staged(operation)
    }

    /// Has the version that is current be noted as one that nodes got until then, when another one has taken its place.
    pub(super) fn withdraw_with(
        &self,
        operation: &Operation<'_>,
        name: &ImageName,
        current: Option<&Marker>,
        date: jiff::Timestamp,
    ) -> Result<()> {
        let Some(marker) = current else { return Ok(()) };
        let effect =
            Effect::VersionWithdrawn { image: name.to_string(), number: marker.version.number(), date };
        operation.acquire(effect, Hold::Action, || Ok(()))
    }

    /// Gives a version a tag. A version with a tag is not pruned.
    ///
    /// # Errors
    /// When there is no such version, or the image is busy.
    pub fn tag(&self, reference: &VersionReference, tag: &Tag) -> Result<VersionName> {
        let name = &reference.image;
        let (_lock, _) = self.lock_and_load(name, "tag a version of")?;
        let mut found = self.find(reference)?;
        found.history.tag(tag, found.number);
        self.store().save(name, &found.history)?;
        name_of(name, found.number)
    }

    /// Takes a tag away.
    ///
    /// # Errors
    /// When no version of the image has it, or the image is busy.
    pub fn untag(&self, name: &ImageName, tag: &Tag) -> Result<()> {
        let (_lock, _) = self.lock_and_load(name, "untag a version of")?;
        self.must_have_tag(name, tag)?;
        let mut history = self.store().history(name)?;
        history.untag(tag);
        self.store().save(name, &history)
    }

    /// Refuses a tag that no version of an image has.
    ///
    /// # Errors
    /// That it is not there.
    pub fn must_have_tag(&self, name: &ImageName, tag: &Tag) -> Result<()> {
        if self.store().history(name)?.tags().contains_key(tag.as_str()) {
            return Ok(());
        }
        let text = format!("no version of image {name} has the tag {tag}");
        Err(Error::new(ErrorKind::NOT_FOUND, text).hint(format!("disklessset versions {name}")))
    }

    /// The versions of an image that `prune` would remove.
    ///
    /// # Errors
    /// When what is on record cannot be read.
    pub fn prunable(&self, name: &ImageName) -> Result<Vec<VersionName>> {
        let history = self.store().history(name)?;
        let current = self.store().current(name.as_str())?.map(|marker| marker.version.number());
        let numbers =
            prunable(&history, current, self.site.configuration.keep_versions(), jiff::Timestamp::now());
        numbers.into_iter().map(|number| name_of(name, number)).collect()
    }

    /// Removes the versions of an image that nobody needs: all but the newest, the current one, those with tags, and those that were
    /// current within the last hour.
    ///
    /// # Errors
    /// When the image is not there or busy, or something cannot be removed.
    pub fn prune(&self, name: &ImageName) -> Result<Vec<VersionName>> {
        self.remove_versions(HostAction::Prune, name, &|| self.prunable(name))
    }

    /// Removes one version at once, whoever may be fetching it.
    ///
    /// # Errors
    /// When it is the current one, there is no such version, or the image is busy.
    pub fn remove_version(&self, reference: &VersionReference) -> Result<VersionName> {
        let chosen = || Ok(vec![self.check_remove_version(reference)?]);
        let removed = self.remove_versions(HostAction::RemoveVersion, &reference.image, &chosen)?;
        removed.into_iter().next().ok_or_else(|| Error::failed("no version was removed"))
    }

    /// Refuses what [`ImageManager::remove_version`] would refuse.
    ///
    /// # Errors
    /// As there.
    pub fn check_remove_version(&self, reference: &VersionReference) -> Result<VersionName> {
        let found = self.find(reference)?;
        let version = name_of(&reference.image, found.number)?;
        if !found.is_current() {
            return Ok(version);
        }
        let error = Error::refused(format!("{version} is current: nodes get it"));
        let other = found.history.versions().iter().rev().find(|other| other.number != found.number);
        Err(match other {
            Some(other) => error.hint(format!("disklessset release {}@{}", reference.image, other.number)),
            None => error,
        })
    }

    /// How many versions an image has.
    ///
    /// # Errors
    /// When what is on record cannot be read.
    pub fn number_of_versions(&self, name: &ImageName) -> Result<usize> {
        Ok(self.store().history(name)?.versions().len())
    }

    fn remove_versions(
        &self,
        action: HostAction,
        name: &ImageName,
        chosen: &dyn Fn() -> Result<Vec<VersionName>>,
    ) -> Result<Vec<VersionName>> {
        self.site.observed(action.name(), name.as_str(), || {
            let (lock, image) = self.lock_and_load(name, action.name())?;
            let versions = chosen()?;
            if versions.is_empty() {
                return Ok(versions);
            }
            let operation = Operation::begin(self.site, name, lock, action.name(), image.class())?;
            let numbers = versions.iter().map(VersionName::number).collect();
            let effect = Effect::VersionsPruned { image: name.to_string(), numbers };
            match operation.acquire(effect, Hold::Action, || Ok(())).and_then(|()| operation.commit()) {
                Ok(()) => operation.succeed().map(|()| versions),
                Err(error) => Err(operation.fail(error).0),
            }
        })
    }

    /// Prunes with the action that made a version, when that is committed.
    pub(super) fn prune_with(
        &self,
        operation: &Operation<'_>,
        name: &ImageName,
        current: Option<VersionNumber>,
        replaced: Option<&Marker>,
    ) -> Result<()> {
        let configuration = &self.site.configuration;
        if !configuration.autoprune() {
            return Ok(());
        }
        let history = self.store().history(name)?;
        let mut numbers = prunable(&history, current, configuration.keep_versions(), jiff::Timestamp::now());
        // Nodes got it until now.
        numbers.retain(|number| replaced.is_none_or(|marker| marker.version.number() != *number));
        if numbers.is_empty() {
            return Ok(());
        }
        let effect = Effect::VersionsPruned { image: name.to_string(), numbers };
        operation.acquire(effect, Hold::Action, || Ok(()))
    }

    /// Names of files came and went: blobs that are the same files are known all the same.
    pub(super) fn look_at_blobs_again(&self, name: &ImageName) {
        let store = self.store();
        let Ok(history) = store.history(name) else { return };
        let files = history.versions().iter().filter_map(|version| store.read(&version.digest).ok());
        for (files, _) in files {
            store.names_changed(files.values().map(|file: &FileOfVersion| &file.digest));
        }
    }

    /// Clones a version under a new name.
    ///
    /// # Errors
    /// As [`ImageManager::clone_image`]; when there is no such version, or one of its files is missing or damaged.
    pub fn clone_version(&self, from: &VersionReference, name: &ImageName) -> Result<()> {
        self.site.observed(HostAction::Clone.name(), name.as_str(), || {
            self.must_be_free(name)?;
            let (_source, image) = self.lock_and_load(&from.image, "clone from")?;
            let found = self.find(from)?;
            let version = found.version();
            let (files, _) = self.store().read(&version.digest)?;
            let kernel = version.kernel.as_deref().and_then(|text| KernelVersion::parse(text).ok());
            self.clone_filled(&image, name, kernel.clone(), &|operation| {
                let view = operation.staging(&self.site.layout.images_dir(), "version")?;
                let kernel = kernel.clone().map(Kernel::new);
                let own: FilesByName = files
                    .iter()
                    .filter(|(file, _)| !kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file)))
                    .map(|(name, file)| (name.clone(), *file))
                    .collect();
                self.store().give(&own, &view)?;
                let record = self.record_of(&image, version, !own.is_empty())?;
                Ok(Image::new(from.image.clone(), image.class(), record.attributes, view))
            })
        })
    }
}

/// Which version is meant where none is named.
type Otherwise = dyn Fn(&History, Option<&Marker>) -> Option<VersionNumber>;

fn newest(history: &History, _: Option<&Marker>) -> Option<VersionNumber> {
    history.versions().last().map(|version| version.number)
}

/// The one that nodes got before the current one.
fn before_current(history: &History, current: Option<&Marker>) -> Option<VersionNumber> {
    let current = current.map(|marker| marker.version.number());
    let others = history.versions().iter().filter(|version| Some(version.number) != current);
    others
        .filter(|version| version.withdrawn.is_some())
        .max_by_key(|version| version.withdrawn)
        .map(|v| v.number)
}

fn name_of(name: &ImageName, number: VersionNumber) -> Result<VersionName> {
    VersionName::new(name.as_str(), number).map_err(|cause| Error::failed(cause.to_string()))
}

/// Whether a file of a version lies in the directory of kernels.
fn belongs_to(kernel: &Kernel, file: &str) -> bool {
    let pair = [kernel.vmlinuz(), kernel.initramfs()];
    pair.iter().any(|own| file == own || file == file_names::kernel_signature(own))
}

fn marker_of(name: &ImageName, version: &Version) -> Result<Marker> {
    Ok(Marker { version: name_of(name, version.number)?, digest: version.digest })
}

fn listed_version(
    name: &ImageName,
    version: &Version,
    history: &History,
    current: Option<&Marker>,
) -> ListedVersion {
    let is_current = current.is_some_and(|marker| marker.version.number() == version.number);
    let state = match (is_current, version.withdrawn) {
        (true, _) => VersionState::Current,
        (false, Some(_)) => VersionState::Older,
        (false, None) => VersionState::Held,
    };
    ListedVersion {
        image: name.to_string(),
        number: version.number.get(),
        digest: version.digest.to_string(),
        state,
        date: version.date.to_string(),
        action: version.action.clone(),
        kernel: version.kernel.clone(),
        size_bytes: version.size_bytes,
        new_bytes: version.new_bytes,
        tags: history.tags_of(version.number),
    }
}
