//! The tags of versions.

use super::name_of;
use crate::{images::manager::ImageManager, nodes::NodeManager, versions::VersionReference};
use disklessset_oci::names::{Tag, VersionName};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};

impl ImageManager<'_> {
    /// Gives a version a tag. A version with a tag is not pruned.
    ///
    /// # Errors
    /// When there is no such version, or the image is busy.
    pub fn tag(&self, reference: &VersionReference, tag: &Tag) -> Result<VersionName> {
        let name = &reference.image;
        let (_lock, _) = self.lock_and_load(name, "tag a version of")?;
        let mut found = self.find(reference)?;
        found.history.tag(tag, found.version.number);
        let nodes = NodeManager::new(self.site);
        nodes.with_tag(name, tag, || self.store().save(name, &found.history))?;
        name_of(name, found.version.number)
    }

    /// Takes a tag away.
    ///
    /// # Errors
    /// When no version of the image has it, a pool names it, or the image is busy.
    pub fn untag(&self, name: &ImageName, tag: &Tag) -> Result<()> {
        let (_lock, _) = self.lock_and_load(name, "untag a version of")?;
        let _unnamed = NodeManager::new(self.site).hold("untag a version of")?;
        self.check_untag(name, tag)?;
        let mut history = self.store().history(name)?;
        history.untag(tag);
        self.store().save(name, &history)
    }

    /// Refuses what [`ImageManager::untag`] would refuse.
    ///
    /// # Errors
    /// When no version of the image has it, or a pool names it.
    pub fn check_untag(&self, name: &ImageName, tag: &Tag) -> Result<()> {
        self.must_have_tag(name, tag)?;
        NodeManager::new(self.site).must_not_name_tag(name, tag)
    }

    /// Refuses a tag that no version of an image has.
    ///
    /// # Errors
    /// That it is not there.
    fn must_have_tag(&self, name: &ImageName, tag: &Tag) -> Result<()> {
        if self.store().history(name)?.tags().contains_key(tag.as_str()) {
            return Ok(());
        }
        let text = format!("no version of image {name} has the tag {tag}");
        Err(Error::new(ErrorKind::NOT_FOUND, text).hint(format!("disklessset versions {name}")))
    }
}
