//! Makes and undoes mounts that users can see (what a build alone needs is mounted by [`crate::system::command`], in
//! private).
//!
//! Nothing is ever unmounted lazily: a lazily unmounted tree is still in use, and what is done to it next is done behind
//! its user's back.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::libc;
pub use nix::mount::MsFlags;
use nix::mount::{MntFlags, mount, umount2};
use nix::sys::statvfs::{FsFlags, statvfs};

pub use crate::system::busy::{BusyProcess, processes_in};
use crate::system::command::Access;
use crate::system::loop_device::LoopDevice;
pub use crate::system::loop_device::loop_devices_of;
use crate::system::mount_flags::{self, Depth};
pub use crate::system::mountinfo::{Mount, Table, mount_at, mounts, mounts_at, mounts_below};
use crate::system::{FileError, failpoint::failpoint};

/// Why a mount was not made or undone.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// Somebody uses it. Nothing was changed at this place.
    #[error("cannot unmount {target}: busy{}", reasons(.processes, .mounts))]
    Busy {
        /// The mount.
        target: Utf8PathBuf,
        /// Who uses it; empty when none could be found.
        processes: Vec<BusyProcess>,
        /// What is mounted below it.
        mounts: Vec<Utf8PathBuf>,
    },
    /// The path has a character that mount options cannot hold.
    #[error(
        "cannot mount {target}: the path {path} has {character:?} in it, which overlay mounts cannot have"
    )]
    UnusablePath {
        /// The mount.
        target: Utf8PathBuf,
        /// The path in its options.
        path: Utf8PathBuf,
        /// The character.
        character: char,
    },
    /// The file system mounts an overlay, but none that NFS servers can export.
    #[error(
        "cannot mount {target}: the file system of {upper}, or of {lower}, cannot be exported through an overlay"
    )]
    NotExportable {
        /// The mount.
        target: Utf8PathBuf,
        /// Its tree.
        lower: Utf8PathBuf,
        /// Where its changes go.
        upper: Utf8PathBuf,
    },
    /// The kernel knows from the upper layer which lower one it was written over, and this is another.
    #[error(
        "cannot mount {target}: {upper} was written over another tree than {lower}, of which that is a copy"
    )]
    OtherLower {
        /// The mount.
        target: Utf8PathBuf,
        /// Its tree.
        lower: Utf8PathBuf,
        /// Where its changes go.
        upper: Utf8PathBuf,
    },
    /// Something is mounted there already.
    #[error("cannot mount {target}: something else is mounted there")]
    Occupied {
        /// The place.
        target: Utf8PathBuf,
    },
    /// The kernel does not mount what is in a file.
    #[error(
        "cannot mount {image} at {target}: the kernel does not take it as {kind}, and its log (dmesg) may say why"
    )]
    Image {
        /// The file.
        image: Utf8PathBuf,
        /// The mount.
        target: Utf8PathBuf,
        /// The type of its file system.
        kind: String,
        /// What the kernel answered.
        #[source]
        source: io::Error,
    },
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn reasons(processes: &[BusyProcess], mounts: &[Utf8PathBuf]) -> String {
    let processes = processes.iter().map(BusyProcess::to_string);
    let mounts = mounts.iter().map(|mount| format!("{mount} is mounted below it"));
    let all: Vec<String> = processes.chain(mounts).collect();
    match all.get(..5) {
        Some(first) if all.len() > 5 => format!(": {} and {} more", first.join(", "), all.len() - 5),
        _ if all.is_empty() => String::new(),
        _ => format!(": {}", all.join(", ")),
    }
}

/// Whether a bind shows what is mounted below its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submounts {
    /// Only the source's own file system is shown.
    Leave,
    /// Everything is shown.
    Show,
}

/// Shows a file or directory a second time, at `target`, which must exist and be no link.
///
/// The copy is cut off from the original: unmounting below the one never unmounts below the other, as it would on
/// servers whose mounts are shared.
///
/// # Errors
/// What the system refuses; nothing stays mounted then.
pub fn bind(
    source: &Utf8Path,
    target: &Utf8Path,
    access: Access,
    submounts: Submounts,
) -> Result<(), MountError> {
    let depth = if submounts == Submounts::Show { MsFlags::MS_REC } else { MsFlags::empty() };
    let place = open_place(target)?;
    let place_name = format!("/proc/self/fd/{}", place.as_raw_fd());
    let none = None::<&str>;
    mount(Some(source.as_str()), place_name.as_str(), none, MsFlags::MS_BIND | depth, none)
        .map_err(FileError::of("mount", target))?;
    failpoint!("bind: mounted, and shared still", target);
    let finished = mount(none, target.as_str(), none, MsFlags::MS_PRIVATE | depth, none);
    let (read_only, depth) = match (access, submounts) {
        (Access::ReadOnly, Submounts::Leave) => (MsFlags::MS_RDONLY, Depth::Alone),
        (Access::ReadOnly, Submounts::Show) => (MsFlags::MS_RDONLY, Depth::AllBelow),
        (Access::ReadWrite, Submounts::Leave) => (MsFlags::empty(), Depth::Alone),
        (Access::ReadWrite, Submounts::Show) => (MsFlags::empty(), Depth::AllBelow),
    };
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | read_only;
    let finished = finished
        .map_err(std::io::Error::from)
        .and_then(|()| mount_flags::change(target.as_str(), flags, MsFlags::empty(), depth));
    failpoint!("bind: finished", target);
    finished.map_err(|error| {
        // Made a moment ago and used by nobody; the first error is the one to tell.
        let _ = unmount_all_below(target);
        FileError::of("mount", target)(error).into()
    })
}

/// Mounts a writable layer over a tree. `upper` and `work` are empty directories of one file system; `more` are further options,
/// `flags` those of every mount.
///
/// # Errors
/// Paths that mount options cannot hold, and what the system refuses.
pub fn mount_overlay(
    lower: &Utf8Path,
    upper: &Utf8Path,
    work: &Utf8Path,
    target: &Utf8Path,
    more: &[&str],
    flags: MsFlags,
) -> Result<(), MountError> {
    for path in [lower, upper, work] {
        if let Some(character) = path.as_str().chars().find(|c| matches!(c, ':' | ',' | '\\')) {
            let (target, path) = (target.to_owned(), path.to_owned());
            return Err(MountError::UnusablePath { target, path, character });
        }
    }
    let layers = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let options = [&[layers.as_str()], more].concat().join(",");
    let place = open_place(target)?;
    let place = format!("/proc/self/fd/{}", place.as_raw_fd());
    mount(Some("overlay"), place.as_str(), Some("overlay"), flags, Some(options.as_str()))
        .map_err(FileError::of("mount", target))?;
    failpoint!("overlay: mounted, and shared still", target);
    let none = None::<&str>;
    // As with bind: others must not follow what happens below.
    let finished = mount(none, target.as_str(), none, MsFlags::MS_PRIVATE, none)
        .map_err(FileError::of("mount", target))
        .and_then(|()| must_be_writable(target, work));
    failpoint!("overlay: finished", target);
    finished.map_err(|error| {
        // Made a moment ago and used by nobody; the first error is the one to tell.
        let _ = unmount_all_below(target);
        error.into()
    })
}

/// Where the kernel cannot make its directory in `work`, for want of room perhaps, it mounts an overlay that cannot be written to, and
/// says so to nobody.
fn must_be_writable(target: &Utf8Path, work: &Utf8Path) -> Result<(), FileError> {
    let space = statvfs(target.as_std_path()).map_err(FileError::of("look at", target))?;
    if !space.flags().contains(FsFlags::ST_RDONLY) {
        return Ok(());
    }
    // Tried again, it says why.
    let own = work.join("work");
    let _ = std::fs::remove_dir(&own);
    let made = std::fs::create_dir(&own);
    let cause = made.err().unwrap_or_else(|| io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
    Err(FileError::of("make a writable overlay with", work)(cause))
}

/// Mounts a file system that lies in a file, in one system call that no tool can be killed in. Its loop device goes away by itself with
/// the unmount. `flags` are more than the access says, `options` the file system's own.
///
/// # Errors
/// What the system refuses; nothing stays mounted then, and no device.
pub fn mount_loop(
    image: &Utf8Path,
    kind: &str,
    options: Option<&str>,
    target: &Utf8Path,
    access: Access,
    flags: MsFlags,
) -> Result<(), MountError> {
    let place = open_place(target)?;
    let place = format!("/proc/self/fd/{}", place.as_raw_fd());
    let device = LoopDevice::of(image, access)?;
    let flags = if access == Access::ReadOnly { flags | MsFlags::MS_RDONLY } else { flags };
    mount(Some(device.path().as_str()), place.as_str(), Some(kind), flags, options).map_err(|source| {
        let (image, target, kind) = (image.to_owned(), target.to_owned(), kind.to_owned());
        MountError::Image { image, target, kind, source: source.into() }
    })?;
    failpoint!("image: mounted", target);
    Ok(())
}

/// The mount point by descriptor, so that a link put in its place is not followed.
fn open_place(target: &Utf8Path) -> Result<File, FileError> {
    let file = File::options()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(target)
        .map_err(FileError::of("mount", target))?;
    let metadata = file.metadata().map_err(FileError::of("inspect", target))?;
    if metadata.is_symlink() {
        return Err(FileError::of("mount", target)(Errno::ELOOP));
    }
    Ok(file)
}

/// Unmounts the mount at `target`.
///
/// # Errors
/// [`MountError::Busy`] with those who use it; it stays mounted then.
pub fn unmount(target: &Utf8Path) -> Result<(), MountError> {
    match umount2(target.as_str(), MntFlags::UMOUNT_NOFOLLOW) {
        Ok(()) => {
            failpoint!("unmounted", target);
            Ok(())
        }
        Err(Errno::EBUSY) => {
            let below = mounts_below(target)?.into_iter().map(|mount| mount.target);
            let place = mountinfo_path(target);
            let mounts = below.filter(|mount| *mount != place).collect();
            Err(MountError::Busy { target: target.to_owned(), processes: processes_in(target), mounts })
        }
        Err(error) => Err(FileError::of("unmount", target)(error).into()),
    }
}

/// Unmounts a read-only file system, and when only the kernel itself still holds it, takes it out of sight.
///
/// A process with mounts of its own (any service with a private `/tmp`) may have a copy of a loop mount whose file lies in this one;
/// then this one is busy although nobody works in it. Nothing can be lost by letting it go: it is read-only.
///
/// # Errors
/// As [`unmount`], when a process works in it or something is mounted inside.
pub fn unmount_read_only(target: &Utf8Path) -> Result<(), MountError> {
    match unmount(target) {
        Err(MountError::Busy { processes, mounts, .. }) if processes.is_empty() && mounts.is_empty() => {
            umount2(target.as_str(), MntFlags::UMOUNT_NOFOLLOW | MntFlags::MNT_DETACH)
                .inspect(|()| failpoint!("unmounted", target))
                .map_err(|error| FileError::of("unmount", target)(error).into())
        }
        other => other,
    }
}

fn mountinfo_path(target: &Utf8Path) -> Utf8PathBuf {
    crate::system::mountinfo::real(target)
}

/// Unmounts everything at and below `path`, deepest first, and stops at the first that cannot be. Returns what was
/// unmounted, in that order.
///
/// # Errors
/// As [`unmount`]; what is above the one that failed stays mounted.
pub fn unmount_all_below(path: &Utf8Path) -> Result<Vec<Utf8PathBuf>, MountError> {
    let mut mounts = mounts_below(path)?;
    // Of those at one place the one on top is the last of the kernel's table; the sort keeps that order.
    mounts.reverse();
    mounts.sort_by_key(|mount| std::cmp::Reverse(mount.target.components().count()));
    let mut done = Vec::new();
    for mount in mounts {
        unmount(&mount.target)?;
        done.push(mount.target);
    }
    Ok(done)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::system::command::Tool;
    use crate::system::test_support::is_root;

    /// A directory whose mounts are undone when a test ends, or fails.
    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Place(tempfile::Builder::new().prefix("mounts with blank").tempdir().unwrap());
            for name in ["a", "b", "upper", "work", "target"] {
                std::fs::create_dir(place.path(name)).unwrap();
            }
            place
        }
        fn path(&self, name: &str) -> Utf8PathBuf {
            Utf8Path::from_path(self.0.path()).unwrap().join(name)
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = unmount_all_below(&self.path(""));
        }
    }

    fn tmpfs(target: &Utf8Path) {
        mount(Some("none"), target.as_str(), Some("tmpfs"), MsFlags::empty(), None::<&str>).unwrap();
    }

    #[test]
    fn a_bind_shows_the_source_and_is_found_in_the_table() {
        if !is_root("a_bind_shows_the_source_and_is_found_in_the_table") {
            return;
        }
        let place = Place::new();
        tmpfs(&place.path("a"));
        // As on most servers, where systemd shares all mounts: what happens to one copy happens to the other.
        mount(None::<&str>, place.path("a").as_str(), None::<&str>, MsFlags::MS_SHARED, None::<&str>)
            .unwrap();
        std::fs::create_dir(place.path("a/sub")).unwrap();
        tmpfs(&place.path("a/sub"));
        std::fs::write(place.path("a/sub/file"), "").unwrap();
        bind(&place.path("a"), &place.path("b"), Access::ReadOnly, Submounts::Show).unwrap();
        assert!(place.path("b/sub/file").exists());
        assert!(std::fs::write(place.path("b/x"), "").is_err());
        assert_eq!(mount_at(&place.path("b")).unwrap().unwrap().kind, "tmpfs");
        assert_eq!(mounts_below(&place.path("b")).unwrap().len(), 2);
        let undone = unmount_all_below(&place.path("b")).unwrap();
        assert_eq!(undone, [place.path("b/sub"), place.path("b")]);
        assert!(place.path("a/sub/file").exists(), "the original lost its mount");
        assert_eq!(mount_at(&place.path("b")).unwrap(), None);
    }

    #[test]
    fn a_link_is_no_mount_point() {
        if !is_root("a_link_is_no_mount_point") {
            return;
        }
        let place = Place::new();
        std::os::unix::fs::symlink("b", place.path("link")).unwrap();
        assert!(bind(&place.path("a"), &place.path("link"), Access::ReadWrite, Submounts::Leave).is_err());
        assert_eq!(mounts_below(&place.path("")).unwrap(), []);
    }

    #[test]
    fn a_busy_mount_stays_and_its_user_is_named() {
        if !is_root("a_busy_mount_stays_and_its_user_is_named") {
            return;
        }
        let place = Place::new();
        let target = place.path("target");
        tmpfs(&target);
        std::fs::create_dir(target.join("below")).unwrap();
        tmpfs(&target.join("below"));
        let mut sitter = Command::new("sleep").arg("60").current_dir(&target).spawn().unwrap();
        let error = unmount_all_below(&target).unwrap_err().to_string();
        let who = format!("pid {} (sleep) works in it", sitter.id());
        assert_eq!(error, format!("cannot unmount {target}: busy: {who}"));
        assert!(mount_at(&target).unwrap().is_some());
        sitter.kill().unwrap();
        sitter.wait().unwrap();

        let file = std::fs::File::create(target.join("open")).unwrap();
        let error = unmount(&target).unwrap_err().to_string();
        assert!(error.ends_with("has a file open in it"), "{error}");
        drop(file);
        std::fs::create_dir_all(target.join("below")).unwrap();
        tmpfs(&target.join("below"));
        let error = unmount(&target).unwrap_err().to_string();
        assert!(error.ends_with(&format!("{} is mounted below it", target.join("below"))), "{error}");
        assert_eq!(unmount_all_below(&target).unwrap().len(), 2);
    }

    #[test]
    fn several_mounts_on_one_place_all_go() {
        if !is_root("several_mounts_on_one_place_all_go") {
            return;
        }
        let place = Place::new();
        tmpfs(&place.path("a"));
        tmpfs(&place.path("a"));
        assert_eq!(unmount_all_below(&place.path("")).unwrap(), [place.path("a"), place.path("a")]);
        assert_eq!(unmount_all_below(&place.path("")).unwrap(), Vec::<Utf8PathBuf>::new());
    }

    #[test]
    fn an_overlay_keeps_its_lower_tree_as_it_is() {
        if !is_root("an_overlay_keeps_its_lower_tree_as_it_is") {
            return;
        }
        let place = Place::new();
        std::fs::write(place.path("a/file"), "old").unwrap();
        let overlay = |lower: &Utf8Path| {
            mount_overlay(
                lower,
                &place.path("upper"),
                &place.path("work"),
                &place.path("target"),
                &[],
                MsFlags::empty(),
            )
        };
        overlay(&place.path("a")).unwrap();
        std::fs::write(place.path("target/file"), "new").unwrap();
        unmount(&place.path("target")).unwrap();
        assert_eq!(std::fs::read_to_string(place.path("a/file")).unwrap(), "old");
        assert_eq!(std::fs::read_to_string(place.path("upper/file")).unwrap(), "new");
        let error = overlay("/a,upperdir=/etc".into()).unwrap_err().to_string();
        assert!(error.contains("has ',' in it"), "{error}");
    }

    #[test]
    fn a_file_system_in_a_file_is_mounted_and_its_loop_device_found_and_gone() {
        if !is_root("a_file_system_in_a_file_is_mounted_and_its_loop_device_found_and_gone") {
            return;
        }
        let place = Place::new();
        let image = place.path("image");
        std::fs::write(place.path("a/file"), "inside").unwrap();
        File::create(&image).unwrap().set_len(8 << 20).unwrap();
        Tool::new("mkfs.ext4").args(["-q", "-d", place.path("a").as_str(), image.as_str()]).run().unwrap();
        let read_only = |image: &Utf8Path| {
            mount_loop(
                image,
                "ext4",
                Some("noload"),
                &place.path("target"),
                Access::ReadOnly,
                MsFlags::MS_NOSUID,
            )
        };
        read_only(&image).unwrap();
        assert_eq!(std::fs::read_to_string(place.path("target/file")).unwrap(), "inside");
        assert_eq!(loop_devices_of(&image).unwrap().len(), 1);
        unmount(&place.path("target")).unwrap();
        for _ in 0..200 {
            if loop_devices_of(&image).unwrap().is_empty() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(loop_devices_of(&image).unwrap(), Vec::<Utf8PathBuf>::new());

        let error = read_only(&place.path("a/file")).unwrap_err().to_string();
        assert!(error.contains("a/file at ") && error.contains("does not take it as ext4"), "{error}");
        assert_eq!(mounts_below(&place.path("")).unwrap(), []);
    }
}
