//! Blobs are looked at before they are trusted.

use super::*;
use std::time::Duration;

#[test]
fn a_blob_is_hashed_again_only_when_its_file_looks_different() {
    let place = Place::new();
    let put = place.layout.put_bytes(b"abc").unwrap();
    let how = || place.layout.trust(&put.digest).map(|blob| blob.how);
    assert_eq!(how().unwrap(), Trusted::Unchanged);
    let blob = place.layout.blob_path(&put.digest);
    std::fs::set_permissions(&blob, Permissions::from_mode(0o640)).unwrap();
    assert_eq!(how().unwrap(), Trusted::Hashed);
    assert_eq!(how().unwrap(), Trusted::Unchanged);
    std::fs::remove_file(place.path("stamps").join(put.digest.hex())).unwrap();
    assert_eq!(how().unwrap(), Trusted::Hashed);
    overwrite(&place.path("stamps").join(put.digest.hex()), b"{\"inode\":");
    assert_eq!(how().unwrap(), Trusted::Hashed);
}

#[test]
fn a_blob_that_was_written_to_is_named_as_damaged_even_with_its_old_time() {
    let place = Place::new();
    let file = place.file("file", "abc");
    let put = place.layout.put_file(&file, None).unwrap();
    let blob = place.layout.blob_path(&put.digest);
    let time = blob.metadata().unwrap().modified().unwrap();
    std::thread::sleep(Duration::from_millis(20));
    overwrite(&blob, b"abd");
    File::options().write(true).open(&blob).unwrap().set_modified(time).unwrap();
    for _ in 0..2 {
        let error = place.layout.trust(&put.digest).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, LayoutError::Damaged { .. }) && text.contains(&put.digest.hex()), "{text}");
    }
    assert!(!place.layout.has(&put.digest).unwrap());
    // The right content again is right again.
    overwrite(&blob, b"abc");
    assert_eq!(place.layout.trust(&put.digest).unwrap().how, Trusted::Hashed);
}

#[test]
fn a_hard_linked_file_that_is_written_to_right_after_it_was_put_is_found_out() {
    let place = Place::new();
    for round in 0..20 {
        let file = place.file("file", format!("round {round}"));
        let put = place.layout.put_file(&file, None).unwrap();
        // In the same tick of the clock, if it were not waited for the next one.
        File::options().write(true).open(&file).unwrap().write_all(b"ROUND").unwrap();
        if put.sharing == Some(Sharing::HardLink) {
            assert!(!place.layout.has(&put.digest).unwrap(), "round {round}");
        }
        std::fs::remove_file(&file).unwrap();
    }
}

#[test]
fn verify_names_each_blob_that_is_missing_or_damaged_or_of_another_size() {
    let place = Place::new();
    let [good, gone, bad, short] =
        [&b"good"[..], b"gone", b"bad", b"short"].map(|text| place.layout.put_bytes(text).unwrap());
    let layers = [(good.digest, 4), (gone.digest, 4), (bad.digest, 3), (short.digest, 400)];
    place.name(place.manifest("web@1", &layers));
    std::fs::remove_file(place.layout.blob_path(&gone.digest)).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    overwrite(&place.layout.blob_path(&bad.digest), b"BAD");
    let mut seen = 0;
    let wrong = place.layout.verify(|_, _| {
        seen += 1;
        true
    });
    let mut wrong: Vec<String> = wrong.unwrap().iter().map(ToString::to_string).collect();
    wrong.sort();
    let mut wanted = [
        format!("the blob {} is missing", gone.digest),
        format!("the blob {} is damaged: its file has the digest {}", bad.digest, Digest::of(b"BAD")),
        format!("the blob {} is damaged: it has 5 bytes, and a manifest tells of 400", short.digest),
    ];
    wanted.sort();
    assert_eq!(wrong, wanted);
    assert_eq!(seen, 6, "manifest and configuration, too");
    assert_eq!(place.layout.verify(|_, _| false).unwrap().len(), 0);
}
