use super::*;
use crate::test_support::{Place, is_root};
use rustix::fs::{CWD, FileType, Mode};
use std::{io, os::unix::fs::MetadataExt};

#[test]
fn replacing_gives_content_and_mode_whatever_the_umask_and_leaves_nothing_beside() {
    let place = Place::new();
    let file = place.path("image_data.yml");
    replace(&file, b"old", 0o600).unwrap();
    replace(&file, b"new", 0o666).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"new");
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o666);
    assert_eq!(place.names(), ["image_data.yml"]);
}

#[test]
fn replacing_a_link_leaves_its_target_alone() {
    let place = Place::new();
    place.file("precious", "keep");
    std::os::unix::fs::symlink("precious", place.path("link")).unwrap();
    replace(&place.path("link"), b"new", 0o644).unwrap();
    assert_eq!(std::fs::read_to_string(place.path("precious")).unwrap(), "keep");
    assert_eq!(std::fs::read_to_string(place.path("link")).unwrap(), "new");
}

#[test]
fn a_replacement_that_fails_leaves_nothing_beside() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("taken/by/a/directory")).unwrap();
    let error = replace(&place.path("taken"), b"new", 0o644).unwrap_err();
    assert!(error.to_string().contains("cannot replace"), "{error}");
    assert_eq!(place.names(), ["taken"]);
}

#[test]
fn a_rename_does_not_swallow_what_has_the_name() {
    let place = Place::new();
    place.file("a", "a");
    place.file("b", "b");
    let error = rename_noreplace(&place.path("a"), &place.path("b")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
    assert_eq!(std::fs::read_to_string(place.path("b")).unwrap(), "b");
    rename_noreplace(&place.path("a"), &place.path("c")).unwrap();
    assert_eq!(place.names(), ["b", "c"]);
}

#[test]
fn directories_get_the_mode_that_was_asked_for() {
    let place = Place::new();
    create_dir(&place.path("shared"), 0o777).unwrap();
    create_dir_unflushed(&place.path("one-of-many"), 0o777).unwrap();
    assert_eq!(std::fs::metadata(place.path("one-of-many")).unwrap().mode() & 0o7777, 0o777);
    assert_eq!(
        create_dir_unflushed(&place.path("shared"), 0o700).unwrap_err().kind(),
        io::ErrorKind::AlreadyExists
    );
    assert_eq!(std::fs::metadata(place.path("shared")).unwrap().mode() & 0o7777, 0o777);
    create_dir_all(&place.path("x/y/z"), 0o750).unwrap();
    create_dir_all(&place.path("x/y/z"), 0o700).unwrap();
    assert_eq!(std::fs::metadata(place.path("x/y")).unwrap().mode() & 0o7777, 0o750);
    assert_eq!(std::fs::metadata(place.path("x/y/z")).unwrap().mode() & 0o7777, 0o750);
    place.file("file", "");
    assert!(create_dir_all(&place.path("file/below"), 0o755).is_err());
}

#[test]
fn directories_are_not_made_through_links_of_others() {
    if !is_root("directories_are_not_made_through_links_of_others") {
        return;
    }
    let place = Place::new();
    create_dir(&place.path("open"), 0o1777).unwrap();
    create_dir(&place.path("victim"), 0o755).unwrap();
    let planted = place.path("open/planted");
    std::os::unix::fs::symlink(place.path("victim"), &planted).unwrap();
    for owner in [65534, 0] {
        std::os::unix::fs::lchown(&planted, Some(owner), Some(owner)).unwrap();
        let error = create_dir_all(&planted.join("new/deep"), 0o755).unwrap_err();
        assert!(error.source.to_string().contains("could have planted"), "{}", error.source);
        // That it is there already is no reason to go through the link.
        assert!(create_dir_all(&planted, 0o755).is_err());
    }
    assert_eq!(std::fs::read_dir(place.path("victim")).unwrap().count(), 0);
    // A link of root's own, where nobody else can make any, is what root meant.
    std::os::unix::fs::symlink("victim", place.path("own")).unwrap();
    create_dir_all(&place.path("own/new/deep"), 0o755).unwrap();
    assert!(place.path("victim/new/deep").is_dir());
}

#[test]
fn reading_is_bounded_follows_no_link_and_does_not_hang_on_a_fifo() {
    let place = Place::new();
    place.file("file", "12345");
    std::os::unix::fs::symlink("file", place.path("link")).unwrap();
    rustix::fs::mknodat(CWD, place.path("fifo").as_std_path(), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert_eq!(read_bounded(&place.path("file"), 5).unwrap(), b"12345");
    assert_eq!(read_bounded(&place.path("file"), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    assert!(read_bounded(&place.path("link"), 5).is_err());
    for special in [place.path("fifo"), place.path(".")] {
        assert_eq!(read_bounded(&special, 5).unwrap_err().source.to_string(), "not a regular file");
    }
    // A file that says it is empty and is not.
    assert!(read_bounded("/proc/self/stat".into(), 4).is_err());
}

#[test]
fn exchanged_directories_swap_whole() {
    let place = Place::new();
    for name in ["a", "b"] {
        place.dir(name, 0o755);
        place.file(&format!("{name}/{name}"), name);
    }
    exchange(&place.path("a"), &place.path("b")).unwrap();
    assert!(place.path("a/b").exists() && place.path("b/a").exists());
}
