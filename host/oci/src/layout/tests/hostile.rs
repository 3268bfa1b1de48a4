//! Layouts that somebody else made: each lie is one clear error.

use super::*;

/// The error of reading what is needed, in one line.
fn refused(layout: &Layout) -> String {
    let error = layout.unnamed_blobs().unwrap_err();
    let text = match std::error::Error::source(&error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    assert!(!text.contains('\n') && text.len() < 1000, "{text}");
    text
}

fn index_of(place: &Place, manifests: serde_json::Value) {
    let text = serde_json::json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    overwrite(&place.layout.path().join("index.json"), text.as_bytes());
}

fn entry(media_type: &str, digest: &str, size: u64) -> serde_json::Value {
    serde_json::json!({"mediaType": media_type, "digest": digest, "size": size})
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

#[test]
fn an_index_that_is_none_is_refused() {
    let place = Place::new();
    let path = place.layout.path().join("index.json");
    let named = |name: &str| {
        let annotations = serde_json::json!({REF_NAME: name});
        let mut entry = entry(MANIFEST, &Digest::of(b"x").to_string(), 1);
        entry["annotations"] = annotations;
        entry
    };
    for (text, wanted) in [
        (String::new(), "EOF"),
        ("[".repeat(100_000), "cannot be used"),
        (r#"{"schemaVersion":2,"manifests":[{"digest":1}]}"#.to_owned(), "cannot be used"),
        (serde_json::json!({"schemaVersion": 2, "manifests": [named("a"), named("a")]}).to_string(), "twice"),
        (serde_json::json!({"schemaVersion": 2, "manifests": [entry(MANIFEST, "sha256:../../\n../etc/passwd", 1)]}).to_string(), "passwd"),
        (serde_json::json!({"schemaVersion": 2, "manifests": [entry(MANIFEST, &format!("sha512:{}", "a".repeat(128)), 1)]}).to_string(), "sha256"),
    ] {
        overwrite(&path, text.as_bytes());
        let said = refused(&place.layout);
        assert!(said.contains(wanted), "{said}");
    }
    for large in [100 << 20, u64::MAX >> 1] {
        if File::create(&path).unwrap().set_len(large).is_ok() {
            assert!(refused(&place.layout).contains("File too large"));
        }
    }
}

#[test]
fn links_and_fifos_in_a_layout_are_not_followed_or_waited_for() {
    let place = Place::new();
    let (index, blob) =
        (place.layout.path().join("index.json"), place.layout.blob_path(&Digest::of(b"secret")));
    let secret = place.file("secret", "secret");
    std::os::unix::fs::symlink(&secret, &blob).unwrap();
    let said = place.layout.trust(&Digest::of(b"secret")).unwrap_err().to_string();
    assert!(said.contains("no regular file"), "{said}");
    std::fs::remove_file(&blob).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, blob.as_std_path(), 0o644.into()).unwrap();
    assert!(!place.layout.has(&Digest::of(b"secret")).unwrap());
    // What is there instead of the blob is replaced by the blob.
    assert!(place.layout.put_bytes(b"secret").unwrap().sharing.is_some());
    assert!(place.layout.has(&Digest::of(b"secret")).unwrap());
    std::fs::rename(&index, place.path("index.json")).unwrap();
    std::os::unix::fs::symlink(place.path("index.json"), &index).unwrap();
    refused(&place.layout);
    std::fs::remove_file(&index).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, index.as_std_path(), 0o644.into()).unwrap();
    assert!(refused(&place.layout).contains("not a regular file"));
    let blobs = place.layout.path().join("blobs");
    std::fs::rename(&blobs, place.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(place.path("elsewhere"), &blobs).unwrap();
    let said = Layout::open(place.layout.path(), &place.path("stamps")).unwrap_err().to_string();
    assert!(said.contains("blobs is no directory"), "{said}");
}

#[test]
fn manifests_that_lie_are_named_and_nothing_is_unneeded_meanwhile() {
    let place = Place::new();
    let manifest = place.manifest("web@1", &[(Digest::of(b"x"), 1)]);
    place.name(manifest.clone());
    assert!(place.layout.unnamed_blobs().is_ok());
    let path = place.layout.blob_path(&manifest.digest);
    let whole = content(&path);
    std::thread::sleep(std::time::Duration::from_millis(20));
    overwrite(&path, b"{}");
    let said = refused(&place.layout);
    assert!(said.contains(&manifest.digest.hex()) && said.contains("damaged"), "{said}");
    std::fs::remove_file(&path).unwrap();
    assert!(refused(&place.layout).contains("missing"));
    File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let began = std::time::Instant::now();
    assert!(refused(&place.layout).contains("larger than 4 MiB"));
    assert!(began.elapsed() < std::time::Duration::from_millis(100), "it was hashed first");
    overwrite(&path, &whole);
    assert!(place.layout.unnamed_blobs().is_ok());
    // A size that is another one elsewhere.
    place.name(place.manifest("web@2", &[(Digest::of(b"x"), 2)]));
    assert!(refused(&place.layout).contains("another"));
}

#[test]
fn blobs_that_are_no_manifests_and_digests_of_other_kinds_are_refused() {
    let place = Place::new();
    for (text, wanted) in [
        ("nonsense".to_owned(), "expected"),
        ("{}".to_owned(), "missing field"),
        (
            serde_json::json!({"schemaVersion": 2, "config": entry("x/y", "sha512:00", 1), "layers": []}).to_string(),
            "digest",
        ),
        (
            serde_json::json!({"schemaVersion": 2, "config": entry("x/y", &Digest::of(b"").to_string(), 1), "layers": [
                {"mediaType": "x/y", "digest": Digest::of(b""), "size": -1}]}).to_string(),
            "size",
        ),
    ] {
        let put = place.layout.put_bytes(text.as_bytes()).unwrap();
        index_of(&place, serde_json::json!([entry(MANIFEST, &put.digest.to_string(), put.size)]));
        let said = refused(&place.layout);
        assert!(said.contains(&put.digest.hex()), "{wanted}: {said}");
    }
}

#[test]
fn indexes_in_indexes_end_somewhere() {
    let place = Place::new();
    let (mut digest, mut size) = (Digest::of(b"none"), 4);
    // Each names the one below it many times: a walk along all ways would never end.
    for _ in 0..7 {
        let inner = entry(INDEX, &digest.to_string(), size);
        let text = serde_json::json!({"schemaVersion": 2, "manifests": vec![inner; 100]}).to_string();
        let put = place.layout.put_bytes(text.as_bytes()).unwrap();
        (digest, size) = (put.digest, put.size);
    }
    index_of(&place, serde_json::json!([entry(INDEX, &digest.to_string(), size)]));
    assert!(refused(&place.layout).contains("missing"), "the lowest one");
    for _ in 0..3 {
        let text =
            serde_json::json!({"schemaVersion": 2, "manifests": [entry(INDEX, &digest.to_string(), size)]});
        let put = place.layout.put_bytes(text.to_string().as_bytes()).unwrap();
        (digest, size) = (put.digest, put.size);
    }
    index_of(&place, serde_json::json!([entry(INDEX, &digest.to_string(), size)]));
    assert!(refused(&place.layout).contains("too deep"));
    // One that names itself: its digest is a lie, since none can.
    let liar = Digest::of(b"liar");
    let text = serde_json::json!({"schemaVersion": 2, "manifests": [entry(INDEX, &liar.to_string(), 1)]})
        .to_string();
    overwrite(&place.layout.blob_path(&liar), text.as_bytes());
    index_of(&place, serde_json::json!([entry(INDEX, &liar.to_string(), 1)]));
    assert!(refused(&place.layout).contains("damaged"));
}

#[test]
fn a_manifest_that_is_also_told_of_as_a_file_is_looked_into() {
    let place = Place::new();
    let needed = place.layout.put_bytes(b"needed").unwrap();
    let inner = place.manifest("inner@1", &[(needed.digest, needed.size)]);
    let outer = place.manifest("outer@1", &[(inner.digest, inner.size)]);
    place.name(outer);
    place.name(inner);
    assert_eq!(place.layout.unnamed_blobs().unwrap(), []);
}
