//! An image made again, as its next version: by the `create` of its class in a directory aside, which then takes the image's place. It
//! stays in service meanwhile. Classes need nothing for it.

use super::{
    DefinitionChange,
    checked::{Checked, of_file},
    digests::FileDigests,
    file::Definition,
};
use crate::{
    failure,
    images::{
        actions::kept_text,
        creation::creation_request,
        host_action::HostAction,
        manager::ImageManager,
        versioned::{Content, Release},
    },
    installations::{Effect, journal},
    integrity::{Digests, Manifest},
    kernels,
    operation::{Operation, manifest},
    records::file_names,
    system::{failpoint::failpoint, files, flush, interrupt},
};
use camino::Utf8PathBuf;
use disklessset_oci::names::VersionName;
use disklessset_plugin_api::{Attributes, Error, Hold, Image, ImageName, ParamKind, Result, Role};

/// What came of an image that was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuilt {
    /// Its version. None where it has none: a file of it is not as it was published.
    pub version: Option<VersionName>,
    /// Whether the version waits for its release.
    pub waits: bool,
}

impl ImageManager<'_> {
    /// Makes an image again, as its next version: from a definition, or without one from what its current version was made from, with
    /// the packages of today.
    ///
    /// # Errors
    /// When it is mounted, was edited (unless `discard_edits`), lies in trees of its own, or has another class; when the definition
    /// cannot be used, or the class fails. Then the image is as it was.
    pub fn rebuild(
        &self,
        name: &ImageName,
        from: Option<&Definition>,
        discard_edits: bool,
    ) -> Result<Rebuilt> {
        self.rebuild_knowing(name, from, discard_edits, &FileDigests::default())
    }

    /// Refuses what [`ImageManager::rebuild`] would refuse, and tells how the definition differs from the one before.
    ///
    /// # Errors
    /// As there, as far as that can be told without doing it.
    pub fn check_rebuild(
        &self,
        name: &ImageName,
        from: Option<&Definition>,
        discard_edits: bool,
    ) -> Result<Vec<DefinitionChange>> {
        let image = self.get_created_image(name)?;
        let (_, checked) = self.ready(&image, from, discard_edits, &FileDigests::default())?;
        let before = self.current_made_from(name)?;
        Ok(before.map(|before| checked.changes_since(&before)).unwrap_or_default())
    }

    pub(super) fn rebuild_knowing(
        &self,
        name: &ImageName,
        from: Option<&Definition>,
        discard_edits: bool,
        digests: &FileDigests,
    ) -> Result<Rebuilt> {
        let action = HostAction::Rebuild.name();
        self.site.observed(action, name.as_str(), || {
            let (lock, image) = self.lock_and_load(name, action)?;
            let (_, checked) = self.ready(&image, from, discard_edits, digests)?;
            let _others = self.lock_named(&checked.action, &checked.arguments, name)?;
            let operation = Operation::begin(self.site, name, lock, action, image.class())?;
            match self.make_again(&operation, &image, checked).and_then(|waits| {
                operation.commit()?;
                Ok(waits)
            }) {
                Ok(waits) => {
                    operation.apply_committed()?;
                    self.tidy(operation);
                    self.rebuilt(name, waits)
                }
                Err(error) => {
                    let (error, recovered) = self.fail_and_recover(operation, name, action, error);
                    Err(recovered.into_iter().fold(error, Error::because))
                }
            }
        })
    }

    fn rebuilt(&self, name: &ImageName, waits: bool) -> Result<Rebuilt> {
        let store = self.store();
        let version = match waits {
            false => store.current(name.as_str())?.map(|marker| marker.version),
            true => {
                let newest = store.history(name)?.versions().last().map(|version| version.number);
                newest.and_then(|number| VersionName::new(name.as_str(), number).ok())
            }
        };
        Ok(Rebuilt { version, waits })
    }

    /// All that can be told before something is done: who asks for it is refused by this alone.
    pub(super) fn ready(
        &self,
        image: &Image,
        from: Option<&Definition>,
        discard_edits: bool,
        digests: &FileDigests,
    ) -> Result<(Option<Definition>, Checked)> {
        let name = image.name();
        self.module_needed(image.class(), name)?;
        self.must_be_replaceable(image)?;
        self.must_not_be_edited(name)?;
        let own = match from {
            Some(_) => None,
            None => Some(self.definition_of(name)?),
        };
        let Some(definition) = from.or(own.as_ref()) else {
            return Err(Error::failed("there is no definition"));
        };
        must_be_about(image, definition)?;
        if !discard_edits {
            self.must_not_be_changed_by_hand(definition)?;
        }
        let checked = self.checked(definition, digests)?;
        self.checked_by_class(definition, &checked)?;
        Ok((own, checked))
    }

    /// Refuses an image that has more than its directory, such as the trees of NFS images: nodes work in them, and what is made
    /// anew does not take their place in one step.
    fn must_be_replaceable(&self, image: &Image) -> Result<()> {
        let layout = &self.site.layout;
        let [_, _, trees @ ..] = layout.directories_of(image.name().as_str());
        let tree = trees.into_iter().find(|tree| tree.symlink_metadata().is_ok());
        let left = journal::read(&journal::place(layout, image.name().as_str())).map_err(failure::of)?;
        let held = left.open.iter().filter(|open| open.hold == Hold::Image);
        let held = held.filter_map(|open| match &open.effect {
            Effect::Directory { path } if !path.starts_with(layout.workdir()) => Some(path.clone()),
            Effect::PersistentOverlay { overlay } => Some(overlay.target.clone()),
            _ => None,
        });
        match tree.or_else(|| held.into_iter().next()) {
            None => Ok(()),
            Some(tree) => Err(self.has_a_tree(image, &tree)),
        }
    }

    fn has_a_tree(&self, image: &Image, tree: &Utf8PathBuf) -> Error {
        let name = image.name();
        let text =
            format!("image {name} is a tree that nodes use, {tree}: it is not made again in its place");
        let clone = format!("disklessset clone {name} NEW");
        Error::refused(text).hint(match self.made_of_it(image) {
            Some(other) => format!("`{clone}` or `{other}` makes another image"),
            None => clone,
        })
    }

    /// The command that makes another image of the same origin, where a class of the module makes images from images.
    fn made_of_it(&self, image: &Image) -> Option<String> {
        let module = self.site.classes.module_of(image.class())?;
        let offered = self.site.classes.actions(&module).ok()?;
        offered.iter().filter(|offered| offered.action.spec.role == Role::Create).find_map(|offered| {
            let spec = &offered.action.spec;
            let (param, class) = spec.params.iter().find_map(|param| match &param.kind {
                ParamKind::Image { class } => Some((param, class)),
                _ => None,
            })?;
            let from = match self.site.classes.is_a(image.class(), class) {
                true => image.name().to_string(),
                false => image.text(&param.name)?,
            };
            Some(format!("disklessset {module} {} NEW --{} {from}", spec.words, param.flag))
        })
    }

    /// Makes the image aside and has it take its place with the commit; tells whether it waits for its release instead.
    fn make_again(&self, operation: &Operation<'_>, image: &Image, checked: Checked) -> Result<bool> {
        let Checked { action, arguments, made_from } = checked;
        let name = image.name();
        operation.make_from(Some(made_from));
        self.intend_version(operation, name)?;
        let staging = operation.staging(&self.site.layout.images_dir(), "new")?;
        let mut next = Image::new(name.clone(), image.class(), Attributes::new(), staging.clone());
        self.step(operation, &mut next, creation_request(&action, arguments))?;
        failpoint!("rebuild: made aside", staging);
        must_hold_nothing(operation, image.class())?;
        next.set("creation_date", jiff::Zoned::now().date().to_string());
        let record = Self::record(&next);
        let text = kept_text(&record, name)?;
        kernels::publish_staged(operation)?;
        files::set_mode(&staging, 0o755).map_err(failure::of)?;
        let release = if self.site.holds() { Release::Later } else { Release::Now };
        let published = Manifest::default();
        let content =
            Content { directory: &staging, published: &published, new: &[], release, record: &text };
        let versioned = self.version_of(operation, &next, &content)?;
        interrupt::check().map_err(failure::interrupted)?;
        if release == Release::Later {
            operation.note_held_version();
            operation.release(&staging)?;
            return Ok(true);
        }
        let texts = [
            (file_names::RECORD, text.as_str(), record.mode()),
            (file_names::BOOT_FILE, &versioned.boot_file, 0o644),
        ];
        let new = manifest::files_of(&staging)?;
        let new: Vec<&str> = new.iter().map(String::as_str).collect();
        operation.end_next(image, &staging, &texts, &new, Digests::Carried, &versioned.computed)?;
        flush::sync_all_of(&staging).map_err(failure::of)?;
        operation.put_in_service_on_commit(&staging, image)?;
        Ok(false)
    }
}

/// Refuses a definition of another image.
fn must_be_about(image: &Image, definition: &Definition) -> Result<()> {
    let (name, class) = (image.name(), image.class());
    let refused = |text: String| Err(of_file(definition, Error::usage(text)));
    if definition.name != *name {
        return refused(format!("it describes image {}, not {name}", definition.name));
    }
    if definition.image_class != class {
        return refused(format!(
            "it describes a {}, image {name} is a {class}: remove the image first, or give the new one another name",
            definition.image_class
        ));
    }
    Ok(())
}

/// Refuses what a class keeps outside of the directory: it would be beside what the image in service has.
fn must_hold_nothing(operation: &Operation<'_>, class: &str) -> Result<()> {
    let open = operation.on_journal(|journal| journal.state().open.clone());
    let kept = open.iter().find(|open| {
        !open.from_earlier_action && open.hold == Hold::Image && !open.effect.stays_when_committed()
    });
    match kept {
        None => Ok(()),
        Some(_) => Err(Error::refused(format!(
            "class {class} keeps something of its images outside of their directory: they are not made again in \
             their place"
        ))
        .hint("clone the image, or create another one")),
    }
}
