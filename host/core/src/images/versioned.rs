//! How the next state of an image becomes a version: its files are blobs of the layout before its boot file names them.

use super::{host_action::HostAction, manager::ImageManager};
use crate::{
    installations::Effect,
    integrity::{Digest, Digests, Manifest},
    kernels,
    operation::{NewFile, Operation, manifest},
    records::file_names,
    versions::{self, Addresses, Draft, FileOfVersion, FilesByName, Marker, Store},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::layout::Known;
use disklessset_plugin_api::{Error, Hold, Image, ImageName, Level, Result};
use std::collections::BTreeMap;

/// Whether a version comes into service by the action that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    /// It does.
    Now,
    /// It waits until it is released.
    Later,
}

/// What nodes get of the next state of an image.
pub(super) enum NodesGet {
    /// What they get now: only attributes change. This is the boot file.
    TheSame(String),
    /// Something else, unless its files turn out to be those of the current version.
    ANewVersion,
}

/// What becomes a version: files in a directory, and what is known of them.
pub(super) struct Content<'a> {
    pub(super) directory: &'a Utf8Path,
    /// What was published of the state in service, for files that stay.
    pub(super) published: &'a Manifest,
    /// The files that do not stay as they were.
    pub(super) new: &'a [&'a str],
    pub(super) release: Release,
    /// The text of the record.
    pub(super) record: &'a str,
}

/// The boot file of a state, and the digests that were computed for it.
pub(super) struct Versioned {
    pub(super) boot_file: String,
    pub(super) computed: Manifest,
}

/// The files of a version that is to be made, and those that are no blobs yet.
#[derive(Default)]
struct Parts {
    files: FilesByName,
    from: BTreeMap<String, (Utf8PathBuf, Known)>,
    computed: Manifest,
}

/// A file that is not what was published under its name.
struct Damaged(String);

impl Parts {
    /// Adds a file. Where it was published before and its blob is there, it is not read again.
    fn add(
        &mut self,
        store: &Store<'_>,
        name: &str,
        path: &Utf8Path,
        published: Option<Digest>,
    ) -> Result<Option<Damaged>> {
        let published = published.map(|digest| digest.into());
        if let Some(digest) = published
            && let Some(size) = store.size_of(&digest)?
        {
            self.insert(name, FileOfVersion { digest, size });
            return Ok(None);
        }
        let known = store.hash(path)?;
        if published.is_some_and(|published| published != known.digest) {
            return Ok(Some(Damaged(name.to_owned())));
        }
        self.insert(name, FileOfVersion { digest: known.digest, size: known.stamp.size() });
        self.from.insert(name.to_owned(), (path.to_owned(), known));
        Ok(None)
    }

    fn insert(&mut self, name: &str, file: FileOfVersion) {
        self.computed.set(name, file.digest.into());
        self.files.insert(name.to_owned(), file);
    }
}

impl ImageManager<'_> {
    /// Builds the next state of an image in a directory aside, and makes a version of it; gives the directory, which is to be put in
    /// service. None when the version waits for its release: the image stays as it is.
    pub(super) fn next_state(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        moved: &[(&str, NewFile<'_>)],
        digests: Digests,
        nodes_get: NodesGet,
    ) -> Result<Option<Utf8PathBuf>> {
        let record = Self::record(image);
        let text = super::actions::kept_text(&record, image.name())?;
        let written = [file_names::RECORD, file_names::BOOT_FILE];
        if let NodesGet::ANewVersion = nodes_get {
            self.intend_version(operation, image.name())?;
        }
        let staging = operation.begin_next(image, moved, &written)?;
        let new: Vec<&str> = moved.iter().map(|(name, _)| *name).collect();
        let published = match digests {
            Digests::Anew => Manifest::default(),
            // One that cannot be read is told where the next one is written.
            _ => manifest::load(image.directory()).ok().flatten().unwrap_or_default(),
        };
        let release = match &nodes_get {
            NodesGet::ANewVersion if self.site.holds() => Release::Later,
            _ => Release::Now,
        };
        let content =
            Content { directory: &staging, published: &published, new: &new, release, record: &text };
        let versioned = match nodes_get {
            NodesGet::TheSame(boot_file) => Versioned { boot_file, computed: Manifest::default() },
            NodesGet::ANewVersion => self.version_of(operation, image, &content)?,
        };
        if release == Release::Later {
            operation.release(&staging)?;
            return Ok(None);
        }
        let texts = [
            (file_names::RECORD, text.as_str(), record.mode()),
            (file_names::BOOT_FILE, &versioned.boot_file, 0o644),
        ];
        operation.end_next(image, &staging, &texts, &new, digests, &versioned.computed)?;
        Ok(Some(staging))
    }

    /// Puts on record that a version is going to be made. What is made for it aside is undone before it: that makes room on a full disk.
    pub(super) fn intend_version(&self, operation: &Operation<'_>, name: &ImageName) -> Result<()> {
        let number = Store::of(&self.site.layout).next(name)?;
        let effect = Effect::VersionMade { image: name.to_string(), number };
        operation.acquire(effect, Hold::Action, || Ok(()))
    }

    /// Makes a version of a state that is on record as going to be made, unless it is the one that is current: what nodes fetch is the same then. Gives the boot file that names it.
    ///
    /// # Errors
    /// When a file cannot be read, the class cannot write its boot file, or the version cannot be written.
    pub(super) fn version_of(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        content: &Content<'_>,
    ) -> Result<Versioned> {
        let (name, layout) = (image.name(), &self.site.layout);
        let store = Store::of(layout);
        let current = store.current(name.as_str())?;
        let parts = match self.parts(operation, image, content)? {
            Ok(parts) => parts,
            Err(Damaged(file)) => return self.without_version(operation, image, content, &file),
        };
        let addresses = Addresses::of(&parts.files, layout);
        let text = self.boot_file(operation, image, &addresses)?;
        let whole =
            |marker: &Marker| versions::with_prelude(&text, Some(marker), layout, &self.site.configuration);
        let Parts { files, from, computed } = parts;
        // What is made again is a version of its own, with what it was made from.
        if operation.action() != HostAction::Rebuild.name()
            && let Some(marker) = &current
            && store.read(&marker.digest).is_ok_and(|(known, boot)| known == files && boot == text)
        {
            return Ok(Versioned { boot_file: whole(marker), computed });
        }
        let kernel = image.kernel().map(|kernel| kernel.version.to_string());
        let made_from = match operation.made_from() {
            None => self.carried(image, current.as_ref(), &operation.action())?,
            made_from => made_from,
        };
        let draft = Draft {
            image: name.as_str(),
            action: &operation.action(),
            class: image.class(),
            kernel: kernel.as_deref(),
            date: jiff::Timestamp::now(),
            files: &files,
            boot_file: &text,
            record: content.record,
            made_from: made_from.as_ref(),
            attributes: image.attributes(),
        };
        // On record since before anything was made for it.
        let marker = store.add(name, &draft, &from)?.marker;
        let nodes_get = match content.release {
            Release::Now => Some(marker.version.number()),
            Release::Later => current.as_ref().map(|marker| marker.version.number()),
        };
        if content.release == Release::Now {
            self.withdraw_with(operation, name, current.as_ref(), draft.date)?;
        }
        self.prune_with(operation, name, nodes_get, current.as_ref())?;
        if content.release == Release::Later {
            let text =
                format!("{} is made and waits: disklessset release {}", marker.version, marker.version);
            self.site.observer.line(Level::Info, &text);
        }
        Ok(Versioned { boot_file: whole(&marker), computed })
    }

    /// The files that nodes fetch in this state.
    fn parts(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        content: &Content<'_>,
    ) -> Result<Result<Parts, Damaged>> {
        let layout = &self.site.layout;
        let store = Store::of(layout);
        let mut parts = Parts::default();
        for file in manifest::files_of(content.directory)? {
            if file == file_names::BOOT_FILE {
                continue;
            }
            let stays = !content.new.contains(&file.as_str());
            let published = content.published.get(&file).filter(|_| stays);
            if let Some(damaged) = parts.add(&store, &file, &content.directory.join(&file), published)? {
                return Ok(Err(damaged));
            }
        }
        let Some(kernel) = image.kernel() else { return Ok(Ok(parts)) };
        let boots = self.boots_of(operation, image)?;
        let pair = [(boots.kernel, kernel.vmlinuz()), (boots.initramfs, kernel.initramfs())];
        let kernels = layout.kernels_dir();
        for (_, file) in pair.into_iter().filter(|(booted, _)| *booted) {
            let path = kernels.join(&file);
            // One that is not there is told by who needs it.
            if !path.is_file() {
                continue;
            }
            let published = kernels::published_digest(layout, &kernel, &file);
            if let Some(damaged) = parts.add(&store, &file, &path, published)? {
                return Ok(Err(damaged));
            }
            let signature = file_names::kernel_signature(&file);
            if self.site.signer().is_some() && kernels.join(&signature).is_file() {
                parts.add(&store, &signature, &kernels.join(&signature), None)?;
            }
        }
        Ok(Ok(parts))
    }

    /// The boot file of a state that is no version: nodes fetch its files under their names, as before there were versions.
    fn without_version(
        &self,
        operation: &Operation<'_>,
        image: &Image,
        content: &Content<'_>,
        damaged: &str,
    ) -> Result<Versioned> {
        let name = image.name();
        let text = format!("{damaged} is not as it was published: no version of image {name} is made");
        if content.release == Release::Later {
            return Err(Error::refused(text).hint(format!("disklessset verify {name}")));
        }
        self.site.observer.line(Level::Warning, &format!("{text}, see `disklessset verify {name}`"));
        let current = Store::of(&self.site.layout).current(name.as_str())?;
        self.withdraw_with(operation, name, current.as_ref(), jiff::Timestamp::now())?;
        let boot_file = self.boot_file(operation, image, &Addresses::default())?;
        Ok(Versioned { boot_file, computed: Manifest::default() })
    }

    /// The boot file that an image has while nothing of it changes.
    pub(super) fn boot_file_now(
        &self,
        host: &dyn crate::modules::HostService,
        image: &Image,
    ) -> Result<String> {
        let layout = &self.site.layout;
        let store = Store::of(layout);
        let current = store.current(image.name().as_str())?;
        // A manifest that cannot be read is told by `verify`, and leads to a new version.
        let known = current.and_then(|marker| Some((store.read(&marker.digest).ok()?.0, marker)));
        let Some((files, marker)) = known else {
            return self.boot_file(host, image, &Addresses::default());
        };
        let text = self.boot_file(host, image, &Addresses::of(&files, layout))?;
        Ok(versions::with_prelude(&text, Some(&marker), layout, &self.site.configuration))
    }
}
