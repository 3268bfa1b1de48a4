//! Makes a tree the root directory of a private mount namespace.
//!
//! The tree is a stranger's: any directory in it may be a link to somewhere else. So each mount point is opened step by
//! step without following links and the mount is made on the open descriptor.
//!
//! `/dev` is made up ([`super::made_up`]), `/sys` is read-only, `/run` an empty tmpfs. Device nodes of the tree itself do not work.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use disklessset_system::{
    beneath::{self, Links, Mounts},
    mounts::{self, Depth, MountFlags},
};
use rustix::{
    fs::{FileType, Mode, OFlags, fstat, mkdirat, open, openat, readlinkat},
    io::Errno,
    mount::{UnmountFlags, mount_move, unmount},
    process::{chdir, chroot, fchdir, pivot_root},
};

use super::isolation::{Access, Bind, Chroot, NameResolution, StepError, step};
use super::made_up;
use super::places::{
    bind, bind_on_itself, create_file, directory, kind_of, magic, make_read_only, mount_on, open_directory,
};

/// Makes the tree this thread's root directory, with everything mounted but `/proc`, which only a process of the new pid
/// namespace can mount.
pub(super) fn enter(plan: &Chroot) -> Result<(), StepError> {
    // Sources are the server's paths, so they are opened before the root changes.
    let sources: Vec<(OwnedFd, &Bind)> = plan
        .binds
        .iter()
        .map(|bind| {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            let source = open(bind.source.as_std_path(), flags, Mode::empty())
                .map_err(step(format!("opening {}", bind.source)))?;
            Ok((source, bind))
        })
        .collect::<Result<_, StepError>>()?;
    let resolver = match plan.name_resolution {
        NameResolution::OfTheServer => std::fs::read("/etc/resolv.conf").ok(),
        NameResolution::OfTheTree => None,
    };

    let tree = make_mount_point(&plan.tree)?;
    let tree_name = plan.tree.as_str();
    directory(&tree, tree_name, "proc", 0o555)?;
    made_up::mount_dev(&tree, tree_name, true)?;
    let sys = directory(&tree, tree_name, "sys", 0o555)?;
    match mount_on(&sys, "sysfs", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None) {
        // The kernel does not mount a file system on itself: that of a tree that is mounted for editing is there already.
        Err(there) if there.source.raw_os_error() == Some(Errno::BUSY.raw_os_error()) => {}
        mounted => mounted?,
    }
    let sys = directory(&tree, tree_name, "sys", 0o555)?;
    make_read_only(&sys, "sys")?;

    let run = directory(&tree, tree_name, "run", 0o755)?;
    mount_on(&run, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, Some("mode=0755,size=20%"))?;
    let run = directory(&tree, tree_name, "run", 0o755)?;
    mkdirat(&run, "lock", Mode::from_raw_mode(0o1777)).map_err(step("making run/lock"))?;

    if let Some(content) = resolver {
        show_resolver(&tree, &run, &content)?;
    }
    for (source, bind) in &sources {
        show(&tree, source, bind)?;
    }
    if plan.access == Access::ReadOnly {
        make_read_only(&tree, tree_name)?;
    }
    change_root(&tree)
}

/// Binds the tree onto itself, because only a mount can become a root, and opens it through the new mount.
fn make_mount_point(path: &Utf8Path) -> Result<OwnedFd, StepError> {
    if path.components().count() < 2 {
        return Err(StepError { step: format!("using {path}"), source: io::ErrorKind::InvalidInput.into() });
    }
    let tree = bind_on_itself(path)?;
    let place = magic(&tree);
    // A hardened /var/tmp is often mounted noexec; in here the tree is a system like any other.
    let allowed = MountFlags::NOEXEC | MountFlags::NOSUID;
    mounts::change(&place, MountFlags::empty(), allowed, Depth::Alone)
        .and_then(|()| mounts::change(&place, MountFlags::NODEV, MountFlags::empty(), Depth::AllBelow))
        .map_err(step(format!("allowing programs to run in {path}")))?;
    Ok(tree)
}

/// Puts the server's resolver settings where the tree's `etc/resolv.conf` points: over the file when it is one, into the
/// private `/run` when it is a link into that. A link to anywhere else is the tree's own decision.
fn show_resolver(tree: &OwnedFd, run: &OwnedFd, content: &[u8]) -> Result<(), StepError> {
    let private = "disklessset-resolv.conf";
    let mut file = File::from(create_file(run, private)?);
    file.write_all(content).map_err(step("writing the server's resolver settings"))?;
    let Ok(etc) = open_directory(tree, "etc") else { return Ok(()) };
    match readlinkat(&etc, "resolv.conf", Vec::new()) {
        Ok(target) => {
            let target = Utf8PathBuf::from(target.to_string_lossy().into_owned());
            let below_run = ["/run", "../run", "/var/run", "../var/run"]
                .iter()
                .find_map(|prefix| target.strip_prefix(prefix).ok());
            let Some(below_run) = below_run else { return Ok(()) };
            let (parent, name) = make_parents(run, below_run)?;
            let mut copy = File::from(create_file(&parent, &name)?);
            copy.write_all(content).map_err(step("writing the server's resolver settings"))
        }
        Err(Errno::NOENT) => {
            let place = create_file(&etc, "resolv.conf")?;
            bind(&format!("{}/{private}", magic(run)), &place, "resolv.conf")
        }
        Err(Errno::INVAL) => {
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place =
                openat(&etc, "resolv.conf", flags, Mode::empty()).map_err(step("opening etc/resolv.conf"))?;
            let is_file =
                kind_of(&fstat(&place).map_err(step("inspecting etc/resolv.conf"))?) == FileType::RegularFile;
            if is_file { bind(&format!("{}/{private}", magic(run)), &place, "resolv.conf") } else { Ok(()) }
        }
        Err(error) => Err(step("reading etc/resolv.conf")(error)),
    }
}

/// Makes the directories above `path` in a directory of ours; returns the last one and the final name.
fn make_parents(top: &OwnedFd, path: &Utf8Path) -> Result<(OwnedFd, String), StepError> {
    let wrong = || StepError { step: format!("using {path}"), source: io::ErrorKind::InvalidInput.into() };
    let name = path.file_name().ok_or_else(wrong)?.to_owned();
    let mut current = top.try_clone().map_err(step(format!("opening {path}")))?;
    for part in path.parent().unwrap_or(Utf8Path::new("")).components() {
        let Utf8Component::Normal(part) = part else { return Err(wrong()) };
        current = directory(&current, "run", part, 0o755)?;
    }
    Ok((current, name))
}

/// Shows one bind of the plan.
fn show(tree: &OwnedFd, source: &OwnedFd, plan: &Bind) -> Result<(), StepError> {
    let target = plan.target.as_str().trim_start_matches('/');
    let is_directory =
        kind_of(&fstat(source).map_err(step(format!("inspecting {}", plan.source)))?) == FileType::Directory;
    let place = match target.strip_prefix("run/") {
        Some(below_run) => {
            let run = directory(tree, "tree", "run", 0o755)?;
            let (parent, name) = make_parents(&run, Utf8Path::new(below_run))?;
            if is_directory { directory(&parent, "run", &name, 0o755)? } else { create_file(&parent, &name)? }
        }
        None => open_in_tree(tree, Utf8Path::new(target))?,
    };
    bind(&magic(source), &place, target)?;
    // What is open now is below the mount: open what is on top of it.
    let shown = open_in_tree(tree, Utf8Path::new(target))?;
    mounts::change(&magic(&shown), MountFlags::NODEV, MountFlags::empty(), Depth::AllBelow)
        .map_err(step(format!("showing {target} without its devices")))?;
    if plan.access == Access::ReadOnly {
        make_read_only(&shown, target)?;
    }
    Ok(())
}

/// Opens anything below the tree, no part of its path being a link.
fn open_in_tree(tree: &OwnedFd, path: &Utf8Path) -> Result<OwnedFd, StepError> {
    if !path.components().all(|part| matches!(part, Utf8Component::Normal(_))) {
        return Err(StepError { step: format!("using {path}"), source: io::ErrorKind::InvalidInput.into() });
    }
    // A path without parts is the tree itself.
    let parts = Utf8Path::new(".").join(path);
    beneath::inside(tree, parts.as_std_path(), OFlags::PATH, Links::Refused, Mounts::Entered).map_err(
        |error| match error {
            Errno::LOOP => step(format!("{path} in the tree is or goes through a link"))(error),
            _ => step(format!("opening {path} in the tree"))(error),
        },
    )
}

/// Swaps the root for the tree and lets go of the machine's mounts: a program in the tree cannot even see them.
fn change_root(tree: &OwnedFd) -> Result<(), StepError> {
    fchdir(tree).map_err(step("entering the tree"))?;
    match pivot_root(".", ".") {
        Ok(()) => {
            unmount(".", UnmountFlags::DETACH).map_err(step("leaving the machine's root"))?;
        }
        // The machine itself runs from its initramfs, whose root cannot be swapped.
        Err(Errno::INVAL) => {
            mount_move(".", "/").map_err(step("moving the tree to the root"))?;
            chroot(".").map_err(step("changing the root"))?;
        }
        Err(error) => return Err(step("changing the root")(error)),
    }
    chdir("/").map_err(step("entering the tree's root"))
}
