//! Files become blobs.

use super::*;
use std::os::unix::fs::MetadataExt;

#[test]
fn a_file_becomes_a_blob_that_shares_its_data_where_that_can_be() {
    let place = Place::new();
    let file = place.file("squashfs.img", "abc");
    let put = place.layout.put_file(&file, None).unwrap();
    assert_eq!((put.digest, put.size), (Digest::of(b"abc"), 3));
    let blob = place.layout.blob_path(&put.digest);
    let same = blob.metadata().unwrap().ino() == file.metadata().unwrap().ino();
    assert_eq!(same, put.sharing == Some(Sharing::HardLink));
    assert_ne!(put.sharing, Some(Sharing::Copy), "of one file system");
    assert_eq!(content(&blob), b"abc");
    assert_eq!(blob.metadata().unwrap().mode() & 0o777, 0o644);
    // Twice, and it need not be hashed again.
    assert_eq!(place.layout.put_file(&file, None).unwrap().sharing, None);
    assert_eq!(place.layout.trust(&put.digest).unwrap().how, Trusted::Unchanged);
    assert_eq!(place.files().len(), 3, "nothing is left aside");
}

#[test]
fn a_file_of_another_file_system_is_copied() {
    let place = Place::new();
    let Ok(there) = tempfile::tempdir_in("/dev/shm") else { return };
    let file = Utf8Path::from_path(there.path()).unwrap().join("file");
    overwrite(&file, b"abc");
    if file.metadata().unwrap().dev() == place.layout.path().metadata().unwrap().dev() {
        return;
    }
    let put = place.layout.put_file(&file, None).unwrap();
    assert_eq!((put.digest, put.sharing), (Digest::of(b"abc"), Some(Sharing::Copy)));
    assert_eq!(content(&place.layout.blob_path(&put.digest)), b"abc");
    assert_eq!(place.files().len(), 3, "nothing is left aside");
}

#[test]
fn a_file_that_not_everybody_may_read_does_not_give_its_mode_to_the_blob() {
    let place = Place::new();
    let file = place.file("file", "abc");
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let put = place.layout.put_file(&file, None).unwrap();
    assert_ne!(put.sharing, Some(Sharing::HardLink));
    let mode = |path: &Utf8Path| path.metadata().unwrap().mode() & 0o777;
    assert_eq!((mode(&place.layout.blob_path(&put.digest)), mode(&file)), (0o644, 0o600));
}

#[test]
fn a_known_digest_is_believed_while_the_file_looks_the_same() {
    let place = Place::new();
    let file = place.file("file", "abc");
    let known = Known::of(&file).unwrap();
    assert_eq!(known.digest, Digest::of(b"abc"));
    // Not even opened to be read: a wrong digest shows that.
    let wrong = Known { digest: Digest::of(b"wrong"), ..known };
    let put = place.layout.put_file(&file, Some(wrong)).unwrap();
    assert_eq!(put.digest, Digest::of(b"wrong"));
    std::fs::remove_file(place.layout.blob_path(&put.digest)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    overwrite(&file, b"abd");
    assert_eq!(place.layout.put_file(&file, Some(wrong)).unwrap().digest, Digest::of(b"abd"));
}

#[test]
fn a_damaged_blob_is_replaced_by_a_good_one() {
    let place = Place::new();
    let file = place.file("file", "abc");
    let first = place.layout.put_bytes(b"abc").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    overwrite(&place.layout.blob_path(&first.digest), b"xyz");
    let put = place.layout.put_file(&file, None).unwrap();
    assert!(put.sharing.is_some());
    assert_eq!(content(&place.layout.blob_path(&put.digest)), b"abc");
    assert!(place.layout.has(&put.digest).unwrap());
    std::thread::sleep(std::time::Duration::from_millis(20));
    std::fs::remove_file(place.layout.blob_path(&first.digest)).unwrap();
    overwrite(&place.layout.blob_path(&first.digest), b"xyz");
    assert!(place.layout.put_bytes(b"abc").unwrap().sharing.is_some());
    assert!(place.layout.has(&put.digest).unwrap());
}

#[test]
fn nothing_but_a_regular_file_becomes_a_blob() {
    let place = Place::new();
    let file = place.file("file", "abc");
    let (link, fifo) = (place.path("link"), place.path("fifo"));
    std::os::unix::fs::symlink(&file, &link).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, fifo.as_std_path(), 0o644.into()).unwrap();
    for bad in [&link, &fifo, &place.path(""), &place.path("none"), &"/dev/null".into()] {
        assert!(place.layout.put_file(bad, None).is_err(), "{bad}");
    }
    assert_eq!(place.files(), ["index.json", "oci-layout"]);
}
