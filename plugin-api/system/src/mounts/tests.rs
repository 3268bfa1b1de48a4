#![allow(
    clippy::disallowed_methods,
    reason = "tests start processes of their own, and write to what they mounted"
)]

use super::*;
use crate::{
    loop_device::loop_devices_of,
    mount_table::{mount_at, mounts_below},
    test_support::is_root,
};
use camino::Utf8PathBuf;
use rustix::mount::MountPropagationFlags;
use std::process::Command;

/// A directory whose mounts are undone when a test ends, or fails.
pub(super) struct Mounted(tempfile::TempDir);

impl Mounted {
    pub(super) fn new() -> Self {
        let place = Mounted(tempfile::Builder::new().prefix("mounts with blank").tempdir().unwrap());
        for name in ["a", "b", "upper", "work", "target"] {
            std::fs::create_dir(place.path(name)).unwrap();
        }
        place
    }
    pub(super) fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().join(name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount_all_below(&self.path(""));
    }
}

fn tmpfs(target: &Utf8Path) {
    mount_file_system("none", target.as_str(), "tmpfs", MountFlags::empty(), None).unwrap();
}

#[test]
fn a_bind_shows_the_source_and_is_found_in_the_table() {
    if !is_root("a_bind_shows_the_source_and_is_found_in_the_table") {
        return;
    }
    let place = Mounted::new();
    tmpfs(&place.path("a"));
    // As on most servers, where systemd shares all mounts: what happens to one copy happens to the other.
    rustix::mount::mount_change(place.path("a").as_str(), MountPropagationFlags::SHARED).unwrap();
    std::fs::create_dir(place.path("a/sub")).unwrap();
    tmpfs(&place.path("a/sub"));
    std::fs::write(place.path("a/sub/file"), "").unwrap();
    bind(&place.path("a"), &place.path("b"), Access::ReadOnly, Submounts::Show).unwrap();
    assert!(place.path("b/sub/file").exists());
    assert!(std::fs::write(place.path("b/x"), "").is_err());
    assert_eq!(mount_at(&place.path("b")).unwrap().unwrap().kind, "tmpfs");
    assert_eq!(mounts_below(&place.path("b")).unwrap().len(), 2);
    let undone = unmount_all_below(&place.path("b")).unwrap();
    assert_eq!(undone, [place.path("b/sub"), place.path("b")]);
    assert!(place.path("a/sub/file").exists(), "the original lost its mount");
    assert_eq!(mount_at(&place.path("b")).unwrap(), None);
}

#[test]
fn a_link_is_no_mount_point() {
    if !is_root("a_link_is_no_mount_point") {
        return;
    }
    let place = Mounted::new();
    std::os::unix::fs::symlink("b", place.path("link")).unwrap();
    assert!(bind(&place.path("a"), &place.path("link"), Access::ReadWrite, Submounts::Leave).is_err());
    assert_eq!(mounts_below(&place.path("")).unwrap(), []);
}

#[test]
fn a_busy_mount_stays_and_its_user_is_named() {
    if !is_root("a_busy_mount_stays_and_its_user_is_named") {
        return;
    }
    let place = Mounted::new();
    let target = place.path("target");
    tmpfs(&target);
    std::fs::create_dir(target.join("below")).unwrap();
    tmpfs(&target.join("below"));
    let mut sitter = Command::new("sleep").arg("60").current_dir(&target).spawn().unwrap();
    let error = unmount_all_below(&target).unwrap_err().to_string();
    let who = format!("pid {} (sleep) works in it", sitter.id());
    assert_eq!(error, format!("cannot unmount {target}: busy: {who}"));
    assert!(mount_at(&target).unwrap().is_some());
    sitter.kill().unwrap();
    sitter.wait().unwrap();

    let file = std::fs::File::create(target.join("open")).unwrap();
    let error = unmount(&target).unwrap_err().to_string();
    assert!(error.ends_with("has a file open in it"), "{error}");
    drop(file);
    std::fs::create_dir_all(target.join("below")).unwrap();
    tmpfs(&target.join("below"));
    let error = unmount(&target).unwrap_err().to_string();
    assert!(error.ends_with(&format!("{} is mounted below it", target.join("below"))), "{error}");
    assert_eq!(unmount_all_below(&target).unwrap().len(), 2);
}

#[test]
fn several_mounts_on_one_place_all_go() {
    if !is_root("several_mounts_on_one_place_all_go") {
        return;
    }
    let place = Mounted::new();
    tmpfs(&place.path("a"));
    tmpfs(&place.path("a"));
    assert_eq!(unmount_all_below(&place.path("")).unwrap(), [place.path("a"), place.path("a")]);
    assert_eq!(unmount_all_below(&place.path("")).unwrap(), Vec::<Utf8PathBuf>::new());
}

#[test]
fn an_overlay_keeps_its_lower_tree_as_it_is() {
    if !is_root("an_overlay_keeps_its_lower_tree_as_it_is") {
        return;
    }
    let place = Mounted::new();
    std::fs::write(place.path("a/file"), "old").unwrap();
    let overlay = |lower: &Utf8Path| {
        mount_overlay(
            lower,
            &place.path("upper"),
            &place.path("work"),
            &place.path("target"),
            &[],
            MountFlags::empty(),
        )
    };
    overlay(&place.path("a")).unwrap();
    std::fs::write(place.path("target/file"), "new").unwrap();
    unmount(&place.path("target")).unwrap();
    assert_eq!(std::fs::read_to_string(place.path("a/file")).unwrap(), "old");
    assert_eq!(std::fs::read_to_string(place.path("upper/file")).unwrap(), "new");
    let error = overlay("/a,upperdir=/etc".into()).unwrap_err().to_string();
    assert!(error.contains("has ',' in it"), "{error}");
}

#[test]
fn a_file_system_in_a_file_is_mounted_and_its_loop_device_found_and_gone() {
    if !is_root("a_file_system_in_a_file_is_mounted_and_its_loop_device_found_and_gone") {
        return;
    }
    let place = Mounted::new();
    let image = place.path("image");
    std::fs::write(place.path("a/file"), "inside").unwrap();
    File::create(&image).unwrap().set_len(8 << 20).unwrap();
    let made =
        Command::new("mkfs.ext4").args(["-q", "-d", place.path("a").as_str(), image.as_str()]).status();
    assert!(made.unwrap().success());
    let read_only = |image: &Utf8Path| {
        mount_loop(image, "ext4", Some("noload"), &place.path("target"), Access::ReadOnly, MountFlags::NOSUID)
    };
    read_only(&image).unwrap();
    assert_eq!(std::fs::read_to_string(place.path("target/file")).unwrap(), "inside");
    assert_eq!(loop_devices_of(&image).unwrap().len(), 1);
    unmount(&place.path("target")).unwrap();
    for _ in 0..200 {
        if loop_devices_of(&image).unwrap().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(loop_devices_of(&image).unwrap(), Vec::<Utf8PathBuf>::new());

    let error = read_only(&place.path("a/file")).unwrap_err().to_string();
    assert!(error.contains("a/file at ") && error.contains("does not take it as ext4"), "{error}");
    assert_eq!(mounts_below(&place.path("")).unwrap(), []);
}
