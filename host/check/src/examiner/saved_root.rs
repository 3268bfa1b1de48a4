//! The throw-away root as it is now, kept and put back.

use camino::{Utf8Path, Utf8PathBuf};
use rustix::mount::{UnmountFlags, unmount};

use super::Examiner;
use crate::root_snapshot::RootSnapshot;

use disklessset_core::installations::mounts_on_record;
use disklessset_core::system::command::{Isolation, Tool};

impl Examiner<'_> {
    pub(crate) fn world(&self) -> RootSnapshot {
        RootSnapshot::now(&self.base, self.mounts)
    }

    /// Keeps the root as it is now, for [`Self::restore`], until [`Self::forget`].
    pub(crate) fn save(&self) -> RootSnapshot {
        let world = self.world();
        let mut saved = self.saved.borrow_mut();
        let copy = self.base.join(format!("saved-{}", saved.len()));
        if self.replace(&self.rooms.root(), &copy) {
            saved.push((world.clone(), copy));
        }
        world
    }

    /// Gives up what was kept.
    pub(crate) fn forget(&self) {
        for (_, copy) in self.saved.take() {
            // What cannot be removed goes with the place.
            let _ = std::fs::remove_dir_all(copy);
        }
    }

    /// Puts a world back that was kept, whatever has become of it: what one fault left is no other's.
    pub(crate) fn restore(&self, wanted: &RootSnapshot) {
        let now = self.world();
        let mut mounted: Vec<&Utf8PathBuf> = wanted.new_mounts(&now).collect();
        mounted.sort();
        for target in mounted.into_iter().rev() {
            let _ = unmount(target.as_std_path(), UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
        if let Some((_, copy)) = self.saved.borrow().iter().find(|(world, _)| world == wanted) {
            self.replace(copy, &self.rooms.root());
        }
    }

    fn replace(&self, from: &Utf8Path, to: &Utf8Path) -> bool {
        let gone = std::fs::remove_dir_all(to);
        let free = gone.is_ok() || gone.is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound);
        let copy = Tool::new("cp").args(["-a", "--reflink=auto", from.as_str(), to.as_str()]);
        free && copy.isolation(Isolation::None).run().is_ok()
    }

    /// Mounts that came with an action and are on no record of the image.
    pub(crate) fn unrecorded_mounts(&self, before: &RootSnapshot, image: &str) -> Vec<String> {
        let now = self.world();
        let known = mounts_on_record(&self.layout, image);
        let on_record = |target: &Utf8PathBuf| known.iter().any(|known| target.starts_with(known));
        let new = before.new_mounts(&now).filter(|target| !on_record(target));
        new.map(|target| format!("leaves a mount that is on no record: {target}")).collect()
    }
}
