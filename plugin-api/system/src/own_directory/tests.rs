use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};

use super::*;
use crate::test_support::{Place, is_root};
use rustix::{
    fs::{CWD, FileType, Mode},
    mount::{MountFlags, UnmountFlags, mount, unmount},
};

const STRANGER: u32 = 4242;

/// A directory like `/var/tmp` is in it, and a canary that must stay empty.
fn place() -> Place {
    let place = Place::new();
    place.dir("tmp", 0o1777);
    place.dir("precious", 0o755);
    place
}

impl Place {
    fn make(&self, name: &str) -> Result<Vec<MovedAside>, TrustError> {
        make(&self.path(name), From::Directory(&self.path("")), 0o700)
    }
    fn mode(&self, name: &str) -> u32 {
        self.path(name).symlink_metadata().unwrap().mode() & 0o7777
    }
}

#[test]
fn what_is_missing_is_made_closed_and_what_is_there_stays() {
    let place = place();
    assert_eq!(place.make("tmp/diskless/workdir").unwrap(), []);
    assert_eq!((place.mode("tmp/diskless"), place.mode("tmp/diskless/workdir")), (0o700, 0o700));
    std::fs::set_permissions(place.path("tmp/diskless"), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.make("tmp/diskless/workdir").unwrap(), []);
    assert_eq!(place.mode("tmp/diskless"), 0o755);
    assert!(close(&place.path("tmp/diskless")).unwrap());
    assert!(!close(&place.path("tmp/diskless")).unwrap());
    assert_eq!(place.mode("tmp/diskless"), 0o700);
}

#[test]
fn whatever_another_user_put_there_first_is_moved_aside_and_kept() {
    if !is_root("whatever_another_user_put_there_first_is_moved_aside_and_kept") {
        return;
    }
    type Plant = fn(&Utf8Path, &Utf8Path);
    let plants: [(&str, Plant); 6] = [
        ("a link", |at, precious| symlink(precious, at).unwrap()),
        ("a link", |at, _| symlink("nowhere", at).unwrap()),
        ("a file", |at, _| drop(File::create(at).unwrap())),
        ("a directory", |at, _| std::fs::create_dir_all(at.join("workdir/web")).unwrap()),
        ("a FIFO", |at, _| {
            rustix::fs::mknodat(CWD, at.as_std_path(), FileType::Fifo, Mode::RWXU, 0).unwrap()
        }),
        ("a socket", |at, _| drop(std::os::unix::net::UnixListener::bind(at).unwrap())),
    ];
    for (what, plant) in plants {
        let place = place();
        plant(&place.path("tmp/diskless"), &place.path("precious"));
        lchown(place.path("tmp/diskless"), Some(STRANGER), Some(STRANGER)).unwrap();
        let moved = place.make("tmp/diskless/workdir").unwrap();
        assert_eq!(moved.len(), 1, "{what}");
        assert_eq!((moved[0].what, moved[0].owner), (what, STRANGER));
        assert!(moved[0].to.symlink_metadata().is_ok(), "{what} is kept");
        assert_eq!(place.path("tmp/diskless/workdir").read_dir().unwrap().count(), 0);
        assert_eq!(place.path("precious").read_dir().unwrap().count(), 0, "{what} was followed");
        assert!(moved[0].to_string().contains("of another user (uid 4242): it is moved aside to"));
        assert_eq!(place.make("tmp/diskless/workdir").unwrap(), []);
    }
}

#[test]
fn a_second_name_of_roots_own_things_is_moved_aside_too() {
    if !is_root("a_second_name_of_roots_own_things_is_moved_aside_too") {
        return;
    }
    let place = place();
    symlink(place.path("precious"), place.path("roots-link")).unwrap();
    std::fs::hard_link(place.path("roots-link"), place.path("tmp/diskless")).unwrap();
    assert_eq!(place.make("tmp/diskless").unwrap().len(), 1);
    // One name only, and it leads to a directory: an administrator's, who is told what to do.
    symlink(place.path("precious"), place.path("tmp/link")).unwrap();
    let error = place.make("tmp/link").unwrap_err().to_string();
    assert!(error.contains("is a link that somebody else could have planted"), "{error}");
    assert_eq!(place.path("precious").read_dir().unwrap().count(), 0);
}

#[test]
fn a_file_system_that_another_user_mounted_there_is_no_reason_to_stop() {
    if !is_root("a_file_system_that_another_user_mounted_there_is_no_reason_to_stop") {
        return;
    }
    use std::os::fd::AsRawFd;
    let place = place();
    let at = place.path("tmp/diskless");
    std::fs::create_dir(&at).unwrap();
    chown(&at, Some(STRANGER), Some(STRANGER)).unwrap();
    let Ok(fuse) = File::options().read(true).write(true).open("/dev/fuse") else { return };
    let options = format!("fd={},rootmode=40000,user_id={STRANGER},group_id={STRANGER}", fuse.as_raw_fd());
    let options = std::ffi::CString::new(options).unwrap();
    mount("x", at.as_str(), "fuse", MountFlags::empty(), options.as_c_str()).unwrap();
    let made = place.make("tmp/diskless/workdir");
    let _ = unmount(at.as_str(), UnmountFlags::DETACH);
    drop(fuse);
    assert_eq!(made.unwrap().len(), 1);
    assert!(place.path("tmp/diskless/workdir").is_dir());
}

#[test]
fn what_lies_where_only_an_administrator_can_put_it_is_refused_and_stays() {
    if !is_root("what_lies_where_only_an_administrator_can_put_it_is_refused_and_stays") {
        return;
    }
    let place = place();
    std::fs::create_dir(place.path("www")).unwrap();
    chown(place.path("www"), Some(STRANGER), Some(STRANGER)).unwrap();
    let error = place.make("www/images").unwrap_err().to_string();
    assert!(error.contains("www belongs to uid 4242"), "{error}");
    assert_eq!(place.path("www").read_dir().unwrap().count(), 0);
}
