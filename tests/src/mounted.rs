//! Mounts that a test makes and that are gone when it ends, however it ends.

use camino::{Utf8Path, Utf8PathBuf};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// Something mounted. Declared after the test root, it is unmounted before that goes.
#[derive(Debug)]
#[must_use = "unmounted when it is dropped"]
pub struct Mounted(Utf8PathBuf);

impl Mounted {
    /// An empty file system in memory that holds so many bytes.
    #[track_caller]
    pub fn memory(at: &Utf8Path, bytes: u64) -> Self {
        let options = format!("size={bytes},mode=755");
        Self::mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(&options))
    }

    /// A directory seen through another.
    #[track_caller]
    pub fn bind(from: &Utf8Path, at: &Utf8Path) -> Self {
        Self::mount(Some(from.as_str()), at, None, MsFlags::MS_BIND, None)
    }

    /// A directory with a writable layer over it, without handles for NFS servers; both layers lie in `layers`, which is there and empty.
    #[track_caller]
    pub fn overlay(lower: &Utf8Path, layers: &Utf8Path, at: &Utf8Path) -> Self {
        let (upper, work) = (layers.join("upper"), layers.join("work"));
        for layer in [&upper, &work] {
            std::fs::create_dir(layer).unwrap_or_else(|cause| panic!("cannot make {layer}: {cause}"));
        }
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work},nfs_export=off");
        Self::mount(Some("overlay"), at, Some("overlay"), MsFlags::empty(), Some(&options))
    }

    /// A directory that cannot be written to any more.
    #[track_caller]
    pub fn read_only(at: &Utf8Path) -> Self {
        let mounted = Self::bind(at, at);
        let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        std::mem::forget(Self::mount(None, at, None, flags, None));
        mounted
    }

    #[track_caller]
    fn mount(
        source: Option<&str>,
        at: &Utf8Path,
        kind: Option<&str>,
        flags: MsFlags,
        options: Option<&str>,
    ) -> Self {
        mount(source, at.as_std_path(), kind, flags, options)
            .unwrap_or_else(|cause| panic!("cannot mount at {at}: {cause}"));
        Self(at.to_owned())
    }

    /// The directory on which it is mounted.
    pub fn at(&self) -> &Utf8Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What cannot be unmounted shows when the test root goes.
        let _ = umount2(self.0.as_std_path(), MntFlags::UMOUNT_NOFOLLOW);
    }
}
