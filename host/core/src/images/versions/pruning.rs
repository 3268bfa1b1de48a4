//! Which versions of an image go.

use super::name_of;
use crate::{
    images::{host_action::HostAction, manager::ImageManager},
    installations::Effect,
    nodes::NodeManager,
    operation::Operation,
    versions::{Marker, VersionReference, prunable},
};
use disklessset_oci::names::{VersionName, VersionNumber};
use disklessset_plugin_api::{Error, Hold, ImageName, Level, Result};

impl ImageManager<'_> {
    /// The versions of an image that `prune` would remove.
    ///
    /// # Errors
    /// When what is on record cannot be read.
    pub fn prunable(&self, name: &ImageName) -> Result<Vec<VersionName>> {
        let history = self.store().history(name)?;
        let current = self.store().current(name.as_str())?.map(|marker| marker.version.number());
        let mut numbers =
            prunable(&history, current, self.site.configuration.keep_versions(), jiff::Timestamp::now());
        let named = NodeManager::new(self.site).named(name, &history)?;
        numbers.retain(|number| !named.contains(number));
        numbers.into_iter().map(|number| name_of(name, number)).collect()
    }

    /// Removes the versions of an image that nobody needs: all but the newest, the current one, those with tags, those that pools and nodes
    /// name, and those that were current within the last hour.
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
        let version = name_of(&reference.image, found.version.number)?;
        if !found.is_current() {
            let nodes = NodeManager::new(self.site);
            nodes.must_not_name(&reference.image, &found.history, found.version.number)?;
            return Ok(version);
        }
        let error = Error::refused(format!("{version} is current: nodes get it"));
        let other = found.history.versions().iter().rev().find(|other| other.number != found.version.number);
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
            let _unnamed = NodeManager::new(self.site).hold(action.name())?;
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
    pub(in crate::images) fn prune_with(
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
        let Ok(named) = NodeManager::new(self.site).named(name, &history) else {
            let text = format!("no version of image {name} was pruned: the node file cannot be understood");
            self.site.observer.line(Level::Warning, &text);
            return Ok(());
        };
        numbers.retain(|number| !named.contains(number));
        // Nodes got it until now.
        numbers.retain(|number| replaced.is_none_or(|marker| marker.version.number() != *number));
        if numbers.is_empty() {
            return Ok(());
        }
        let effect = Effect::VersionsPruned { image: name.to_string(), numbers };
        operation.acquire(effect, Hold::Action, || Ok(()))
    }
}
