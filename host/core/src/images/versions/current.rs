//! Which version of an image is current, and what is made of one that is not.

use super::{Found, marker_of, name_of};
use crate::{
    failure,
    images::{actions::kept_text, host_action::HostAction, manager::ImageManager},
    installations::Effect,
    integrity::{Digests, Manifest},
    nodes::NodeManager,
    operation::{Operation, StagedKernel},
    records::{ImageRecord, file_names},
    system::{files, mounts},
    versions::{self, FilesByName, History, Marker, Version, VersionReference},
};
use disklessset_oci::names::VersionName;
use disklessset_plugin_api::{Error, Hold, Image, ImageName, Kernel, KernelVersion, Level, Result};

impl ImageManager<'_> {
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
        if !self.is_in_place(&reference.image, &found)? {
            self.must_not_be_edited(&reference.image)?;
            self.must_be_of_class(&image, &found.version)?;
            self.must_be_whole(&reference.image, &found.version)?;
            self.must_fit_nodes(&reference.image, &found.version)?;
        }
        name_of(&reference.image, found.version.number)
    }

    /// The version that nodes got before the current one.
    ///
    /// # Errors
    /// When there was none.
    pub(in crate::images) fn before(&self, name: &ImageName) -> Result<VersionReference> {
        let found = self.chosen(&name.clone().into(), &before_current)?;
        Ok(VersionReference {
            image: name.clone(),
            version: Some(versions::VersionWord::Number(found.version.number)),
        })
    }

    /// The version that is named, or the one that is meant otherwise.
    fn chosen(&self, reference: &VersionReference, otherwise: &Otherwise) -> Result<Found> {
        if reference.version.is_some() {
            return self.find(reference);
        }
        let name = &reference.image;
        let (history, current) = (self.store().history(name)?, self.store().current(name.as_str())?);
        let version = otherwise(&history, current.as_ref()).cloned().ok_or_else(|| {
            let text = format!("image {name} has no version to go back to");
            Error::refused(text).hint(format!("disklessset versions {name}"))
        })?;
        Ok(Found { history, current, version })
    }

    /// The files of the current version that are missing in the image's directory, and the command that puts them back.
    pub(in crate::images) fn lost_files(&self, name: &ImageName) -> Option<(Vec<String>, String)> {
        let found = self.find(&name.clone().into()).ok()?;
        let release = format!("disklessset release {name}@{}", found.version.number);
        let (kernel, mut lost) = (kernel_of(&found.version), self.lost_of(name, &found).ok()?);
        lost.retain(|file| !kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file)));
        (!lost.is_empty()).then_some((lost, release))
    }

    fn lost_of(&self, name: &ImageName, found: &Found) -> Result<Vec<String>> {
        let (own, kernels) = (self.site.layout.image_dir(name.as_str()), self.site.layout.kernels_dir());
        let kernel = kernel_of(&found.version);
        let (mut files, _) = self.store().read(&found.version.digest)?;
        files.retain(|file, _| {
            let of_kernel = kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file));
            let place = if of_kernel { &kernels } else { &own };
            place.join(file).symlink_metadata().is_err()
        });
        Ok(files.into_keys().collect())
    }

    /// Whether a version is what nodes get with all its files in the places of 1.x: its release does nothing.
    fn is_in_place(&self, name: &ImageName, found: &Found) -> Result<bool> {
        Ok(found.is_current() && self.lost_of(name, found)?.is_empty())
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

    /// A version with a longer kernel line leaves less room for the parameters of pools and nodes.
    fn must_fit_nodes(&self, name: &ImageName, version: &Version) -> Result<()> {
        let (_, text) = self.store().read(&version.digest)?;
        NodeManager::new(self.site).check_release(name, &text)
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
            let version = name_of(name, found.version.number)?;
            if self.is_in_place(name, &found)? {
                self.site.observer.line(Level::Info, &format!("{version} is current already"));
                return Ok(version);
            }
            self.must_not_be_edited(name)?;
            // The kernel's files, too: they may be other names of what somebody wrote to.
            self.must_be_whole(&reference.image, &found.version)?;
            self.must_fit_nodes(name, &found.version)?;
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
    pub(in crate::images) fn must_not_be_edited(&self, name: &ImageName) -> Result<()> {
        let area = self.site.layout.image_workdir(name.as_str());
        match mounts::mounts_below(&area).map_err(failure::of)?.first() {
            None => Ok(()),
            Some(mount) => Err(Error::refused(format!("image {name} is mounted at {}", mount.target))
                .hint("unmount it first, or throw its edits away")),
        }
    }

    pub(super) fn bring_into_service(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        found: &Found,
    ) -> Result<()> {
        let (name, layout, version) = (image.name(), &self.site.layout, &found.version);
        let store = self.store();
        self.must_be_of_class(image, version)?;
        let (files, text) = store.read(&version.digest)?;
        let kernel = kernel_of(version);
        let (of_kernel, own): (FilesByName, FilesByName) = files
            .into_iter()
            .partition(|(file, _)| kernel.as_ref().is_some_and(|kernel| belongs_to(kernel, file)));
        if let Some(kernel) = &kernel {
            self.bring_kernel_back(operation, kernel, &of_kernel)?;
        }
        let staging = operation.staging(&layout.images_dir(), "next")?;
        store.give(&own, &staging)?;
        files::set_mode(&staging, 0o755).map_err(failure::of)?;
        let record = self.record_of(image, version, !own.is_empty())?;
        let record_text = kept_text(&record, name)?;
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
    pub(super) fn record_of(&self, image: &Image, version: &Version, whole: bool) -> Result<ImageRecord> {
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
    pub(super) fn bring_kernel_back(
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
    pub(in crate::images) fn withdraw_with(
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
}

/// Which version is meant where none is named.
type Otherwise = dyn for<'h> Fn(&'h History, Option<&Marker>) -> Option<&'h Version>;

fn newest<'h>(history: &'h History, _: Option<&Marker>) -> Option<&'h Version> {
    history.versions().last()
}

/// The one that nodes got before the current one.
fn before_current<'h>(history: &'h History, current: Option<&Marker>) -> Option<&'h Version> {
    let current = current.map(|marker| marker.version.number());
    let others = history.versions().iter().filter(|version| Some(version.number) != current);
    others.filter(|version| version.withdrawn.is_some()).max_by_key(|version| version.withdrawn)
}

/// The kernel of a version.
pub(super) fn kernel_of(version: &Version) -> Option<Kernel> {
    KernelVersion::parse(version.kernel.as_deref()?).ok().map(Kernel::new)
}

/// Whether a file of a version lies in the directory of kernels.
pub(super) fn belongs_to(kernel: &Kernel, file: &str) -> bool {
    let pair = [kernel.vmlinuz(), kernel.initramfs()];
    pair.iter().any(|own| file == own || file == file_names::kernel_signature(own))
}
