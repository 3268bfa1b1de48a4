//! The trees as the NFS server sees them: in mounts that belong to the calling thread and its children alone, and go with
//! the last of them.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::mount_table::mounts_of_this_thread;
use nix::libc;
use nix::sched::{CloneFlags, unshare};
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

use crate::error::ProveError;
use crate::exported::{Exported, View};
use disklessset_core::system::command::{Isolation, Tool};
use disklessset_core::system::mounts::{self, Depth, MountFlags, mount_file_system};
use disklessset_core::system::tree_mounts::WITHOUT_POWERS;

/// Where everything of the server lies. What services of the machine have there is hidden from it: over sockets in `/run`
/// it would enter itself with rpcbind and dbus, in whose lists the machine's own NFS server stands.
pub(super) const PLACE: &str = "/run";

/// Moves the calling thread into mounts of its own and shows it each tree: at the place given back, in the same order.
///
/// # Errors
/// When a tree cannot be opened, mounted or copied.
pub(super) fn prepare(exported: &[Exported]) -> Result<Vec<Utf8PathBuf>, ProveError> {
    enter_private().map_err(ProveError::io("make private mounts"))?;
    // Opened before the place is covered: a tree below it is still found.
    let open = |export: &Exported| {
        File::options()
            .read(true)
            .custom_flags(libc::O_PATH | libc::O_DIRECTORY | libc::O_NOFOLLOW)
            .open(&export.directory)
            .map_err(ProveError::io(format!("open {}", export.directory)))
    };
    let trees = exported.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    // Nobody but root comes in, by `/proc` for instance: the trees are not for the server's own users.
    mount_file_system("disklessset", PLACE, "tmpfs", WITHOUT_POWERS, Some("mode=0700"))
        .map_err(|cause| ProveError::io(format!("cover {PLACE}"))(cause.into()))?;
    (1..)
        .zip(exported.iter().zip(&trees))
        .map(|(number, (export, tree))| show(number, export, tree))
        .collect()
}

fn enter_private() -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    Ok(())
}

fn show(number: u32, export: &Exported, tree: &File) -> Result<Utf8PathBuf, ProveError> {
    let own = Utf8Path::new(PLACE).join(number.to_string());
    let view = own.join("tree");
    std::fs::create_dir_all(&view).map_err(ProveError::io(format!("make {view}")))?;
    // By its descriptor a tree can be mounted whatever its path is made of.
    let source = format!("/proc/self/fd/{}", tree.as_raw_fd());
    match export.view {
        View::AsItIs => {
            mount_bind(&*source, view.as_str())
                .map_err(io::Error::from)
                .and_then(|()| {
                    mounts::change(view.as_str(), WITHOUT_POWERS, MountFlags::empty(), Depth::Alone)
                })
                .map_err(ProveError::io(format!("show {}", export.directory)))?;
        }
        View::ThrowAway => match overlay(&source, &own, &view) {
            Ok(()) => {}
            Err(_) => copy(export, tree, &view)?,
        },
    }
    Ok(view)
}

/// Mounts an overlay whose changes stay in memory.
///
/// NFS servers need files to be found again by handles: `nfs_export`, and `index` for files with several names. With
/// `xino` the lower tree's files are on the device of the overlay, although its upper directory lies in memory: of files
/// on another device than their export's the server says EXDEV (seen with nfs-ganesha 4.3).
///
/// Before Linux 6.6 an overlay has the identity of its upper file system, and the server takes the two for one. So each
/// overlay gets an upper file system of its own, which is in no list of mounts any more when the server looks.
fn overlay(lower: &str, own: &Utf8Path, view: &Utf8Path) -> io::Result<()> {
    let memory = own.join("memory");
    let (upper, work) = (memory.join("upper"), memory.join("work"));
    std::fs::create_dir(&memory)?;
    mount_file_system("disklessset", memory.as_str(), "tmpfs", WITHOUT_POWERS, None)?;
    for directory in [&upper, &work] {
        std::fs::create_dir(directory)?;
    }
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work},index=on,nfs_export=on,xino=on");
    let target = view.as_str();
    let mounted = mount_file_system("disklessset", target, "overlay", WITHOUT_POWERS, Some(&options));
    unmount(memory.as_str(), UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?;
    mounted?;
    // A file system that cannot do it gets a mount without, and a line in the kernel's log.
    if !options_of(view)?.iter().any(|option| option == "nfs_export=on") {
        unmount(target, UnmountFlags::NOFOLLOW)?;
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    Ok(())
}

/// The options of what is mounted at `target` for the calling thread.
fn options_of(target: &Utf8Path) -> io::Result<Vec<String>> {
    let mounts = mounts_of_this_thread().map_err(|error| error.source)?;
    let mount = mounts.into_iter().rfind(|mount| mount.target == target);
    let options = mount.ok_or_else(|| io::Error::other("the mount is not there"))?.options;
    Ok(options.split(',').map(str::to_owned).collect())
}

/// Copies the tree into memory, where the file system cannot be a lower one that is exported (another overlay, FUSE).
fn copy(export: &Exported, tree: &File, view: &Utf8Path) -> Result<(), ProveError> {
    let source = format!("/proc/{}/fd/{}/.", std::process::id(), tree.as_raw_fd());
    Tool::new("cp")
        .args(["--archive", "--no-target-directory", &source, view.as_str()])
        .isolation(Isolation::None)
        .run()
        .map(drop)
        .map_err(|cause| {
            let act = format!(
                "copy {} into memory, as its file system has no exportable overlays",
                export.directory
            );
            ProveError::io(act)(io::Error::other(cause))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exported(directory: &Utf8Path, view: View) -> Exported {
        Exported { path: "/d/a".into(), directory: directory.to_owned(), view }
    }

    /// In a thread of its own, whose mounts go with it.
    fn apart(test: impl FnOnce(&Utf8Path) + Send) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let temp = tempfile::tempdir_in("/var/tmp").unwrap();
        // Hostile to options of mounts.
        let top = Utf8Path::from_path(temp.path()).unwrap().join("a:b,c=\"d e\\");
        std::fs::create_dir_all(top.join("tree/etc")).unwrap();
        std::fs::copy("/proc/self/cmdline", top.join("tree/etc/file")).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| test(&top)).join().unwrap();
        });
        let left = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!left.contains(temp.path().to_str().unwrap()), "{left}");
    }

    #[test]
    fn a_view_is_thrown_away_and_a_tree_as_it_is_is_changed() {
        apart(|top| {
            let tree = top.join("tree");
            let views = prepare(&[exported(&tree, View::ThrowAway), exported(&tree, View::AsItIs)]).unwrap();
            assert!(options_of(&views[0]).unwrap().iter().any(|option| option == "xino=on"));
            std::fs::remove_file(views[0].join("etc/file")).unwrap();
            std::fs::create_dir(views[0].join("new")).unwrap();
            assert!(tree.join("etc/file").exists() && !tree.join("new").exists());
            let identities = [&views[0], Utf8Path::new(PLACE), &tree]
                .map(|path| rustix::fs::statvfs(path.as_std_path()).unwrap().f_fsid);
            assert!(identities[0] != identities[1] && identities[0] != identities[2], "{identities:?}");
            std::fs::create_dir(views[1].join("new")).unwrap();
            assert!(tree.join("new").is_dir());
        });
    }

    #[test]
    fn a_tree_that_cannot_be_a_lower_one_is_copied() {
        apart(|top| {
            // An overlay without handles is what a container's files lie on.
            enter_private().unwrap();
            mount_file_system("none", PLACE, "tmpfs", MountFlags::empty(), None).unwrap();
            for name in ["upper", "work", "merged"] {
                std::fs::create_dir(Utf8Path::new(PLACE).join(name)).unwrap();
            }
            let lower = File::open(top.join("tree")).unwrap();
            let options = format!(
                "lowerdir=/proc/self/fd/{},upperdir={PLACE}/upper,workdir={PLACE}/work,nfs_export=off",
                lower.as_raw_fd()
            );
            let merged = Utf8Path::new(PLACE).join("merged");
            mount_file_system("o", merged.as_str(), "overlay", MountFlags::empty(), Some(&options)).unwrap();
            let views = prepare(&[exported(&merged, View::ThrowAway)]).unwrap();
            assert!(options_of(&views[0]).is_err(), "not a mount of its own");
            std::fs::remove_file(views[0].join("etc/file")).unwrap();
            assert!(top.join("tree/etc/file").exists());
        });
    }
}
