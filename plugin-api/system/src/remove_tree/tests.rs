//! Removals, and what must survive them.
#![allow(clippy::disallowed_methods, reason = "tests run tools of the system")]

use super::{
    walk::{Level, identity},
    *,
};
use crate::test_support::is_root;
use rustix::{
    fd::OwnedFd,
    fs::{CWD, FileType, mkdirat},
    mount::{UnmountFlags, mount_bind, unmount},
};
use std::{
    ffi::{CStr, OsStr},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, lchown, symlink},
    },
    process::{Command, Stdio},
    rc::Rc,
    time::Instant,
};

struct Place {
    temp: tempfile::TempDir,
    owned: Utf8PathBuf,
}

impl Place {
    /// A directory of disklessset with a tree `web01` in it, and a precious one beside it.
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let owned = Utf8Path::from_path(temp.path()).unwrap().join("images");
        let place = Place { temp, owned };
        std::fs::create_dir_all(place.tree().join("etc/deep")).unwrap();
        std::fs::create_dir_all(place.precious()).unwrap();
        std::fs::File::create(place.precious().join("canary")).unwrap();
        std::fs::File::create(place.tree().join("etc/passwd")).unwrap();
        place
    }
    fn tree(&self) -> Utf8PathBuf {
        self.owned.join("web01")
    }
    fn precious(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.temp.path()).unwrap().join("precious")
    }
    fn remove(&self, path: &Utf8Path) -> Result<Removed, RemoveError> {
        remove_tree(path, std::slice::from_ref(&self.owned))
    }
    fn canary_lives(&self) -> bool {
        self.precious().join("canary").exists()
    }
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[test]
fn a_tree_goes_with_all_it_has_and_links_are_not_followed() {
    let place = Place::new();
    let tree = place.tree();
    symlink(place.precious(), tree.join("etc/link")).unwrap();
    symlink("nowhere", tree.join("dangling")).unwrap();
    let odd = tree.as_std_path().join(OsStr::from_bytes(b"no\xffutf8\n"));
    std::fs::create_dir(&odd).unwrap();
    std::fs::File::create(odd.join(OsStr::from_bytes(b"\xfe"))).unwrap();
    rustix::fs::mknodat(CWD, tree.join("fifo").as_std_path(), FileType::Fifo, Mode::RWXU, 0).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(tree.join("socket")).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(tree.join("big")).unwrap(), &[1; 100_000]).unwrap();
    std::fs::hard_link(tree.join("big"), place.owned.join("other-name")).unwrap();

    let removed = place.remove(&tree).unwrap();
    assert_eq!((removed.files, removed.directories), (7, 4));
    assert!(removed.bytes < 50_000, "a file that has another name gives no space back: {removed:?}");
    assert!(!tree.exists() && place.canary_lives());
    assert_eq!(place.remove(&tree).unwrap(), Removed::default(), "removing nothing is no error");
    let removed = place.remove(&place.owned.join("other-name")).unwrap();
    assert!(removed.bytes >= 100_000, "{removed:?}");
}

#[test]
fn a_link_at_the_end_goes_and_its_target_stays() {
    let place = Place::new();
    let link = place.owned.join("link");
    symlink(place.precious(), &link).unwrap();
    assert_eq!(place.remove(&link).unwrap().files, 1);
    assert!(place.canary_lives() && !link.is_symlink());
}

#[test]
fn nothing_outside_the_owned_directories_is_removed() {
    let place = Place::new();
    for path in [
        place.precious(),
        place.owned.clone(),
        place.owned.join("../precious"),
        place.owned.join("web01/../../precious"),
        Utf8PathBuf::from("/"),
        Utf8PathBuf::from("web01"),
    ] {
        let error = place.remove(&path).unwrap_err();
        assert!(matches!(error, RemoveError::NotOwned { .. }), "{path}: {error}");
    }
    assert!(place.canary_lives() && place.tree().exists());
}

#[test]
fn a_link_on_the_way_is_refused() {
    let place = Place::new();
    symlink(place.precious(), place.owned.join("link")).unwrap();
    let error = place.remove(&place.owned.join("link/canary")).unwrap_err().to_string();
    assert!(
        error.contains(&format!("{} is not a directory of its own", place.owned.join("link"))),
        "{error}"
    );
    assert!(place.canary_lives());
}

#[test]
fn an_owned_directory_planted_as_a_link_by_somebody_else_is_refused() {
    if !is_root("an_owned_directory_planted_as_a_link_by_somebody_else_is_refused") {
        return;
    }
    let place = Place::new();
    let planted = Utf8Path::from_path(place.temp.path()).unwrap().join("workdir");
    symlink(place.precious(), &planted).unwrap();
    lchown(&planted, Some(4242), Some(4242)).unwrap();
    let error = remove_tree(&planted.join("canary"), std::slice::from_ref(&planted)).unwrap_err();
    assert!(matches!(error, RemoveError::Untrusted { .. }), "{error}");
    assert!(place.canary_lives());
}

#[test]
fn nothing_is_removed_while_something_is_mounted_inside() {
    if !is_root("nothing_is_removed_while_something_is_mounted_inside") {
        return;
    }
    let place = Place::new();
    let inside = place.tree().join("etc/deep");
    let bind = |target: &Utf8Path| {
        mount_bind(place.precious().as_str(), target.as_str()).unwrap();
    };
    bind(&inside);
    let error = place.remove(&place.tree()).unwrap_err().to_string();
    assert_eq!(error, format!("cannot remove {}: still mounted: {inside}", place.tree()));
    assert!(place.tree().join("etc/passwd").exists(), "something was deleted");

    // The same when the table of mounts said nothing: a bind that came after the look. It has the same device.
    let mut late = Removal { path: &place.tree(), removed: Removed::default(), stack: Vec::new() };
    let parent: OwnedFd = File::open(&place.owned).unwrap().into();
    let error = late.tree(&parent, c"web01".to_owned()).unwrap_err().to_string();
    assert_eq!(error, format!("removal of {} stopped: a mount appeared at {inside}", place.tree()));
    unmount(inside.as_str(), UnmountFlags::empty()).unwrap();
    assert!(place.canary_lives());

    // And of a file over a file.
    let file = place.tree().join("file");
    std::fs::File::create(&file).unwrap();
    let canary = place.precious().join("canary");
    mount_bind(canary.as_str(), file.as_str()).unwrap();
    let mut late = Removal { path: &place.tree(), removed: Removed::default(), stack: Vec::new() };
    let result = late.tree(&parent, c"web01".to_owned());
    unmount(file.as_str(), UnmountFlags::empty()).unwrap();
    assert!(matches!(result, Err(RemoveError::MountAppeared { .. })));
    assert!(place.canary_lives());
    place.remove(&place.tree()).unwrap();
    assert!(!place.tree().exists());
}

#[test]
fn ten_thousand_levels_take_neither_stack_nor_descriptors() {
    let place = Place::new();
    let mut current: OwnedFd = File::open(place.tree()).unwrap().into();
    for level in 0..10_000 {
        mkdirat(&current, "down", Mode::RWXU).unwrap();
        if level % 100 == 0 {
            mkdirat(&current, "aside", Mode::RWXU).unwrap();
            drop(openat(&current, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap());
        }
        current = openat(&current, "down", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    drop(current);
    let before = open_descriptors();
    let begun = Instant::now();
    // A thread with a small stack: recursion would not fit.
    let path = place.tree();
    let owned = [place.owned.clone()];
    let removal = std::thread::Builder::new().stack_size(128 << 10).spawn(move || remove_tree(&path, &owned));
    let removed = removal.unwrap().join().unwrap().unwrap();
    assert_eq!((removed.files, removed.directories), (101, 10_103));
    assert!(begun.elapsed().as_secs() < 30);
    assert!(open_descriptors() <= before + 20, "descriptors leaked");
    assert!(!place.tree().exists());
}

#[test]
fn immutable_files_and_directories_go_too_but_the_directory_above_stays_as_it_is() {
    if !is_root("immutable_files_and_directories_go_too_but_the_directory_above_stays_as_it_is") {
        return;
    }
    let place = Place::new();
    let chattr = |flag: &str, path: &Utf8Path| run("chattr", &[flag, path.as_str()]);
    if !chattr("+i", &place.tree().join("etc/passwd")) {
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED, this file system has no immutable flag\n",
        );
        return;
    }
    assert!(chattr("+i", &place.tree().join("etc")));
    assert!(chattr("+a", &place.tree()));
    let mode = std::fs::metadata(&place.owned).unwrap().mode();
    place.remove(&place.tree()).unwrap();
    assert!(!place.tree().exists());
    assert_eq!(std::fs::metadata(&place.owned).unwrap().mode(), mode);

    // An administrator who locked the directory above meant it.
    std::fs::create_dir_all(place.tree()).unwrap();
    assert!(chattr("+a", &place.owned));
    let refused = place.remove(&place.tree());
    let still_locked = std::fs::rename(place.tree(), place.owned.join("renamed")).is_err();
    assert!(chattr("-a", &place.owned));
    assert!(matches!(refused, Err(RemoveError::Refused { .. })), "{refused:?}");
    assert!(still_locked);
    assert_eq!(std::fs::metadata(&place.owned).unwrap().mode(), mode);
}

#[test]
fn a_wide_directory_is_emptied_completely() {
    let place = Place::new();
    for number in 0..3000 {
        std::fs::create_dir(place.tree().join(format!("dir{number}"))).unwrap();
        std::fs::File::create(place.tree().join(format!("file{number}"))).unwrap();
    }
    let removed = place.remove(&place.tree()).unwrap();
    assert_eq!((removed.files, removed.directories), (3001, 3003));
}

#[test]
fn a_directory_moved_away_meanwhile_stops_the_removal() {
    let place = Place::new();
    let open = |path: &Utf8Path| Rc::new(OwnedFd::from(File::open(path).unwrap()));
    let (tree, etc) = (open(&place.tree()), open(&place.tree().join("etc")));
    let level = |name: &CStr, directory: &Rc<OwnedFd>, kept| Level {
        name: name.to_owned(),
        identity: identity(directory).unwrap(),
        directory: kept,
        subdirectories: Vec::new(),
        rounds: 0,
    };
    // In a deep tree the upper descriptor is closed, and the way back up is by `..`.
    let stack = vec![level(c"web01", &tree, None), level(c"etc", &etc, Some(Rc::clone(&etc)))];
    let mut removal = Removal { path: &place.tree(), removed: Removed::default(), stack };
    std::fs::rename(place.tree().join("etc"), place.precious().join("etc")).unwrap();
    std::fs::create_dir(place.precious().join("empty")).unwrap();
    let error = removal.ascend(&tree).unwrap_err().to_string();
    assert!(error.contains("etc was moved or filled by somebody else meanwhile"), "{error}");
    assert!(place.precious().join("etc/passwd").exists() && place.canary_lives());
}

/// Whether a tool is there and does well.
fn run(name: &str, args: &[&str]) -> bool {
    let ended = Command::new(name).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}

fn tool(name: &str, args: &[&str]) {
    assert!(run(name, args), "{name} {}", args.join(" "));
}

/// A btrfs of its own below the owned directory; unmounted when it is dropped.
struct Btrfs(Utf8PathBuf);

impl Btrfs {
    /// `None`, said loudly, where the machine has none.
    fn new(place: &Place) -> Option<Self> {
        let (file, at) = (place.precious().join("disk"), place.owned.clone());
        std::fs::remove_dir_all(&at).unwrap();
        std::fs::create_dir(&at).unwrap();
        let known = std::fs::read_to_string("/proc/filesystems").unwrap().contains("btrfs");
        File::create(&file).unwrap().set_len(300 << 20).unwrap();
        if !known || !run("mkfs.btrfs", &["-q", "-f", file.as_str()]) {
            let said = b"SKIPPED, needs btrfs in the kernel and btrfs-progs\n";
            let _ = std::io::Write::write_all(&mut std::io::stderr(), said);
            return None;
        }
        tool("mount", &["-o", "loop", file.as_str(), at.as_str()]);
        Some(Self(at))
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let _ = unmount(self.0.as_str(), UnmountFlags::empty());
    }
}

#[test]
fn subvolumes_and_read_only_snapshots_go_at_once_and_what_is_mounted_inside_forbids_it() {
    if !is_root("subvolumes_and_read_only_snapshots_go_at_once_and_what_is_mounted_inside_forbids_it") {
        return;
    }
    let place = Place::new();
    let Some(_disk) = Btrfs::new(&place) else { return };
    let tree = place.tree();
    let create = |path: &Utf8Path| tool("btrfs", &["-q", "subvolume", "create", path.as_str()]);
    let snapshot = |options: &[&str], to: &Utf8Path| {
        let words = [&["-q", "subvolume", "snapshot"], options, &[tree.as_str(), to.as_str()]].concat();
        tool("btrfs", &words);
    };
    create(&tree);
    std::fs::create_dir_all(tree.join("etc/deep")).unwrap();
    for number in 0..500 {
        File::create(tree.join(format!("etc/{number}"))).unwrap();
    }
    tool("chattr", &["+i", tree.join("etc/7").as_str()]);
    let (node, locked) = (place.owned.join("node"), place.owned.join("read-only"));
    snapshot(&[], &node);
    snapshot(&["-r"], &locked);
    tool("chattr", &["+i", node.as_str()]);

    for path in [&node, &locked] {
        let removed = place.remove(path).unwrap();
        assert_eq!((removed.files, removed.directories), (0, 1), "{path} was visited file by file");
        assert!(!path.exists());
    }

    // Others inside, one of them read-only with one inside itself.
    create(&tree.join("var"));
    create(&tree.join("var/deep"));
    create(&tree.join("var/deep/down"));
    File::create(tree.join("var/deep/down/file")).unwrap();
    tool("btrfs", &["property", "set", "-t", "subvol", tree.join("var/deep").as_str(), "ro", "true"]);
    symlink(place.precious(), tree.join("var/link")).unwrap();

    let inside = tree.join("etc/deep");
    let canary = place.precious().join("canary");
    mount_bind(place.precious().as_str(), inside.as_str()).unwrap();
    let error = place.remove(&tree).unwrap_err().to_string();
    assert_eq!(error, format!("cannot remove {tree}: still mounted: {inside}"));
    assert!(tree.join("var/deep/down/file").exists() && canary.exists(), "something was deleted");
    // The same when the mount came after the look.
    let mut late = Removal { path: &tree, removed: Removed::default(), stack: Vec::new() };
    let parent: OwnedFd = File::open(&place.owned).unwrap().into();
    let error = late.tree(&parent, c"web01".to_owned()).unwrap_err();
    assert!(matches!(error, RemoveError::MountAppeared { .. }), "{error}");
    assert!(inside.join("canary").exists() && tree.join("etc/8").exists(), "something was deleted");
    drop(parent);
    unmount(inside.as_str(), UnmountFlags::empty()).unwrap();

    place.remove(&tree).unwrap();
    assert!(!tree.exists() && canary.exists());
    // A plain tree with a subvolume in it.
    std::fs::create_dir(&tree).unwrap();
    create(&tree.join("home"));
    File::create(tree.join("home/file")).unwrap();
    assert_eq!(place.remove(&tree).unwrap().directories, 2);
    assert_eq!(std::fs::read_dir(&place.owned).unwrap().count(), 0);
}
