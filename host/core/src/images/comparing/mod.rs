//! How two images differ, or two versions of one: their records, and the OS trees that their classes show.

mod side;

use self::side::Side;
use super::manager::ImageManager;
use crate::{
    comparison::{AttributeComparison, Changed, TreeComparison, Trees, compare_attributes, compare_trees},
    operation::Operation,
    records::is_secret,
    versions::VersionReference,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Attributes, Error, Image, Result};
use serde::Serialize;
use serde_json::Value;

/// Attributes that tell of the kernel, which is compared by itself.
const OF_THE_KERNEL: [&str; 2] = ["kernel", "image"];
/// What it is called for those who watch.
const ACTION: &str = "diff";

/// How two images differ.
#[derive(Debug, Serialize)]
pub struct ImageComparison {
    /// The names of the first and the second one, with the number of a version that was named.
    pub images: [String; 2],
    /// Whether a difference was found.
    pub differs: bool,
    /// Whether everything was compared.
    pub complete: bool,
    /// Their classes, where they differ.
    pub image_class: Option<Changed<String>>,
    /// The versions of their kernels, where they differ.
    pub kernel: Option<Changed<String>>,
    /// The files of their initramfs, where they differ; with digests where their names do not.
    pub initramfs: Option<Changed<String>>,
    /// The attributes of their records. Those of the kernel are left out, and secrets have no values.
    pub parameters: AttributeComparison,
    /// Their OS trees.
    #[serde(flatten)]
    pub tree: TreeComparison,
}

impl ImageManager<'_> {
    /// Compares two images, or versions of them: what is on record, and their OS trees. Images are locked meanwhile; nothing is changed.
    /// An image that is mounted is compared as it is edited now, unless a version is named. Without a second one, a version is compared
    /// with the image as it is, and an image with what nodes got before.
    ///
    /// # Errors
    /// When one is not there or in use, has no OS tree, or its tree cannot be shown.
    pub fn compare(&self, old: &VersionReference, new: Option<&VersionReference>) -> Result<ImageComparison> {
        let (old, new) = self.sides(old, new)?;
        if old.reference == new.reference {
            return Err(Error::usage(format!("{} cannot be compared with itself", old.reference)));
        }
        self.site.observed(ACTION, &format!("{} {}", old.reference, new.reference), || {
            // Both are locked in one order: two comparisons do not wait for each other.
            if old.locked_before(&new) {
                self.with_tree_of(&old, |operation, first| {
                    self.with_tree_of(&new, |_, second| {
                        self.compare_shown(operation, [&old, &new], [first, second])
                    })
                })
            } else {
                self.with_tree_of(&new, |operation, second| {
                    self.with_tree_of(&old, |_, first| {
                        self.compare_shown(operation, [&old, &new], [first, second])
                    })
                })
            }
        })
    }

    /// What is compared with what.
    fn sides(&self, old: &VersionReference, new: Option<&VersionReference>) -> Result<(Side, Side)> {
        Ok(match new {
            Some(new) => (self.side(old)?, self.side(new)?),
            None if old.version.is_some() => (self.side(old)?, self.side(&old.image.clone().into())?),
            None => (self.side(&self.before(&old.image)?)?, self.side(old)?),
        })
    }

    fn compare_shown(
        &self,
        operation: &Operation<'_>,
        [old, new]: [&Side; 2],
        [first, second]: [&Utf8Path; 2],
    ) -> Result<ImageComparison> {
        let (before, after) = (self.on_record(old)?, self.on_record(new)?);
        let scratch = operation.staging(&self.site.layout.workdir(), ACTION)?;
        let trees = Trees { old: first, new: second, scratch: &scratch };
        let tree = compare_trees(&trees, self.site.observer.as_ref())?;
        let parameters = compare_attributes(
            &without_own_places(&before, &after),
            &without_own_places(&after, &before),
            &OF_THE_KERNEL,
            is_secret,
        );
        let class = |image: &Image| Some(image.class().to_owned());
        let kernel = |image: &Image| image.kernel().map(|kernel| kernel.version.to_string());
        let [vmlinuz, initramfs] = ["kernel", "image"].map(|attribute| {
            Side::file(old, before.text(attribute)).zip(Side::file(new, after.text(attribute)))
        });
        let mut found = ImageComparison {
            images: [old, new].map(|side| side.reference.to_string()),
            differs: false,
            complete: tree.is_complete(),
            image_class: Changed::between(class(&before), class(&after)),
            kernel: side::changed([kernel(&before), kernel(&after)], vmlinuz),
            initramfs: side::changed([before.text("image"), after.text("image")], initramfs),
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
