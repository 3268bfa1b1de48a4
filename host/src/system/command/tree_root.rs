//! Makes a tree the root directory of a private mount namespace.
//!
//! The tree is a stranger's: any directory in it may be a link to somewhere else. So each mount point is opened step by
//! step without following links and the mount is made on the open descriptor.
//!
//! `/dev` is a small tmpfs with the handful of nodes that programs need, made anew. Binding the server's would let a
//! script that tidies `/dev` in its tree tidy the server's, and bound single nodes would share owner and mode with the
//! server's. `/sys` is read-only, `/run` an empty tmpfs.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat, readlinkat};
use nix::libc;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, makedev, mkdirat, mknodat};
use nix::sys::statvfs::{FsFlags, fstatvfs};
use nix::unistd::{chroot, fchdir, pivot_root, symlinkat};

use super::isolation::{Access, Bind, Chroot, NameResolution, StepError, step};

/// Character devices of every `/dev`: name, major, minor.
const NODES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Makes the tree this thread's root directory, with everything mounted but `/proc`, which only a process of the new pid
/// namespace can mount.
pub(super) fn enter(plan: &Chroot) -> Result<(), StepError> {
    // Sources are the server's paths, so they are opened before the root changes.
    let sources: Vec<(OwnedFd, &Bind)> = plan
        .binds
        .iter()
        .map(|bind| {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
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
    let sys = directory(&tree, tree_name, "sys", 0o555)?;
    match mount_on(&sys, "sysfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC, None) {
        // The kernel does not mount a file system on itself: that of a tree that is mounted for editing is there already.
        Err(there) if there.source.raw_os_error() == Some(nix::libc::EBUSY) => {}
        mounted => mounted?,
    }
    let sys = directory(&tree, tree_name, "sys", 0o555)?;
    make_read_only(&sys, "sys")?;

    let dev = directory(&tree, tree_name, "dev", 0o755)?;
    mount_on(&dev, "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, Some("mode=0755,size=16m"))?;
    fill_dev(&directory(&tree, tree_name, "dev", 0o755)?)?;

    let run = directory(&tree, tree_name, "run", 0o755)?;
    mount_on(&run, "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=0755,size=20%"))?;
    let run = directory(&tree, tree_name, "run", 0o755)?;
    mkdirat(&run, "lock", Mode::from_bits_truncate(0o1777)).map_err(step("making run/lock"))?;

    if let Some(content) = resolver {
        show_resolver(&tree, &run, &content)?;
    }
    for (source, bind) in &sources {
        show(&tree, source, bind)?;
    }
    change_root(&tree)
}

/// Binds the tree onto itself, because only a mount can become a root, and opens it through the new mount.
fn make_mount_point(path: &Utf8Path) -> Result<OwnedFd, StepError> {
    let failed = |act: &str| format!("{act} {path}");
    let before = open_directory(libc::AT_FDCWD, path.as_str()).map_err(step(failed("opening")))?;
    if path.components().count() < 2 {
        return Err(StepError { step: failed("using"), source: io::ErrorKind::InvalidInput.into() });
    }
    let recursive = MsFlags::MS_BIND | MsFlags::MS_REC;
    let place = magic(&before);
    mount(Some(place.as_str()), place.as_str(), None::<&str>, recursive, None::<&str>)
        .map_err(step(failed("binding")))?;
    // The old descriptor is below the new mount: open anew.
    let tree = open_directory(libc::AT_FDCWD, path.as_str()).map_err(step(failed("opening")))?;
    let flags = fstatvfs(&tree).map_err(step(failed("inspecting")))?.flags();
    if flags.intersects(FsFlags::ST_NOEXEC | FsFlags::ST_NODEV | FsFlags::ST_NOSUID) {
        // A hardened /var/tmp is often mounted noexec; in here the tree is a system like any other.
        let mut keep = MsFlags::MS_BIND | MsFlags::MS_REMOUNT;
        if flags.contains(FsFlags::ST_RDONLY) {
            keep |= MsFlags::MS_RDONLY;
        }
        mount(None::<&str>, magic(&tree).as_str(), None::<&str>, keep, None::<&str>)
            .map_err(step(failed("allowing programs to run in")))?;
    }
    Ok(tree)
}

/// Opens a directory of the tree without following a link; makes it when it is missing, as an OS needs it anyway.
fn directory(parent: &OwnedFd, tree: &str, name: &str, mode: u32) -> Result<OwnedFd, StepError> {
    let opened = match open_directory(parent.as_raw_fd(), name) {
        Err(Errno::ENOENT) => {
            mkdirat(parent, name, Mode::from_bits_truncate(mode))
                .map_err(step(format!("making {tree}/{name}")))?;
            open_directory(parent.as_raw_fd(), name)
        }
        other => other,
    };
    opened.map_err(|error| match error {
        Errno::ELOOP | Errno::ENOTDIR => StepError {
            step: format!("{tree}/{name} is not a directory (a link there could lead anywhere)"),
            source: error.into(),
        },
        other => StepError { step: format!("opening {tree}/{name}"), source: other.into() },
    })
}

fn open_directory(parent: i32, path: &str) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    open_at(parent, path, flags)
}

/// `openat` with a raw parent, so that `AT_FDCWD` and descriptors go the same way.
fn open_at(parent: i32, path: &str, flags: OFlag) -> nix::Result<OwnedFd> {
    if parent == libc::AT_FDCWD {
        open(path, flags, Mode::empty())
    } else {
        // The parent's descriptor path is a directory's, so the name is looked up in it and in nothing else.
        open(format!("/proc/self/fd/{parent}/{path}").as_str(), flags, Mode::empty())
    }
}

/// The path that means exactly this open file, whatever its name leads to now.
fn magic(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn mount_on(target: &OwnedFd, kind: &str, flags: MsFlags, data: Option<&str>) -> Result<(), StepError> {
    mount(Some(kind), magic(target).as_str(), Some(kind), flags, data)
        .map_err(step(format!("mounting {kind} in the tree")))
}

fn make_read_only(target: &OwnedFd, name: &str) -> Result<(), StepError> {
    let flags = fstatvfs(target).map_err(step(format!("inspecting {name}")))?.flags();
    // A remount sets all flags of a mount, so those it has are repeated.
    let mut keep = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    for (has, flag) in [
        (FsFlags::ST_NOSUID, MsFlags::MS_NOSUID),
        (FsFlags::ST_NODEV, MsFlags::MS_NODEV),
        (FsFlags::ST_NOEXEC, MsFlags::MS_NOEXEC),
    ] {
        if flags.contains(has) {
            keep |= flag;
        }
    }
    mount(None::<&str>, magic(target).as_str(), None::<&str>, keep, None::<&str>)
        .map_err(step(format!("making {name} read-only")))
}

fn fill_dev(dev: &OwnedFd) -> Result<(), StepError> {
    for (name, major, minor) in NODES {
        let mode = Mode::from_bits_truncate(0o666);
        match mknodat(dev, name, SFlag::S_IFCHR, mode, makedev(major, minor)) {
            Ok(()) => set_mode(dev, name, 0o666)?,
            // A container without the right to make devices: show the machine's own.
            Err(Errno::EPERM) => {
                let place = create_file(dev, name)?;
                bind(&format!("/dev/{name}"), &place, name)?;
            }
            Err(error) => return Err(step(format!("making dev/{name}"))(error)),
        }
    }
    for (name, target) in LINKS {
        symlinkat(target, dev, name).map_err(step(format!("making dev/{name}")))?;
    }
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    let pts = directory(dev, "dev", "pts", 0o755)?;
    mount_on(&pts, "devpts", quiet, Some("newinstance,ptmxmode=0666,mode=0620,gid=5"))?;
    let shm = directory(dev, "dev", "shm", 0o1777)?;
    mount_on(&shm, "tmpfs", MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some("mode=1777,size=50%"))
}

/// The umask took bits from a creation. The name is one we have just made in a tmpfs of our own.
fn set_mode(parent: &OwnedFd, name: &str, mode: u32) -> Result<(), StepError> {
    let path = format!("{}/{name}", magic(parent));
    std::fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(step(format!("setting the mode of dev/{name}")))
}

fn create_file(parent: &OwnedFd, name: &str) -> Result<OwnedFd, StepError> {
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(format!("{}/{name}", magic(parent)))
        .map_err(step(format!("making {name} in the tree")))?;
    Ok(file.into())
}

fn bind(source: &str, target: &OwnedFd, name: &str) -> Result<(), StepError> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(source), magic(target).as_str(), None::<&str>, flags, None::<&str>)
        .map_err(step(format!("showing {name} in the tree")))
}

/// Puts the server's resolver settings where the tree's `etc/resolv.conf` points: over the file when it is one, into the
/// private `/run` when it is a link into that. A link to anywhere else is the tree's own decision.
fn show_resolver(tree: &OwnedFd, run: &OwnedFd, content: &[u8]) -> Result<(), StepError> {
    let private = "disklessset-resolv.conf";
    let mut file = File::from(create_file(run, private)?);
    file.write_all(content).map_err(step("writing the server's resolver settings"))?;
    let Ok(etc) = open_directory(tree.as_raw_fd(), "etc") else { return Ok(()) };
    match readlinkat(&etc, "resolv.conf") {
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
        Err(Errno::ENOENT) => {
            let place = create_file(&etc, "resolv.conf")?;
            bind(&format!("{}/{private}", magic(run)), &place, "resolv.conf")
        }
        Err(Errno::EINVAL) => {
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let place =
                open_at(etc.as_raw_fd(), "resolv.conf", flags).map_err(step("opening etc/resolv.conf"))?;
            let is_file =
                kind_of(&fstat(&place).map_err(step("inspecting etc/resolv.conf"))?) == SFlag::S_IFREG;
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
        kind_of(&fstat(source).map_err(step(format!("inspecting {}", plan.source)))?) == SFlag::S_IFDIR;
    let place = match target.strip_prefix("run/") {
        Some(below_run) => {
            let run = directory(tree, "tree", "run", 0o755)?;
            let (parent, name) = make_parents(&run, Utf8Path::new(below_run))?;
            if is_directory { directory(&parent, "run", &name, 0o755)? } else { create_file(&parent, &name)? }
        }
        None => open_in_tree(tree, Utf8Path::new(target))?,
    };
    bind(&magic(source), &place, target)?;
    if plan.access == Access::ReadOnly {
        // What is open now is below the mount: open what is on top of it.
        make_read_only(&open_in_tree(tree, Utf8Path::new(target))?, target)?;
    }
    Ok(())
}

/// Opens anything below the tree, no part of its path being a link.
fn open_in_tree(tree: &OwnedFd, path: &Utf8Path) -> Result<OwnedFd, StepError> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let mut current = tree.try_clone().map_err(step(format!("opening {path}")))?;
    for part in path.components() {
        let Utf8Component::Normal(part) = part else {
            return Err(StepError {
                step: format!("using {path}"),
                source: io::ErrorKind::InvalidInput.into(),
            });
        };
        current = openat(current.as_fd(), part, flags, Mode::empty())
            .map_err(step(format!("opening {path} in the tree")))?;
        let kind = kind_of(&fstat(&current).map_err(step(format!("inspecting {path}")))?);
        if kind == SFlag::S_IFLNK {
            let source = io::Error::from(Errno::ELOOP);
            return Err(StepError { step: format!("{path} in the tree is or goes through a link"), source });
        }
    }
    Ok(current)
}

fn kind_of(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & libc::S_IFMT)
}

/// Swaps the root for the tree and lets go of the machine's mounts: a program in the tree cannot even see them.
fn change_root(tree: &OwnedFd) -> Result<(), StepError> {
    fchdir(tree).map_err(step("entering the tree"))?;
    match pivot_root(".", ".") {
        Ok(()) => {
            umount2(".", MntFlags::MNT_DETACH).map_err(step("leaving the machine's root"))?;
        }
        // The machine itself runs from its initramfs, whose root cannot be swapped.
        Err(Errno::EINVAL) => {
            mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>)
                .map_err(step("moving the tree to the root"))?;
            chroot(".").map_err(step("changing the root"))?;
        }
        Err(error) => return Err(step("changing the root")(error)),
    }
    nix::unistd::chdir("/").map_err(step("entering the tree's root"))
}
