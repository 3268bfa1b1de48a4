//! Mounts a writable view of a tree that belongs to somebody else. Its layers are given by descriptor: any name is fine, and what is
//! mounted is what was looked at.

use super::{MountError, MountFlags, flags, mount_file_system, open_place, overlay};
use crate::{FileError, beneath::own_path};
use camino::Utf8Path;
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
    mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, fsconfig_create, fsconfig_set_fd,
        fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount,
    },
};
use std::fs::File;

/// A writable view, for the length of one action.
#[derive(Debug)]
pub struct View<'a> {
    /// The tree, which is never written to.
    pub tree: BorrowedFd<'a>,
    /// Where changes go, empty.
    pub upper: &'a Utf8Path,
    /// An empty directory beside it.
    pub work: &'a Utf8Path,
    /// Where it is mounted.
    pub target: &'a Utf8Path,
}

/// Mounts it with `flags`. Files with several names keep them all when one is changed; the data of one whose owner, mode or attributes
/// change is not copied. Nothing that is written there is flushed, where the kernel can do without (5.10 and later): after a power cut
/// its layers are good for nothing.
///
/// # Errors
/// What the system refuses; nothing stays mounted then. It is `INVAL` where a file system can be no layer.
pub fn mount_view(view: &View<'_>, flags: MountFlags) -> Result<(), MountError> {
    let target = view.target;
    let layers = Layers::open(view)?;
    let place = open_place(target)?;
    let mounted = match by_descriptor(&layers, &place, flags) {
        // An older kernel, which takes paths alone; or what no kernel does, and then this says so, too.
        Err(Errno::INVAL | Errno::NOSYS) => by_paths(&layers, &place, flags),
        done => done,
    };
    mounted.map_err(FileError::of("mount", target))?;
    overlay::finish(target, view.work)
}

struct Layers<'a> {
    tree: BorrowedFd<'a>,
    upper: OwnedFd,
    work: OwnedFd,
}

impl<'a> Layers<'a> {
    fn open(view: &View<'a>) -> Result<Self, FileError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = |path: &Utf8Path| {
            rustix::fs::open(path.as_std_path(), flags, Mode::empty()).map_err(FileError::of("open", path))
        };
        Ok(Self { tree: view.tree, upper: open(view.upper)?, work: open(view.work)? })
    }
}

/// What keeps files with several names, has attributes change without data, and is needed for the latter.
const ON: [&str; 3] = ["index", "redirect_dir", "metacopy"];

/// Linux 6.13 and later.
fn by_descriptor(layers: &Layers<'_>, place: &File, flags: MountFlags) -> rustix::io::Result<()> {
    let made = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_fd(&made, "lowerdir+", layers.tree)?;
    fsconfig_set_fd(&made, "upperdir", &layers.upper)?;
    fsconfig_set_fd(&made, "workdir", &layers.work)?;
    for option in ON {
        fsconfig_set_string(&made, option, "on")?;
    }
    fsconfig_set_flag(&made, "volatile")?;
    fsconfig_create(&made)?;
    let attributes = u32::try_from(flags::attributes(flags)).map_err(|_| Errno::INVAL)?;
    let attributes = MountAttrFlags::from_bits_retain(attributes);
    let mount = fsmount(&made, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    let both = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount.as_fd(), "", place.as_fd(), "", both)
}

/// By the paths that mean the open directories, which have no character that an option cannot have.
fn by_paths(layers: &Layers<'_>, place: &File, flags: MountFlags) -> rustix::io::Result<()> {
    let (lower, upper, work) = (own_path(layers.tree), own_path(&layers.upper), own_path(&layers.work));
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    let options = ON.iter().fold(options, |options, option| format!("{options},{option}=on"));
    let mount = |more: &str| {
        let options = format!("{options}{more}");
        mount_file_system("overlay", &own_path(place), "overlay", flags, Some(&options))
    };
    match mount(",volatile") {
        Err(Errno::INVAL) => mount(""),
        done => done,
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write to what they mounted")]
mod tests {
    use super::*;
    use crate::{
        durable,
        mount_table::mount_at,
        mounts::{tests::Mounted, unmount},
        test_support::is_root,
    };
    use std::os::unix::fs::MetadataExt;

    fn tree(place: &Utf8Path) -> OwnedFd {
        let tree = place.join("a, tree: of \\ mine");
        std::fs::create_dir(&tree).unwrap();
        std::fs::write(tree.join("file"), "old").unwrap();
        std::fs::hard_link(tree.join("file"), tree.join("again")).unwrap();
        std::fs::write(tree.join("large"), [1; 1 << 16]).unwrap();
        rustix::fs::open(tree.as_std_path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap()
    }

    type Way = fn(&Layers<'_>, &File, MountFlags) -> rustix::io::Result<()>;

    #[test]
    fn a_view_by_descriptor_and_by_paths_shows_the_tree_and_keeps_its_links() {
        let name = "a_view_by_descriptor_and_by_paths_shows_the_tree_and_keeps_its_links";
        if !is_root(name) {
            return;
        }
        for way in [by_descriptor as Way, by_paths] {
            let place = Mounted::new();
            let [upper, work, target] = ["upper", "work", "target"].map(|name| place.path(name));
            let tree = tree(&place.path("a"));
            let view = View { tree: tree.as_fd(), upper: &upper, work: &work, target: &target };
            let mounted = way(
                &Layers::open(&view).unwrap(),
                &open_place(&target).unwrap(),
                MountFlags::NOSUID | MountFlags::NODEV,
            );
            match mounted {
                // A kernel without it.
                Err(Errno::INVAL | Errno::NOSYS) if way as usize == by_descriptor as Way as usize => continue,
                done => done.unwrap(),
            }
            overlay::finish(&target, &work).unwrap();
            durable::set_mode(&target.join("large"), 0o600).unwrap();
            assert_eq!(std::fs::read(target.join("large")).unwrap(), [1; 1 << 16]);
            // Its attributes may take a block of their own; its data would take 128 of 512 bytes.
            assert!(upper.join("large").metadata().unwrap().blocks() < 64);
            std::fs::write(target.join("file"), "new").unwrap();
            assert_eq!(std::fs::read_to_string(target.join("again")).unwrap(), "new");
            assert_eq!(target.join("file").metadata().unwrap().nlink(), 2);
            let mount = mount_at(&target).unwrap().unwrap();
            assert!(mount.flags.contains("nosuid,nodev"), "{mount:?}");
            assert!(mount.options.contains("volatile"), "{mount:?}");
            unmount(&target).unwrap();
            let kept = std::fs::read_to_string(place.path("a/a, tree: of \\ mine/file")).unwrap();
            assert_eq!(kept, "old");
        }
    }

    #[test]
    fn changes_that_would_lie_on_another_overlay_are_refused_and_nothing_stays_mounted() {
        let name = "changes_that_would_lie_on_another_overlay_are_refused_and_nothing_stays_mounted";
        if !is_root(name) {
            return;
        }
        let place = Mounted::new();
        let [upper, work, target] = ["upper", "work", "target"].map(|name| place.path(name));
        let tree = tree(&place.path("a"));
        let view = |upper, work, target| {
            mount_view(&View { tree: tree.as_fd(), upper, work, target }, MountFlags::empty())
        };
        view(&upper, &work, &target).unwrap();
        let [upper, work, second] = ["target/u", "target/w", "b"].map(|name| place.path(name));
        std::fs::create_dir(&upper).unwrap();
        std::fs::create_dir(&work).unwrap();
        let error = view(&upper, &work, &second).unwrap_err();
        assert!(error.to_string().starts_with("cannot mount "), "{error}");
        assert_eq!(mount_at(&second).unwrap(), None);
    }
}
