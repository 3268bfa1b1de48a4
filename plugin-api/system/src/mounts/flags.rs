//! Changes how mounts may be used.

use super::{
    MountFlags,
    setattr::{Attributes, mount_setattr},
};
use crate::mount_table::mounts_of_this_thread;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::{io::Errno, mount::mount_remount};
use std::io;

/// Which mounts are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The one at the place.
    Alone,
    /// It and all below it.
    AllBelow,
}

/// Sets and clears flags (`RDONLY`, `NODEV`, `NOSUID`, `NOEXEC`) of the mount at a place; others stay.
///
/// # Errors
/// When nothing is mounted there, and what the system refuses.
pub fn change(place: &str, set: MountFlags, clear: MountFlags, depth: Depth) -> io::Result<()> {
    let recursive = depth == Depth::AllBelow;
    let wanted = Attributes { set: attributes(set), clear: attributes(clear), recursive };
    match mount_setattr(place, wanted) {
        // A kernel before 5.12.
        Err(Errno::NOSYS) => one_by_one(place, set, clear, depth),
        done => Ok(done?),
    }
}

/// The kernel has other numbers for the same in its newer calls.
pub(super) fn attributes(flags: MountFlags) -> u64 {
    let all =
        [(MountFlags::RDONLY, 1), (MountFlags::NOSUID, 2), (MountFlags::NODEV, 4), (MountFlags::NOEXEC, 8)];
    all.iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, attribute)| attribute).sum()
}

/// Each mount of this thread's own namespace with the flags of the mount itself, not those of its file system.
fn flags_of_this_thread() -> io::Result<Vec<(Utf8PathBuf, MountFlags)>> {
    let flag = |word: &str| match word {
        "ro" => MountFlags::RDONLY,
        "nosuid" => MountFlags::NOSUID,
        "nodev" => MountFlags::NODEV,
        "noexec" => MountFlags::NOEXEC,
        "noatime" => MountFlags::NOATIME,
        "nodiratime" => MountFlags::NODIRATIME,
        "relatime" => MountFlags::RELATIME,
        _ => MountFlags::empty(),
    };
    let mounts = mounts_of_this_thread().map_err(|error| error.source)?;
    Ok(mounts.into_iter().map(|mount| (mount.target, mount.flags.split(',').map(flag).collect())).collect())
}

fn one_by_one(place: &str, set: MountFlags, clear: MountFlags, depth: Depth) -> io::Result<()> {
    let top = std::fs::canonicalize(place)?;
    let top = Utf8Path::from_path(&top).ok_or(io::ErrorKind::InvalidInput)?;
    let mut found = false;
    for (target, flags) in flags_of_this_thread()? {
        let wanted = if depth == Depth::Alone { target == top } else { target.starts_with(top) };
        if !wanted {
            continue;
        }
        let flags = (flags - clear) | set | MountFlags::BIND;
        match mount_remount(target.as_str(), flags, "") {
            Ok(()) => found = true,
            // What another mount covers cannot be reached by anybody.
            Err(Errno::NOENT | Errno::INVAL) => {}
            Err(error) => return Err(error.into()),
        }
    }
    if found { Ok(()) } else { Err(io::ErrorKind::NotFound.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mounts::{mount_file_system, tests::Mounted},
        test_support::is_root,
    };
    use rustix::fs::StatVfsMountFlags;

    #[test]
    fn flags_change_alike_with_the_new_call_and_one_by_one() {
        if !is_root("flags_change_alike_with_the_new_call_and_one_by_one") {
            return;
        }
        let dir = Mounted::new();
        let place = dir.path("a");
        let tmpfs = |place: &Utf8Path, flags| {
            mount_file_system("none", place.as_str(), "tmpfs", flags, None).unwrap()
        };
        tmpfs(&place, MountFlags::NOEXEC);
        let below = place.join("below");
        std::fs::create_dir(&below).unwrap();
        tmpfs(&below, MountFlags::empty());
        let (set, clear) = (MountFlags::RDONLY | MountFlags::NODEV, MountFlags::NOEXEC);
        let flags = |place: &Utf8Path| {
            let all = StatVfsMountFlags::RDONLY
                | StatVfsMountFlags::NODEV
                | StatVfsMountFlags::NOEXEC
                | StatVfsMountFlags::NOSUID;
            rustix::fs::statvfs(place.as_str()).unwrap().f_flag & all
        };
        let mut seen = Vec::new();
        for by in [change, one_by_one] {
            by(place.as_str(), set, clear, Depth::AllBelow).unwrap();
            seen.push((flags(&place), flags(&below)));
            by(place.as_str(), clear, set, Depth::Alone).unwrap();
            seen.push((flags(&place), flags(&below)));
        }
        let shut = StatVfsMountFlags::RDONLY | StatVfsMountFlags::NODEV;
        assert_eq!(seen[..2], [(shut, shut), (StatVfsMountFlags::NOEXEC, shut)]);
        assert_eq!(seen[..2], seen[2..]);
    }
}
