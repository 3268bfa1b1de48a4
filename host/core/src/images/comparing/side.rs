//! One side of a comparison: an image as it is, or one of its versions, whose tree is shown under a name of its own.

use crate::{
    comparison::Changed,
    images::{host_action::HostAction, manager::ImageManager},
    operation::{Operation, lock_image},
    versions::{FileOfVersion, FilesByName, VersionReference, VersionWord},
};
use camino::Utf8Path;
use disklessset_oci::names::Digest;
use disklessset_plugin_api::{Error, ErrorKind, Image, ImageName, Result};

/// So many letters of a digest tell two files apart.
const DIGITS: usize = 12;

/// An image, or a version of one.
pub(super) struct Side {
    /// By its number, where a version is meant.
    pub(super) reference: VersionReference,
    /// The files of the version that is meant, or of the current one.
    files: FilesByName,
}

impl Side {
    /// The order in which sides are locked. Versions come last: their locks are their own.
    pub(super) fn locked_before(&self, other: &Self) -> bool {
        let order = |side: &Self| (side.reference.version.is_some(), side.reference.to_string());
        order(self) < order(other)
    }

    /// What is known of a file that a record names.
    pub(super) fn file(side: &Self, name: Option<String>) -> Option<FileOfVersion> {
        side.files.get(&name?).copied()
    }
}

/// What two sides have, where it differs: two names, or one name of files that are not the same.
pub(super) fn changed(
    [old, new]: [Option<String>; 2],
    files: Option<(FileOfVersion, FileOfVersion)>,
) -> Option<Changed<String>> {
    match files {
        Some((first, second)) if old == new && first.digest != second.digest => {
            let with_digest = |name: Option<String>, digest: Digest| {
                let digits: String = digest.hex().chars().take(DIGITS).collect();
                name.map(|name| format!("{name} ({digits})"))
            };
            Changed::between(with_digest(old, first.digest), with_digest(new, second.digest))
        }
        _ => Changed::between(old, new),
    }
}

impl ImageManager<'_> {
    /// Looks up what is meant.
    pub(super) fn side(&self, reference: &VersionReference) -> Result<Side> {
        let mut reference = reference.clone();
        if reference.version.is_some() {
            let number = self.resolve_version(&reference)?.number();
            reference.version = Some(VersionWord::Number(number));
            let files = self.files_of_version(&reference)?;
            return Ok(Side { reference, files });
        }
        // One without versions, or with a manifest that cannot be read, is compared by what else is known.
        let files = self.files_of_version(&reference).unwrap_or_default();
        Ok(Side { reference, files })
    }

    /// What is on record of a side.
    pub(super) fn on_record(&self, side: &Side) -> Result<Image> {
        match side.reference.version {
            None => self.records.load(&side.reference.image),
            Some(_) => self.image_of_version(&side.reference, &side.reference.image, Utf8Path::new("")),
        }
    }

    /// Shows the tree of a side.
    pub(super) fn with_tree_of<T>(
        &self,
        side: &Side,
        run: impl FnOnce(&Operation<'_>, &Utf8Path) -> Result<T>,
    ) -> Result<T> {
        let reference = &side.reference;
        let shown = match reference.version {
            None => self.with_tree(&reference.image, run),
            Some(_) => self.with_tree_of_version(reference, run),
        };
        shown.map_err(|error| match error.kind {
            ErrorKind::NOT_DEFINED => {
                let class = self.records.load(&reference.image);
                let class = class.map(|image| format!(" is a {} and", image.class())).unwrap_or_default();
                Error::usage(format!(
                    "image {}{class} has no OS tree that could be compared",
                    reference.image
                ))
            }
            _ => error,
        })
    }

    /// The same for a version. Its files are given to an image that is none, so that neither the image nor an edit of it is in the way.
    fn with_tree_of_version<T>(
        &self,
        reference: &VersionReference,
        run: impl FnOnce(&Operation<'_>, &Utf8Path) -> Result<T>,
    ) -> Result<T> {
        let name = self.free_name(reference)?;
        let lock = lock_image(self.site, &name, "compare", self.site.wait)?;
        self.must_be_free(&name)?;
        let class = self.records.load(&reference.image)?.class().to_owned();
        self.module_needed(&class, &reference.image)?;
        let operation = Operation::begin(self.site, &name, lock, HostAction::OsTree.name(), &class)?;
        let outcome = self.view_of_version(&operation, reference, &name).and_then(|mut image| {
            let tree = self.tree_shown(&operation, &mut image)?;
            run(&operation, &tree)
        });
        match outcome {
            Ok(value) => operation.succeed().map(|()| value),
            Err(error) => Err(operation.fail(error).0),
        }
    }

    /// The files of a version in a private directory. The image is not locked: whoever removes the version meanwhile comes before that, and
    /// it is missing, or after it.
    fn view_of_version(
        &self,
        operation: &Operation<'_>,
        reference: &VersionReference,
        name: &ImageName,
    ) -> Result<Image> {
        let view = operation.staging(&self.site.layout.images_dir(), "version")?;
        match self.give_version(reference, &view)? {
            true => self.image_of_version(reference, name, &view),
            false => Err(Error::usage(format!(
                "versions of image {} have no OS tree: it is not in a file that nodes fetch",
                reference.image
            ))),
        }
    }

    /// A name that no image has.
    fn free_name(&self, reference: &VersionReference) -> Result<ImageName> {
        let plain = reference.to_string().replace('@', "-version-");
        let names = std::iter::once(plain.clone()).chain((2..100).map(|number| format!("{plain}-{number}")));
        let mut names = names.filter_map(|name| ImageName::parse(&name).ok());
        let free = names.find(|name| self.must_be_free(name).is_ok());
        free.ok_or_else(|| Error::failed(format!("there is no free name to show {reference} under")))
    }
}
