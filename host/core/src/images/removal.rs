//! Removing a created image.

use super::{
    host_action::HostAction,
    manager::{ImageManager, request},
};
use crate::{failure, installations::Effect, nodes::NodeManager, operation::Operation};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Image, ImageName, Result, messages::steps};

impl ImageManager<'_> {
    /// Removes a created image: out of service in one rename, then deleted.
    ///
    /// # Errors
    /// When it is not there, mounted, busy, what pools or nodes get, or its module is gone.
    pub fn remove(&self, name: &ImageName) -> Result<()> {
        self.site.observed(HostAction::Remove.name(), name.as_str(), || self.remove_image(name))
    }

    /// Refuses what [`ImageManager::remove`] would refuse, as far as that can be told without doing it.
    ///
    /// # Errors
    /// When it is not there, or pools or nodes get it.
    pub fn check_remove(&self, name: &ImageName) -> Result<Image> {
        let image = self.get_created_image(name)?;
        NodeManager::new(self.site).must_not_use(name)?;
        Ok(image)
    }

    fn remove_image(&self, name: &ImageName) -> Result<()> {
        let (lock, image) = self.lock_and_load(name, HostAction::Remove.name())?;
        let nodes = NodeManager::new(self.site);
        let unused = nodes.hold(HostAction::Remove.name())?;
        nodes.must_not_use(name)?;
        self.module_needed(image.class(), name)?;
        let layout = &self.site.layout;
        let operation = Operation::begin(self.site, name, lock, HostAction::Remove.name(), image.class())?;
        let free = self
            .ask_whether_needed(&operation, &image)
            .and_then(|()| operation.take_down_overlays())
            .and_then(|()| operation.end_unedited(&layout.directories_of(name.as_str())))
            .and_then(|()| self.must_not_be_mounted(name, image.class()));
        if let Err(objection) = free {
            return Err(match operation.has_unmounted() {
                true => self.put_back(operation, name, HostAction::Remove, objection),
                false => operation.fail(objection).0,
            });
        }
        let versions = Effect::VersionsOf { image: name.to_string() };
        if let Err(error) = operation.acquire(versions, Hold::Action, || Ok(())) {
            return Err(operation.fail(error).0);
        }
        let operation = operation.retire(&layout.image_dir(name.as_str()), &layout.images_dir())?;
        // There is no such image any more that somebody could name.
        drop(unused);
        let mut request = request(steps::REMOVE);
        request.class = image.class().to_owned();
        request.image = Some(image.clone());
        operation.withdraw_below(&layout.directories_of(name.as_str()))?;
        self.site.classes.run_step(&request.class.clone(), request, &operation)?;
        let work = layout.image_workdir(name.as_str());
        if work.symlink_metadata().is_ok() {
            operation.acquire(Effect::Trash { path: work }, Hold::Action, || Ok(()))?;
        }
        // What was held for the image is held for nobody now.
        operation.undo_everything().map(drop)
    }

    /// Lets the class object to a removal; one that has nothing to say about it does not.
    fn ask_whether_needed(&self, operation: &Operation<'_>, image: &Image) -> Result<()> {
        match self.step(operation, &mut image.clone(), request(steps::CHECK_REMOVAL)) {
            Err(error) if error.kind != ErrorKind::NOT_DEFINED => {
                Err(error.context(format!("cannot remove image {}", image.name())))
            }
            _ => Ok(()),
        }
    }

    /// Refuses while something is mounted in a directory of an image: what is there is somebody's, and in use.
    pub(super) fn must_not_be_mounted(&self, name: &ImageName, class: &str) -> Result<()> {
        for directory in self.site.layout.directories_of(name.as_str()) {
            let mounted = crate::system::mounts::mounts_below(&directory).map_err(failure::of)?;
            let Some(mount) = mounted.first() else { continue };
            let error =
                Error::refused(format!("cannot remove image {name}: still mounted at {}", mount.target));
            let module = self.site.classes.module_of(class).unwrap_or_default();
            let unmounts = self
                .site
                .classes
                .actions_of_class(class)
                .is_ok_and(|all| all.iter().any(|a| a.words == "unmount"));
            return Err(match unmounts {
                true => error.hint(format!("disklessset {module} unmount {name}")),
                false => error.hint(format!("umount {}", mount.target)),
            });
        }
        Ok(())
    }
}
