//! What the throw-away root has before the first actor is sent.

use camino::Utf8Path;

use super::{Examiner, small_initramfs};
use crate::root_snapshot::Mounts;
use crate::{Value, small_tree, values};

use disklessset_core::modules::check::Outcome;
use disklessset_core::system::{FileError, atomic_file, mounts, tree_mounts};

impl Examiner<'_> {
    /// Sees to it that what is written below `/tmp` and `/var/tmp` lands where we can see it.
    pub(super) fn watch_temporary_files(&self) {
        for (upper, target) in self.rooms.temporary() {
            let work = self.rooms.drawer().join(format!("work-{}", upper.file_name().unwrap_or_default()));
            let made = atomic_file::create_dir(&work, 0o700).map_err(|error| error.to_string());
            let watched = made.and_then(|()| match () {
                () if self.mounts == Mounts::Shared => Err("that needs root".to_owned()),
                () if self.base.starts_with(target) => {
                    Err("the throw-away root itself lies there".to_owned())
                }
                () => mounts::mount_overlay(target, &upper, &work, target, &[], tree_mounts::WITHOUT_POWERS)
                    .map_err(|error| error.to_string()),
            });
            if let Err(cause) = watched {
                self.say(&format!("files left in {target}"), Outcome::NotExercised, cause);
            }
        }
    }

    /// Puts the standing directories there, and kernels that are only files.
    pub(super) fn furnish(&self) -> Result<(), String> {
        let told = |error: FileError| format!("{error}: {}", error.source);
        let exports = self.layout.exports_file().parent().map(Utf8Path::to_owned);
        for directory in self.layout.owned_roots().into_iter().chain(exports) {
            atomic_file::create_dir_all(&directory, 0o755).map_err(told)?;
        }
        let given = self.given.get("kernel").and_then(|value| match value {
            Value::Text(text) if text != "from-image" => Some(text.as_str()),
            _ => None,
        });
        small_tree::make(&self.small_tree(), given)?;
        for version in given.into_iter().chain([values::KERNEL, values::OTHER_KERNEL]) {
            let kernel = disklessset_plugin_api::KernelVersion::parse(version)
                .map(disklessset_plugin_api::Kernel::new)
                .map_err(|cause| cause.to_string())?;
            let directory = self.layout.kernels_dir();
            atomic_file::replace(&directory.join(kernel.vmlinuz()), b"no kernel", 0o644).map_err(told)?;
            atomic_file::replace(&directory.join(kernel.initramfs()), &small_initramfs::make(version), 0o644)
                .map_err(told)?;
        }
        Ok(())
    }
}
