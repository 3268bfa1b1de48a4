//! A version from elsewhere becomes the next one of an image, or the first one of a new image.

use super::{Found, current::belongs_to, name_of};
use crate::{
    failure,
    images::{actions::kept_text, host_action::HostAction, manager::ImageManager},
    integrity::Manifest,
    kernels,
    operation::{Operation, manifest},
    records::{ImageRecord, file_names},
    system::{atomic_file, files, interrupt},
    versions::{self, FilesByName, Incoming, VersionReference, VersionWord},
};
use disklessset_oci::{
    layout::{Layout as Oci, Partial},
    names::VersionName,
};
use disklessset_plugin_api::{Error, Image, ImageName, Level, Result};
use disklessset_system::{bytes::Bytes, free_space::FreeSpace};
use serde::Serialize;

/// What taking a version in comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PullPlan {
    /// The version that it is here already, if it is.
    pub already: Option<String>,
    /// Whether an image is made for it.
    pub makes_image: bool,
    /// Files that are still to come.
    pub files: usize,
    /// Bytes that are still to come.
    pub bytes: u64,
}

/// What became of a version that was taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TakenIn {
    /// Nodes get it.
    Current,
    /// It waits for its release.
    Held,
}

impl ImageManager<'_> {
    /// The layout with the blobs of versions, for who brings some from elsewhere. It is made when missing.
    ///
    /// # Errors
    /// When it cannot be opened or made.
    pub fn open_layout(&self) -> Result<Oci> {
        self.site.prepare()?;
        self.store().open()
    }

    /// Refuses what [`ImageManager::take_in`] would refuse, and tells what is to be brought for it.
    ///
    /// # Errors
    /// When the version cannot be used here, or there is no room for it.
    pub fn check_take_in(&self, incoming: &Incoming, name: &ImageName) -> Result<PullPlan> {
        incoming.must_lead_here(name, &self.site.layout)?;
        must_be_whole_image(incoming)?;
        self.must_have_class(incoming, name)?;
        if incoming.tree().is_some() {
            self.check_tree(incoming, name)?;
        }
        let makes_image = !self.records.exists(name);
        let already = match makes_image {
            true => self.must_be_free(name).map(|()| None)?,
            false => self.check_existing(incoming, name)?,
        };
        let mut missing = self.store().missing(incoming)?;
        if let Some(tree) = incoming.tree() {
            missing.files += 1;
            let begun = self.store().begun(&tree.digest)?.min(tree.size);
            missing.bytes = missing.bytes.saturating_add(tree.size - begun);
        }
        self.must_have_room(missing.bytes)?;
        Ok(PullPlan { already, makes_image, files: missing.files, bytes: missing.bytes })
    }

    fn check_existing(&self, incoming: &Incoming, name: &ImageName) -> Result<Option<String>> {
        let image = self.get_created_image(name)?;
        if image.class() != incoming.class() {
            let text = format!("image {name} is a {}, the version a {}", image.class(), incoming.class());
            return Err(Error::refused(text));
        }
        let history = self.store().history(name)?;
        let newest = history.versions().last();
        let known = newest.and_then(|version| self.store().architecture(&version.digest));
        if let Some(known) = known.filter(|known| known != incoming.architecture()) {
            let text = format!("image {name} is for {known}, the version for {}", incoming.architecture());
            return Err(Error::refused(text).hint("pull it as an image of another name"));
        }
        if !self.site.holds() {
            self.must_not_be_edited(name)?;
        }
        let already = history.versions().iter().find(|version| version.digest == incoming.digest());
        already.map(|version| Ok(name_of(name, version.number)?.to_string())).transpose()
    }

    fn must_have_class(&self, incoming: &Incoming, name: &ImageName) -> Result<()> {
        if self.site.classes.module_of(incoming.class()).is_some() {
            return Ok(());
        }
        let text = format!("image {name} would be a {}, and no module here has that class", incoming.class());
        Err(Error::refused(text).hint("`disklessset module list` shows the classes that are here"))
    }

    fn must_have_room(&self, bytes: u64) -> Result<()> {
        let place = self.site.layout.oci_dir();
        let free = FreeSpace::at(&place).map_err(failure::of)?.free;
        if bytes <= free {
            return Ok(());
        }
        let text = format!("{} are to come, and there is room for {} in {place}", Bytes(bytes), Bytes(free));
        Err(Error::failed(text).errno(Some(rustix::io::Errno::NOSPC.raw_os_error())))
    }

    /// Takes a version in, as the next one of an image, or as the first one of a new image: what it lacks here has arrived. Nodes get it
    /// unless the site holds versions back; the first version of an image is what nodes get in any case.
    ///
    /// # Errors
    /// As [`ImageManager::check_take_in`]; when a blob is neither here nor arrived. Nothing has changed then.
    pub fn take_in(
        &self,
        incoming: &Incoming,
        name: &ImageName,
        mut arrived: Vec<Partial>,
    ) -> Result<(VersionName, TakenIn)> {
        let action = HostAction::Pull.name();
        if let Some(own) = incoming.is_foreign_to() {
            let text = format!(
                "the version is for {}, this server is {own}: nodes get it, and nothing in it can be run here",
                incoming.architecture()
            );
            self.site.observer.line(Level::Warning, &text);
        }
        self.site.observed(action, name.as_str(), || match self.check_take_in(incoming, name)? {
            PullPlan { already: Some(known), .. } => self.take_known(&known, arrived),
            PullPlan { makes_image: true, .. } => {
                let kernel = incoming.kernel().map(|kernel| kernel.version.clone());
                self.make_by(incoming.class(), name, action, kernel, |operation| {
                    if let Some(tree) = incoming.tree() {
                        let came = arrived.extract_if(.., |partial| partial.digest() == tree.digest);
                        let came = came.last().ok_or_else(|| Error::failed("the OS tree did not come"))?;
                        self.unpack_tree(operation, incoming, name, came)?;
                    }
                    self.publish_incoming(operation, incoming, name, arrived)
                })?;
                self.look_at_blobs_again(name);
                let made = self.find(&VersionReference { image: name.clone(), version: None })?;
                Ok((name_of(name, made.version.number)?, TakenIn::Current))
            }
            _ => self.take_next(incoming, name, arrived),
        })
    }

    /// One that is a version here already: what it lacked is mended.
    fn take_known(&self, known: &str, arrived: Vec<Partial>) -> Result<(VersionName, TakenIn)> {
        let reference: VersionReference = known.parse()?;
        self.store().mend(arrived)?;
        let version = match self.site.holds() {
            true => self.resolve_version(&reference)?,
            false => self.release(&reference)?,
        };
        let current = self.find(&reference)?.is_current();
        Ok((version, if current { TakenIn::Current } else { TakenIn::Held }))
    }

    fn take_next(
        &self,
        incoming: &Incoming,
        name: &ImageName,
        arrived: Vec<Partial>,
    ) -> Result<(VersionName, TakenIn)> {
        let action = HostAction::Pull.name();
        let (lock, image) = self.lock_and_load(name, action)?;
        // Again, now that nobody else can be at it.
        if let Some(known) = self.check_existing(incoming, name)? {
            drop(lock);
            return self.take_known(&known, arrived);
        }
        let operation = Operation::begin(self.site, name, lock, action, image.class())?;
        let taken = self
            .enter_incoming(&operation, &image, incoming, arrived)
            .and_then(|taken| operation.commit().map(|()| taken));
        match taken {
            Ok(taken) => {
                operation.apply_committed()?;
                self.tidy(operation);
                Ok(taken)
            }
            Err(error) => Err(operation.fail(error).0),
        }
    }

    fn enter_incoming(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        incoming: &Incoming,
        arrived: Vec<Partial>,
    ) -> Result<(VersionName, TakenIn)> {
        let (name, store) = (image.name(), self.store());
        let before = store.current(name.as_str())?;
        self.intend_version(operation, name)?;
        let text = kept_text(&self.incoming_record(incoming, name), name)?;
        let made = (HostAction::Pull.word(), text.as_str());
        let marker = store.take_in(name, incoming, arrived, made)?.marker;
        let number = marker.version.number();
        let held = self.site.holds();
        let nodes_get =
            if held { before.as_ref().map(|marker| marker.version.number()) } else { Some(number) };
        self.prune_with(operation, name, nodes_get, before.as_ref())?;
        if held {
            return Ok((marker.version, TakenIn::Held));
        }
        let word = Some(VersionWord::Number(number));
        let found: Found = self.find(&VersionReference { image: name.clone(), version: word })?;
        self.tell_of_another_kernel(incoming);
        self.bring_into_service(operation, image, &found)?;
        Ok((marker.version, TakenIn::Current))
    }

    /// The files of a new image, built aside and renamed into their place.
    fn publish_incoming(
        &self,
        operation: &Operation<'_>,
        incoming: &Incoming,
        name: &ImageName,
        arrived: Vec<Partial>,
    ) -> Result<()> {
        let (layout, store) = (&self.site.layout, self.store());
        self.intend_version(operation, name)?;
        let record = self.incoming_record(incoming, name);
        let text = kept_text(&record, name)?;
        let made = (HostAction::Pull.word(), text.as_str());
        let marker = store.take_in(name, incoming, arrived, made)?.marker;
        let (of_kernel, own) = parts(incoming);
        if let Some(kernel) = incoming.kernel() {
            self.tell_of_another_kernel(incoming);
            self.bring_kernel_back(operation, kernel, &of_kernel)?;
        }
        let staging = operation.staging(&layout.images_dir(), "new")?;
        store.give(&own, &staging)?;
        let boot_file =
            versions::with_prelude(incoming.boot_file(), Some(&marker), layout, &self.site.configuration);
        let write =
            |file: &str, text: &str, mode| atomic_file::replace(&staging.join(file), text.as_bytes(), mode);
        write(file_names::RECORD, &text, record.mode()).map_err(failure::of)?;
        write(file_names::BOOT_FILE, &boot_file, 0o644).map_err(failure::of)?;
        let mut computed = Manifest::default();
        own.iter().for_each(|(file, of)| computed.set(file, of.digest.into()));
        let _ = manifest::write_new(&staging, &computed, self.site.signer().as_ref())?;
        interrupt::check().map_err(failure::interrupted)?;
        files::set_mode(&staging, 0o755).map_err(failure::of)?;
        operation.publish_new(&staging, &layout.image_dir(name.as_str()), None)
    }

    /// The record that goes with a version from elsewhere: the attributes that came with it, and the places of 1.x here.
    fn incoming_record(&self, incoming: &Incoming, name: &ImageName) -> ImageRecord {
        let layout = &self.site.layout;
        let mut image =
            Image::new(name.clone(), incoming.class(), incoming.attributes().clone(), layout.images_dir());
        // Both or none: they are names of files, and follow from the version of the kernel.
        let pair = image.attributes().contains_key("image");
        match incoming.kernel() {
            Some(kernel) if pair => image.set_kernel(kernel),
            Some(kernel) => image.set_kernel_alone(kernel),
            None => ["kernel", "image"].into_iter().for_each(|name| image.unset(name)),
        }
        if image.attributes().contains_key("is_mounted") {
            image.set("is_mounted", false);
        }
        if image.text("creation_date").is_none() {
            image.set("creation_date", jiff::Zoned::now().date().to_string());
        }
        let work = layout.image_workdir(name.as_str());
        for (key, place) in [
            ("IMAGE_DIRECTORY", layout.image_dir(name.as_str())),
            ("WORKING_DIRECTORY", work.clone()),
            ("MOUNT_DIRECTORY", work.join("mnt")),
        ] {
            image.set(key, format!("{}/", layout.published(&place)));
        }
        if incoming.tree().is_some()
            && let Ok(place) = self.tree_place_of_new(incoming, name)
        {
            ["WORKING_DIRECTORY", "MOUNT_DIRECTORY"].into_iter().for_each(|name| image.unset(name));
            image.set("NFS_DIRECTORY", format!("{}/", layout.published(&place)));
        }
        Self::record(&image)
    }

    /// Whether a boot file is that of the current version, made elsewhere of an image of another name: its class would write this one.
    pub(in crate::images) fn is_of_another_name(&self, name: &ImageName, found: &[u8]) -> bool {
        let Ok(Some(marker)) = self.store().current(name.as_str()) else { return false };
        let Some((made_of, text)) = self.store().made_of(&marker.digest) else { return false };
        let (layout, configuration) = (&self.site.layout, &self.site.configuration);
        made_of != name.as_str()
            && versions::with_prelude(&text, Some(&marker), layout, configuration).as_bytes() == found
    }

    /// Tools of 1.x find kernels by their names alone.
    fn tell_of_another_kernel(&self, incoming: &Incoming) {
        let Some(kernel) = incoming.kernel() else { return };
        let differs = |file: &String| {
            let of_version = incoming.files().get(file).map(|file| file.digest.into());
            let here = kernels::published_digest(&self.site.layout, kernel, file);
            of_version.is_some() && here.is_some() && of_version != here
        };
        if [kernel.vmlinuz(), kernel.initramfs()].iter().any(differs) {
            let text = format!(
                "kernel {} is here with other files: nodes get those of the version, by their digests",
                kernel.version
            );
            self.site.observer.line(Level::Warning, &text);
        }
    }
}

/// The files of a version that lie with kernels, and those of the image itself.
fn parts(incoming: &Incoming) -> (FilesByName, FilesByName) {
    let files = incoming.files().clone().into_iter();
    files.partition(|(file, _)| incoming.kernel().is_some_and(|kernel| belongs_to(kernel, file)))
}

/// Refuses a version without files of its own, whose tree lies elsewhere, and one with files that tell of others.
fn must_be_whole_image(incoming: &Incoming) -> Result<()> {
    let (_, own) = parts(incoming);
    match (own.is_empty(), incoming.tree()) {
        (true, None) => {
            let text = "the version has no OS tree: it is one of an NFS image, whose tree lies elsewhere";
            return Err(Error::refused(text).hint("push it with --with-tree where it was made"));
        }
        (false, Some(_)) => {
            return Err(Error::refused("the version cannot be used: it has an OS tree twice"));
        }
        _ => {}
    }
    let reserved = |file: &&String| {
        file_names::DIGESTS.contains(&file.as_str())
            || [file_names::RECORD, file_names::BOOT_FILE].contains(&file.as_str())
    };
    match own.keys().find(reserved) {
        Some(file) => {
            Err(Error::refused(format!("the version cannot be used: no file of one is named {file}")))
        }
        None => Ok(()),
    }
}
