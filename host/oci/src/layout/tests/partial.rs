//! Blobs that come piece by piece.

use super::*;

#[test]
fn a_blob_that_came_in_two_times_is_whole() {
    let place = Place::new();
    let digest = Digest::of(b"first second");
    let mut partial = place.layout.begin(&digest, 12).unwrap();
    assert!(partial.is_empty());
    partial.write(b"first ").unwrap();
    partial.keep().unwrap();
    drop(partial);
    assert!(matches!(place.layout.trust(&digest), Err(LayoutError::Missing(_))));
    let mut partial = place.layout.begin(&digest, 12).unwrap();
    assert_eq!((partial.len(), partial.found(), partial.size()), (6, 6, 12));
    partial.write(b"second").unwrap();
    assert!(partial.is_whole());
    partial.finish(&place.layout).unwrap();
    assert_eq!(place.layout.trust(&digest).unwrap().how, Trusted::Unchanged);
    assert_eq!(place.files().len(), 3, "nothing is left aside");
}

#[test]
fn bytes_that_are_not_the_blobs_are_refused_and_removed() {
    let place = Place::new();
    let digest = Digest::of(b"right");
    let mut partial = place.layout.begin(&digest, 5).unwrap();
    assert!(partial.write(b"too long").is_err());
    partial.write(b"wrong").unwrap();
    assert!(!partial.is_whole());
    let error = partial.finish(&place.layout).unwrap_err().to_string();
    assert!(error.contains(&digest.hex()), "{error}");
    let short = place.layout.begin(&digest, 5).unwrap();
    assert_eq!(short.len(), 0);
    assert!(short.finish(&place.layout).is_err());
    assert_eq!(place.files(), ["index.json", "oci-layout"]);
}

#[test]
fn what_is_too_long_is_begun_again_and_what_is_no_file_refused() {
    let place = Place::new();
    let digest = Digest::of(b"right");
    let path = place.layout.path().join(".incoming").join(digest.hex());
    place.layout.begin(&digest, 5).unwrap().discard().unwrap();
    overwrite(&path, b"something longer");
    let mut partial = place.layout.begin(&digest, 5).unwrap();
    assert_eq!(partial.len(), 0);
    partial.write(b"right").unwrap();
    partial.finish(&place.layout).unwrap();
    for make in [
        |path: &Utf8Path| std::os::unix::fs::symlink("/etc/passwd", path).unwrap(),
        |path: &Utf8Path| rustix::fs::mkfifoat(rustix::fs::CWD, path.as_std_path(), 0o600.into()).unwrap(),
    ] {
        make(&path);
        assert!(place.layout.begin(&digest, 5).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn two_that_bring_the_same_blob_do_not_meet() {
    let place = Place::new();
    let digest = Digest::of(b"right");
    let mut one = place.layout.begin(&digest, 5).unwrap();
    one.write(b"rig").unwrap();
    let mut two = place.layout.begin(&digest, 5).unwrap();
    assert_eq!(two.len(), 0);
    two.write(b"right").unwrap();
    one.write(b"ht").unwrap();
    two.finish(&place.layout).unwrap();
    one.finish(&place.layout).unwrap();
    assert!(place.layout.has(&digest).unwrap());
    assert_eq!(place.files().len(), 3, "nothing is left aside");
}
