//! Changes how mounts may be used.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::mount_table::mounts_of_this_thread;
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::system::syscalls::{MountAttributes, mount_setattr};

/// Which mounts are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Depth {
    /// The one at the place.
    Alone,
    /// It and all below it.
    AllBelow,
}

/// Sets and clears flags (`RDONLY`, `NODEV`, `NOSUID`, `NOEXEC`) of the mount at a place; others stay.
pub(crate) fn change(place: &str, set: MsFlags, clear: MsFlags, depth: Depth) -> io::Result<()> {
    let recursive = depth == Depth::AllBelow;
    let wanted = MountAttributes { set: attributes(set), clear: attributes(clear), recursive };
    match mount_setattr(place, wanted) {
        // A kernel before 5.12.
        Err(error) if error.raw_os_error() == Some(Errno::ENOSYS as i32) => {
            one_by_one(place, set, clear, depth)
        }
        done => done,
    }
}

/// The kernel has other numbers for the same in its newer calls.
fn attributes(flags: MsFlags) -> u64 {
    let all =
        [(MsFlags::MS_RDONLY, 1), (MsFlags::MS_NOSUID, 2), (MsFlags::MS_NODEV, 4), (MsFlags::MS_NOEXEC, 8)];
    all.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, attribute)| attribute).sum()
}

/// Each mount of this thread's own namespace with the flags of the mount itself, not those of its file system.
fn flags_of_this_thread() -> io::Result<Vec<(Utf8PathBuf, MsFlags)>> {
    let flag = |word: &str| match word {
        "ro" => MsFlags::MS_RDONLY,
        "nosuid" => MsFlags::MS_NOSUID,
        "nodev" => MsFlags::MS_NODEV,
        "noexec" => MsFlags::MS_NOEXEC,
        "noatime" => MsFlags::MS_NOATIME,
        "nodiratime" => MsFlags::MS_NODIRATIME,
        "relatime" => MsFlags::MS_RELATIME,
        _ => MsFlags::empty(),
    };
    let mounts = mounts_of_this_thread().map_err(|error| error.source)?;
    Ok(mounts.into_iter().map(|mount| (mount.target, mount.flags.split(',').map(flag).collect())).collect())
}

fn one_by_one(place: &str, set: MsFlags, clear: MsFlags, depth: Depth) -> io::Result<()> {
    let top = std::fs::canonicalize(place)?;
    let top = Utf8Path::from_path(&top).ok_or(io::ErrorKind::InvalidInput)?;
    let mut found = false;
    for (target, flags) in flags_of_this_thread()? {
        let wanted = if depth == Depth::Alone { target == top } else { target.starts_with(top) };
        if !wanted {
            continue;
        }
        let flags = (flags - clear) | set | MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
        match mount(None::<&str>, target.as_str(), None::<&str>, flags, None::<&str>) {
            Ok(()) => found = true,
            // What another mount covers cannot be reached by anybody.
            Err(Errno::ENOENT | Errno::EINVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if found { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::test_support;
    use nix::sched::{CloneFlags, unshare};
    use nix::sys::statvfs::{FsFlags, statvfs};

    #[test]
    fn flags_change_alike_with_the_new_call_and_one_by_one() {
        if !test_support::is_root("flags_change_alike_with_the_new_call_and_one_by_one") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let place = Utf8Path::from_path(dir.path()).unwrap().join("with blank");
        std::fs::create_dir(&place).unwrap();
        // The thread takes its namespace and its mounts with it.
        let seen = std::thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNS).unwrap();
            let none = None::<&str>;
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            mount(Some("tmpfs"), place.as_str(), Some("tmpfs"), MsFlags::MS_NOEXEC, none).unwrap();
            let below = place.join("below");
            std::fs::create_dir(&below).unwrap();
            mount(Some("tmpfs"), below.as_str(), Some("tmpfs"), MsFlags::empty(), none).unwrap();
            let (set, clear) = (MsFlags::MS_RDONLY | MsFlags::MS_NODEV, MsFlags::MS_NOEXEC);
            let flags = |place: &Utf8Path| {
                let all = FsFlags::ST_RDONLY | FsFlags::ST_NODEV | FsFlags::ST_NOEXEC | FsFlags::ST_NOSUID;
                statvfs(place.as_str()).unwrap().flags() & all
            };
            let mut seen = Vec::new();
            for by in [change, one_by_one] {
                by(place.as_str(), set, clear, Depth::AllBelow).unwrap();
                seen.push((flags(&place), flags(&below)));
                by(place.as_str(), clear, set, Depth::Alone).unwrap();
                seen.push((flags(&place), flags(&below)));
            }
            seen
        })
        .join()
        .unwrap();
        let shut = FsFlags::ST_RDONLY | FsFlags::ST_NODEV;
        assert_eq!(seen[..2], [(shut, shut), (FsFlags::ST_NOEXEC, shut)]);
        assert_eq!(seen[..2], seen[2..]);
    }
}
