//! Manifests: the same bytes for the same parts, and nothing but good names in what is read.

use super::*;
use crate::names::Digest;
use serde_json::{Value, json};

fn blob(text: &str) -> Blob {
    Blob { media_type: FILE_TYPE.to_owned(), digest: Digest::of(text.as_bytes()), size: text.len() as u64 }
}

fn artifact() -> Artifact {
    let config = Blob { media_type: CONFIG_TYPE.to_owned(), ..blob("{}") };
    Artifact::new(ARTIFACT_TYPE, config).unwrap()
}

fn title(text: &str) -> Title {
    text.parse().unwrap()
}

#[test]
fn a_manifest_has_the_same_bytes_whatever_the_order_of_its_parts() {
    let files = [("vmlinuz", "kernel"), ("initramfs", "first"), ("squashfs.img", "root")];
    let mut one = artifact();
    files.iter().for_each(|(name, text)| one.add_file(title(name), blob(text)).unwrap());
    one.annotate("b", "2");
    one.annotate("a", "1\n");
    let mut two = artifact();
    two.annotate("a", "0");
    two.annotate("a", "1\n");
    two.annotate("b", "2");
    files.iter().rev().for_each(|(name, text)| two.add_file(title(name), blob(text)).unwrap());
    let bytes = one.to_bytes().unwrap();
    assert_eq!(bytes, two.to_bytes().unwrap());
    assert_eq!(Artifact::parse(&bytes, ARTIFACT_TYPE).unwrap(), one);
    // The digest of a published version must stay what it is, whatever becomes of the code.
    assert_eq!(
        Digest::of(&bytes).to_string(),
        "sha256:ef34256f3ab1757d9c5bc3a52ec6c422212a05d374d16ccf2668cbffe6c9e4a4",
        "{}",
        String::from_utf8_lossy(&bytes)
    );
    assert_eq!(one.size(), 2 + 6 + 5 + 4);
    assert_eq!(one.blobs().count(), 4);
}

#[test]
fn a_subject_is_written_and_read() {
    let mut signature = artifact();
    signature.set_subject(Some(Blob { media_type: MANIFEST_TYPE.to_owned(), ..blob("manifest") }));
    let bytes = signature.to_bytes().unwrap();
    assert_eq!(Artifact::parse(&bytes, ARTIFACT_TYPE).unwrap(), signature);
}

#[test]
fn titles_are_names_of_files_in_one_directory() {
    for good in ["vmlinuz-6.1.0-28-amd64", "squashfs.img", "a b", "Ü", "-x"] {
        assert_eq!(title(good).to_string(), good);
    }
    for bad in ["", ".", "..", ".hidden", "a/b", "/a", "a\\b", "a\nb", "a\0", &"a".repeat(256)] {
        assert!(bad.parse::<Title>().is_err(), "{bad:?}");
    }
}

#[test]
fn parts_that_no_artifact_may_have_are_refused() {
    let mut it = artifact();
    it.add_file(title("a"), blob("x")).unwrap();
    assert_eq!(it.add_file(title("a"), blob("y")), Err(ManifestError::Twice(title("a"))));
    assert_eq!(it.add_file(title("b"), Blob { size: u64::MAX, ..blob("y") }), Err(ManifestError::TooLarge));
    for bad in ["", "x", "x/", "/y", "x/y/z", "x/y\r\nA: b", "x/ü"] {
        assert!(
            it.add_file(title("c"), Blob { media_type: bad.to_owned(), ..blob("y") }).is_err(),
            "{bad:?}"
        );
    }
    for number in 1..MOST_FILES {
        it.add_file(title(&format!("f{number}")), blob("x")).unwrap();
    }
    assert_eq!(it.add_file(title("more"), blob("x")), Err(ManifestError::TooManyFiles));
}

fn parse(value: &Value) -> ManifestError {
    let error = Artifact::parse(value.to_string().as_bytes(), ARTIFACT_TYPE).unwrap_err();
    let text = error.to_string();
    assert!(!text.contains('\n') && text.len() < 600, "{text}");
    error
}

fn whole() -> Value {
    let mut it = artifact();
    it.add_file(title("vmlinuz"), blob("kernel")).unwrap();
    serde_json::from_slice(&it.to_bytes().unwrap()).unwrap()
}

#[test]
fn foreign_artifacts_are_told_by_what_they_are() {
    let with = |change: fn(&mut Value)| {
        let mut it = whole();
        change(&mut it);
        parse(&it).to_string()
    };
    let said = with(|it| it["artifactType"] = json!("application/vnd.example\n.sbom"));
    assert!(said.contains("vnd.example") && said.contains("not an image of disklessset"), "{said}");
    let said = with(|it| {
        it.as_object_mut().unwrap().remove("artifactType");
        it["config"]["mediaType"] = json!("application/vnd.oci.image.config.v1+json");
    });
    assert_eq!(said, "it is an image of containers, not an image of disklessset");
    let said = with(|it| *it = json!({"schemaVersion": 2, "manifests": []}));
    assert!(said.contains("several images"), "{said}");
}

#[test]
fn hostile_manifests_are_refused() {
    let with = |change: fn(&mut Value)| {
        let mut it = whole();
        change(&mut it);
        parse(&it)
    };
    for (change, wanted) in [
        ((|it| it["layers"][0]["annotations"][TITLE] = json!("../../etc/passwd")) as fn(&mut Value), "slash"),
        (|it| it["layers"][0]["annotations"] = json!({}), "no title"),
        (|it| it["layers"][0]["digest"] = json!("sha256:..\n/.."), "OCI manifest"),
        (|it| it["layers"][0]["digest"] = json!(format!("sha512:{}", "0".repeat(128))), "sha256"),
        (|it| it["layers"][0]["size"] = json!(-1), "OCI manifest"),
        (|it| it["layers"][0]["size"] = json!(u64::MAX), "counted"),
        (|it| it["layers"][0]["mediaType"] = json!("a/b\r\nX: y"), "media type"),
        (|it| it["layers"] = json!(vec![it["layers"][0].clone(); 2]), "twice"),
        (|it| it["schemaVersion"] = json!(1), "schema"),
        (|it| it["config"] = json!(null), "OCI manifest"),
        (|it| *it = json!([]), "OCI manifest"),
        (|it| *it = json!("x"), "OCI manifest"),
    ] {
        let said = with(change).to_string();
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
    assert!(Artifact::parse(&b"[".repeat(100_000), ARTIFACT_TYPE).is_err());
    assert!(Artifact::parse(&[0xff; 10], ARTIFACT_TYPE).is_err());
}
