//! Blobs become files again.

use super::*;
use std::os::unix::fs::MetadataExt;

#[test]
fn a_blob_becomes_a_file_again_and_stays_trusted() {
    let place = Place::new();
    let put = place.layout.put_file(&place.file("squashfs.img", "abc"), None).unwrap();
    let to = place.layout.path().with_file_name("given");
    assert_ne!(place.layout.give(&put.digest, &to).unwrap(), Sharing::Copy, "of one file system");
    assert_eq!(content(&to), b"abc");
    assert_eq!(to.metadata().unwrap().mode() & 0o777, 0o644);
    assert_eq!(place.layout.trust(&put.digest).unwrap().how, Trusted::Unchanged);
    // What is there already stays.
    assert!(place.layout.give(&put.digest, &to).is_err());
    assert_eq!(content(&to), b"abc");
}

#[test]
fn a_damaged_blob_is_not_given() {
    let place = Place::new();
    let put = place.layout.put_bytes(b"abc").unwrap();
    overwrite(&place.layout.blob_path(&put.digest), b"abd");
    let to = place.layout.path().with_file_name("given");
    assert!(matches!(place.layout.give(&put.digest, &to), Err(LayoutError::Damaged { .. })));
    assert!(!to.exists());
}

#[test]
fn names_that_come_and_go_do_not_have_a_blob_hashed_again() {
    let place = Place::new();
    let put = place.layout.put_file(&place.file("file", "abc"), None).unwrap();
    let (blob, name) = (place.layout.blob_path(&put.digest), place.layout.path().with_file_name("name"));
    std::fs::hard_link(&blob, &name).unwrap();
    place.layout.names_changed(&put.digest).unwrap();
    assert_eq!(place.layout.trust(&put.digest).unwrap().how, Trusted::Unchanged);
    // A write through that name is no change of names.
    overwrite(&name, b"abd");
    place.layout.names_changed(&put.digest).unwrap();
    assert!(matches!(place.layout.trust(&put.digest), Err(LayoutError::Damaged { .. })));
}
