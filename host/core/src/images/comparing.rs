//! How two images differ: their records, and the OS trees that their classes show.

use super::manager::ImageManager;
use crate::{
    comparison::{AttributeComparison, Changed, TreeComparison, Trees, compare_attributes, compare_trees},
    operation::Operation,
    records::is_secret,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Attributes, Error, ErrorKind, Image, ImageName, Result};
use serde::Serialize;
use serde_json::Value;

/// Attributes that tell of the kernel, which is compared by itself.
const OF_THE_KERNEL: [&str; 2] = ["kernel", "image"];
/// What it is called for those who watch.
const ACTION: &str = "diff";

/// How two images differ.
#[derive(Debug, Serialize)]
pub struct ImageComparison {
    /// The names of the first and the second one.
    pub images: [String; 2],
    /// Whether a difference was found.
    pub differs: bool,
    /// Whether everything was compared.
    pub complete: bool,
    /// Their classes, where they differ.
    pub image_class: Option<Changed<String>>,
    /// The versions of their kernels, where they differ.
    pub kernel: Option<Changed<String>>,
    /// The files of their initramfs, where they differ.
    pub initramfs: Option<Changed<String>>,
    /// The attributes of their records. Those of the kernel are left out, and secrets have no values.
    pub parameters: AttributeComparison,
    /// Their OS trees.
    #[serde(flatten)]
    pub tree: TreeComparison,
}

impl ImageManager<'_> {
    /// Compares two images: what is on record of them, and their OS trees. Both are locked meanwhile; nothing
    /// is changed.
    ///
    /// # Errors
    /// When one is not there or in use, has no OS tree, or its tree cannot be shown.
    pub fn compare(&self, old: &ImageName, new: &ImageName) -> Result<ImageComparison> {
        if old == new {
            return Err(Error::usage(format!("image {old} cannot be compared with itself")));
        }
        self.site.observed(ACTION, &format!("{old} {new}"), || {
            // Both are locked in the order of their names: two comparisons do not wait for each other.
            if old < new {
                self.with_os_tree(old, |operation, first| {
                    self.with_os_tree(new, |_, second| {
                        self.compare_shown(operation, [old, new], [first, second])
                    })
                })
            } else {
                self.with_os_tree(new, |operation, second| {
                    self.with_os_tree(old, |_, first| {
                        self.compare_shown(operation, [old, new], [first, second])
                    })
                })
            }
        })
    }

    /// The tree of an image whose class may have none.
    fn with_os_tree<T>(
        &self,
        name: &ImageName,
        run: impl FnOnce(&Operation<'_>, &Utf8Path) -> Result<T>,
    ) -> Result<T> {
        self.with_tree(name, run).map_err(|error| match error.kind {
            ErrorKind::NOT_DEFINED => {
                let class = self.records.load(name).map(|image| format!(" is a {} and", image.class()));
                let class = class.unwrap_or_default();
                Error::usage(format!("image {name}{class} has no OS tree that could be compared"))
            }
            _ => error,
        })
    }

    fn compare_shown(
        &self,
        operation: &Operation<'_>,
        [old, new]: [&ImageName; 2],
        [first, second]: [&Utf8Path; 2],
    ) -> Result<ImageComparison> {
        let (before, after) = (self.records.load(old)?, self.records.load(new)?);
        let scratch = operation.staging(&self.site.layout.workdir(), ACTION)?;
        let trees = Trees { old: first, new: second, scratch: &scratch };
        let tree = compare_trees(&trees, self.site.observer.as_ref())?;
        let kernel = |image: &Image| image.kernel().map(|kernel| kernel.version.to_string());
        let parameters = compare_attributes(
            &without_own_places(&before, &after),
            &without_own_places(&after, &before),
            &OF_THE_KERNEL,
            is_secret,
        );
        let class = |image: &Image| Some(image.class().to_owned());
        let mut found = ImageComparison {
            images: [old.to_string(), new.to_string()],
            differs: false,
            complete: tree.is_complete(),
            image_class: Changed::between(class(&before), class(&after)),
            kernel: Changed::between(kernel(&before), kernel(&after)),
            initramfs: Changed::between(before.text("image"), after.text("image")),
            parameters,
            tree,
        };
        let facts = [&found.image_class, &found.kernel, &found.initramfs];
        found.differs =
            facts.iter().any(|fact| fact.is_some()) || found.parameters.differs() || found.tree.differs();
        Ok(found)
    }
}

/// The attributes of an image but for places that are those of the other with the image's own name in them, as 1.x records them.
fn without_own_places(image: &Image, other: &Image) -> Attributes {
    let mut attributes = image.attributes().clone();
    attributes.retain(|name, value| {
        let (Value::String(own), Some(Value::String(theirs))) = (value, other.attributes().get(name)) else {
            return true;
        };
        !own.contains('/') || !is_same_place(own, image.name().as_str(), theirs, other.name().as_str())
    });
    attributes
}

fn is_same_place(place: &str, name: &str, other: &str, other_name: &str) -> bool {
    let parts = place.split('/').map(|part| if part == name { other_name } else { part });
    parts.eq(other.split('/'))
}

#[cfg(test)]
mod tests {
    use super::is_same_place;

    #[test]
    fn a_place_is_the_same_but_for_the_name_of_its_image() {
        assert!(is_same_place("/images/a/", "a", "/images/b/", "b"));
        assert!(!is_same_place("/images/a/x", "a", "/images/b/y", "b"));
        assert!(!is_same_place("/images/ab/", "a", "/images/bb/", "b"), "a part of a name is another name");
    }
}
