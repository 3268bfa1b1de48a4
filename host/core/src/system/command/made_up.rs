//! A `/dev` and a `/sys` made for programs that are not to have the server's.
//!
//! `/dev` is a small tmpfs with the handful of nodes that programs need, made anew. Binding the server's would let a
//! script that tidies `/dev` in its tree tidy the server's, and bound single nodes would share owner and mode with the
//! server's. Each node is a mount of its own, from a place that nobody reaches: in `/dev` itself, as everywhere in a tree, device
//! nodes do not work, so that making one is no way to the server's disks.

use std::os::fd::OwnedFd;

use camino::Utf8Path;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, mount_bind, unmount};

use super::isolation::{StepError, step};
use super::places::{bind, create_file, directory, magic, mount_on, open_directory, set_mode};
use crate::system::FileError;
use disklessset_system::mounts::{self, Depth, MountFlags};

/// Character devices of every `/dev`: name, major, minor.
const NODES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
const LINKS: [(&str, &str); 4] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
];

/// Mounts such a `/dev` into a tree that people come into by themselves, in the calling thread's own mounts. `/dev` and `/sys` are
/// directories of the tree, and `/sys` is covered for a moment.
///
/// # Errors
/// What the system refuses; what was mounted before that stays.
pub(in crate::system) fn mount_dev_into(tree: &Utf8Path) -> Result<(), FileError> {
    let root = open_directory(CWD, tree.as_str()).map_err(FileError::of("open tree", tree))?;
    mount_dev(&root, tree.as_str(), true).map_err(|StepError { step, source }| {
        let source = std::io::Error::new(source.kind(), format!("{step}: {source}"));
        FileError { act: "mount", path: tree.join("dev"), source }
    })
}

/// Mounts a `/dev` below `root`, a directory that is called `name` in messages and has a `sys`.
pub(super) fn mount_dev(root: &OwnedFd, name: &str, links: bool) -> Result<(), StepError> {
    let nodes = mount_nodes(root, name)?;
    let quiet = MountFlags::NOSUID | MountFlags::NOEXEC;
    let dev = directory(root, name, "dev", 0o755)?;
    mount_on(&dev, "tmpfs", quiet | MountFlags::NODEV, Some("mode=0755,size=16m"))?;
    let dev = directory(root, name, "dev", 0o755)?;
    for (node, _, _) in NODES {
        bind(&format!("{}/{node}", magic(&nodes)), &create_file(&dev, node)?, node)?;
    }
    // What is bound stays.
    unmount(magic(&nodes), UnmountFlags::DETACH).map_err(step("letting go of the devices"))?;
    let links = LINKS.into_iter().filter(|_| links);
    for (link, target) in links.chain([("ptmx", "pts/ptmx")]) {
        symlinkat(target, &dev, link).map_err(step(format!("making dev/{link}")))?;
    }
    let pts = directory(&dev, "dev", "pts", 0o755)?;
    mount_on(&pts, "devpts", quiet, Some("newinstance,ptmxmode=0666,mode=0620,gid=5"))?;
    let shm = directory(&dev, "dev", "shm", 0o1777)?;
    mount_on(&shm, "tmpfs", quiet | MountFlags::NODEV, Some("mode=1777,size=50%"))
}

/// Makes the nodes in a tmpfs where devices work. It covers `sys` for the moment that takes.
fn mount_nodes(root: &OwnedFd, name: &str) -> Result<OwnedFd, StepError> {
    let place = directory(root, name, "sys", 0o555)?;
    mount_on(&place, "tmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, Some("mode=0755,size=1m"))?;
    let nodes = directory(root, name, "sys", 0o555)?;
    for (node, major, minor) in NODES {
        match mknodat(
            &nodes,
            node,
            FileType::CharacterDevice,
            Mode::from_raw_mode(0o666),
            makedev(major, minor),
        ) {
            Ok(()) => set_mode(&nodes, node, 0o666)?,
            // A container without the right to make devices: show the machine's own.
            Err(Errno::PERM) => {
                bind(&format!("/dev/{node}"), &create_file(&nodes, node)?, node)?;
                let shown = format!("{}/{node}", magic(&nodes));
                mounts::change(&shown, MountFlags::empty(), MountFlags::NODEV, Depth::Alone)
                    .map_err(step(format!("showing dev/{node}")))?;
            }
            Err(error) => return Err(step(format!("making dev/{node}"))(error)),
        }
    }
    Ok(nodes)
}

/// What programs look for in `/sys`.
const OF_SYS: [&str; 10] =
    ["block", "bus", "class", "dev", "devices", "firmware", "fs", "kernel", "module", "power"];

/// Mounts a `/sys` below `root` whose parts are the server's, read-only. The directory itself is a plain one: package managers set its
/// mode and owner when they unpack it.
pub(super) fn mount_sys(root: &OwnedFd, name: &str) -> Result<(), StepError> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_on(&directory(root, name, "sys", 0o555)?, "tmpfs", quiet, Some("mode=0555,size=1m"))?;
    let sys = directory(root, name, "sys", 0o555)?;
    for part in OF_SYS.into_iter().filter(|part| std::path::Path::new("/sys").join(part).is_dir()) {
        let place = directory(&sys, "sys", part, 0o755)?;
        let source = format!("/sys/{part}");
        // What is mounted below (control groups, debugfs) stays out.
        mount_bind(&*source, magic(&place)).map_err(step(format!("showing {source} in the tree")))?;
        let shown = format!("{}/{part}", magic(&sys));
        mounts::change(&shown, quiet | MountFlags::RDONLY, MountFlags::empty(), Depth::Alone)
            .map_err(step(format!("making {source} read-only in the tree")))?;
    }
    Ok(())
}
