//! Makes the server's own root safe to run a package manager in, whose packages' scripts run in the tree it works on and can leave it:
//! a root directory holds nobody who is root.
//!
//! Everything is read-only but the tree and the directories that are named, `/tmp` is its own, `/dev` is made up, and `/run`, where services of the server
//! listen, has name resolution alone. Device nodes work nowhere but in that `/dev`.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, open};

use super::isolation::{Installing, StepError, step};
use super::made_up;
use super::places::{bind, bind_on_itself, create_file, directory, magic, mount_on, open_directory};
use disklessset_system::mounts::{self, Depth, MountFlags};

/// What answers for names below `/run`: `/etc/resolv.conf` is often a link to one of them, or the C library asks them.
const RESOLVERS: [&str; 5] =
    ["systemd/resolve", "NetworkManager/resolv.conf", "resolvconf", "connman/resolv.conf", "nscd/socket"];

/// Prepares this thread's namespace; returns the directory `proc` of the tree, in which a process of the new pid namespace has to show
/// its `/proc`.
pub(super) fn enter(plan: &Installing) -> Result<OwnedFd, StepError> {
    let resolvers: Vec<(&str, OwnedFd)> = RESOLVERS
        .into_iter()
        .filter_map(|name| {
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            Some((name, open(Path::new("/run").join(name).as_path(), flags, Mode::empty()).ok()?))
        })
        .collect();
    let beside: Vec<OwnedFd> =
        plan.writable.iter().map(|path| bind_on_itself(path)).collect::<Result<_, _>>()?;
    // It may lie in one of them, whose mount would hide its own.
    let tree = bind_on_itself(&plan.tree)?;
    let shut = MountFlags::RDONLY | MountFlags::NODEV;
    mounts::change("/", shut, MountFlags::empty(), Depth::AllBelow)
        .map_err(step("making the server's files read-only"))?;
    let open_again = MountFlags::RDONLY | MountFlags::NOEXEC | MountFlags::NOSUID;
    for place in beside.iter().chain([&tree]) {
        mounts::change(&magic(place), MountFlags::empty(), open_again, Depth::Alone)
            .map_err(step(format!("opening what may be written beside {}", plan.tree)))?;
    }

    let root = open_directory(CWD, "/").map_err(step("opening /"))?;
    made_up::mount_dev(&root, "", plan.links_of_dev)?;
    hide_run(&root, &resolvers)?;

    own_tmp(&root)?;
    // It may be below what has just been covered and shown again.
    let name = plan.tree.as_str();
    let tree = open_directory(CWD, name).map_err(step(format!("opening {name}")))?;
    made_up::mount_sys(&tree, name)?;
    bind("/dev", &directory(&tree, name, "dev", 0o755)?, "/dev")?;
    directory(&tree, name, "proc", 0o555)
}

/// Gives it a `/tmp` to write to, as some tools do whatever `TMPDIR` says, with what is in the server's: a repository may be there. Sockets
/// are left out.
fn own_tmp(root: &OwnedFd) -> Result<(), StepError> {
    let before = directory(root, "", "tmp", 0o1777)?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV;
    mount_on(&before, "tmpfs", quiet, Some("mode=1777,size=50%"))?;
    let tmp = directory(root, "", "tmp", 0o1777)?;
    let entries = std::fs::read_dir(magic(&before)).map_err(step("reading /tmp"))?;
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        let place = match (kind.is_dir(), kind.is_file()) {
            (true, _) => directory(&tmp, "/tmp", &name, 0o755)?,
            (_, true) => create_file(&tmp, &name)?,
            _ => continue,
        };
        // Who tidies up in there meanwhile is no reason to fail.
        let _ = bind(&format!("{}/{name}", magic(&before)), &place, &name);
    }
    Ok(())
}

fn hide_run(root: &OwnedFd, resolvers: &[(&str, OwnedFd)]) -> Result<(), StepError> {
    let quiet = MountFlags::NOSUID | MountFlags::NODEV;
    mount_on(&directory(root, "", "run", 0o755)?, "tmpfs", quiet, Some("mode=0755,size=20%"))?;
    for (name, source) in resolvers {
        let mut parent = directory(root, "", "run", 0o755)?;
        let (above, last) = name.rsplit_once('/').unwrap_or(("", name));
        for part in above.split('/').filter(|part| !part.is_empty()) {
            parent = directory(&parent, "/run", part, 0o755)?;
        }
        let place = match Path::new(&magic(source)).is_dir() {
            true => directory(&parent, "/run", last, 0o755)?,
            false => create_file(&parent, last)?,
        };
        bind(&magic(source), &place, name)?;
    }
    Ok(())
}
