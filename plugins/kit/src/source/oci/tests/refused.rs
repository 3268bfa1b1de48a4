//! Layouts that are damaged, not for us, or not what was meant.

use super::{
    super::{
        layer::{Check, Source},
        layout,
        store::Store,
        unpack_error::UnpackError,
    },
    make::{
        self, PLAIN, base, blob, blob_with, directory, file, gzip, index, layout as made, manifest, plain,
    },
    put, run, unpack, unpacked,
};
use camino::Utf8Path;
use disklessset_plugin_api::{ErrorKind, testing::TestHost};
use disklessset_tests::need;
use oci_spec::image::Arch;
use serde_json::{Value, json};

fn changed(layout: &Utf8Path, descriptor: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = layout.join("blobs").join(descriptor.replace(':', "/"));
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes);
    put(&path, &bytes);
}

#[track_caller]
fn refusal(test: &TestHost, source: &str) -> String {
    let error = unpack(test, source).err().unwrap_or_else(|| panic!("{source} was taken"));
    let line = error.to_string();
    assert!(!line.contains('\n'), "{line}");
    line
}

#[test]
fn a_blob_with_another_digest_is_refused_before_anything_of_it_is_applied() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let tree = test.root().join("unpacked");
    let at = test.root().join("layout");
    for damaged in [plain(file("new", "text")), gzip(file("new", "text"))] {
        let digest = make::digest("sha256", &damaged.packed);
        let source = made(&test, &[plain(base()), damaged]);
        assert!(unpacked(&test, &source).join("new").exists());
        // One bit of the data, and, of the compressed one, of what it is compressed as.
        changed(&at, &digest, |bytes| *bytes.iter_mut().rev().nth(12).unwrap() ^= 1);
        let error = unpack(&test, &source).unwrap_err();
        let line = error.to_string();
        assert!(line.contains("layer 2 of 2") && line.contains(&format!("not {digest}")), "{line}");
        assert!(error.hint.unwrap().contains("copy the image again"));
        assert!(tree.join("etc/passwd").exists() && !tree.join("new").exists());
    }
}

#[test]
fn another_blob_is_refused_even_when_the_same_is_in_it() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let layer = gzip(base());
    let digest = make::digest("sha256", &layer.packed);
    let at = made(&test, &[layer]).strip_prefix("oci:").map(camino::Utf8PathBuf::from).unwrap();
    let store = Store::open(&at).unwrap().unwrap();
    let image = layout::image(&store, None).unwrap();
    let host = test.host("Test");
    let source = Source { store: &store, layer: &image.layers[0], host: &host };
    let read = |check| source.read("reading", check, &mut |_, _| Ok(()));
    read(Check::Blob).unwrap();
    // A time in the header of gzip: nothing depends on it, and somebody changed it between two readings.
    changed(&at, &digest, |bytes| bytes[4] ^= 1);
    for check in [Check::Blob, Check::All { most_bytes: u64::MAX }] {
        let fault = read(check).unwrap_err();
        assert!(
            matches!(&fault, UnpackError::Damaged(text) if text.contains(&format!("not {digest}"))),
            "{fault}"
        );
    }
}

#[test]
fn what_is_in_a_layer_must_have_the_digest_of_the_configuration() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let mut other = gzip(file("new", "text"));
    other.content = b"something else".to_vec();
    let line = refusal(&test, &made(&test, &[plain(base()), other]));
    assert!(line.contains("what is in it has the digest"), "{line}");
    assert!(!test.root().join("unpacked/new").exists());
}

#[test]
fn blobs_that_are_missing_or_cut_off_are_told_before_anything_is_made() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let layer = plain(base());
    let digest = make::digest("sha256", &layer.packed);
    let source = made(&test, &[layer]);
    let at = test.root().join("layout");
    changed(&at, &digest, |bytes| bytes.truncate(700));
    let line = refusal(&test, &source);
    assert!(line.contains(&digest) && line.contains("has 700 bytes, not 3072"), "{line}");
    std::fs::remove_file(at.join("blobs").join(digest.replace(':', "/"))).unwrap();
    assert!(refusal(&test, &source).contains(&format!("its blob {digest} is missing")));
    std::fs::remove_file(at.join("index.json")).unwrap();
    run(&test, "mkfifo", &[at.join("index.json").as_str()]);
    assert!(refusal(&test, &source).contains("index.json cannot be read: it is not a file"));
}

#[test]
fn an_archive_inside_that_is_cut_off_or_packed_otherwise_is_refused() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let cut = make::Blob {
        kind: PLAIN.to_owned(),
        packed: base()[..1100].to_vec(),
        content: base()[..1100].to_vec(),
    };
    assert!(refusal(&test, &made(&test, &[cut])).contains("tar archive ends too early"));
    let mut garbage = gzip(base());
    garbage.packed.extend(b"garbage");
    let _ = refusal(&test, &made(&test, &[garbage]));
    let xz = b"\xfd7zXZ\0 and so on".to_vec();
    let xz = make::Blob { kind: PLAIN.to_owned(), content: xz.clone(), packed: xz };
    assert!(refusal(&test, &made(&test, &[xz])).contains("compressed with xz"));
}

#[test]
fn layers_that_are_encrypted_foreign_or_unknown_are_refused_by_name() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    for (kind, word) in [
        ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "is encrypted"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "is foreign"),
        ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "is foreign"),
        ("application/vnd.example.layer", "is of a kind that is not known here"),
    ] {
        let layer = make::Blob { kind: kind.to_owned(), ..gzip(base()) };
        let digest = make::digest("sha256", &layer.packed);
        let line = refusal(&test, &made(&test, &[layer]));
        assert!(line.contains(word) && line.contains(&digest) && line.contains(kind), "{line}");
    }
    for kind in
        ["application/vnd.docker.image.rootfs.diff.tar.gzip", "application/vnd.docker.image.rootfs.diff.tar"]
    {
        let _ = unpacked(&test, &made(&test, &[make::Blob { kind: kind.to_owned(), ..gzip(base()) }]));
    }
}

fn of_platform(mut descriptor: Value, architecture: &str) -> Value {
    descriptor["platform"] = json!({"os": "linux", "architecture": architecture});
    descriptor
}

#[test]
fn the_image_of_this_server_s_platform_is_taken_out_of_an_index() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let (at, own) = (test.root().join("many"), Arch::default().to_string());
    let other = of_platform(manifest(&at, "s390x", &[plain([base(), file("other", "")].concat())]), "s390x");
    let ours = of_platform(manifest(&at, &own, &[plain([base(), file("ours", "")].concat())]), &own);
    let nested = |images: &[&Value]| {
        let index = json!({"schemaVersion": 2, "manifests": images}).to_string();
        blob(&at, "application/vnd.oci.image.index.v1+json", index.as_bytes())
    };
    let source = format!("oci:{at}");
    for manifests in [vec![nested(&[&other, &ours])], vec![other.clone(), ours.clone()]] {
        index(&at, &manifests);
        assert!(unpacked(&test, &source).join("ours").exists());
    }
    index(&at, &[nested(&[&other])]);
    assert!(
        refusal(&test, &source).ends_with(&format!("it has no image for linux/{own}, it has: linux/s390x"))
    );
    // Alone and without a platform of its own it is what the user asked for.
    index(&at, &[manifest(&at, "s390x", &[plain(base())])]);
    let _ = unpacked(&test, &source);
    assert!(test.warnings().iter().any(|line| line.contains("linux/s390x")), "{:?}", test.warnings());
}

#[test]
fn sha512_and_other_digests() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let at = test.root().join("layout");
    let layer = plain(base());
    let manifest = |layer_blob: Value| {
        let ids = json!([make::digest("sha512", &layer.content)]);
        let config = json!({"architecture": Arch::default().to_string(), "os": "linux", "rootfs": {"type": "layers", "diff_ids": ids}});
        let config = blob_with(
            "sha512",
            &at,
            "application/vnd.docker.container.image.v1+json",
            config.to_string().as_bytes(),
        );
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": [layer_blob]}).to_string();
        blob(&at, "application/vnd.docker.distribution.manifest.v2+json", manifest.as_bytes())
    };
    index(&at, &[manifest(blob_with("sha512", &at, PLAIN, &layer.packed))]);
    let _ = unpacked(&test, &format!("oci:{at}"));
    let mut unknown = blob(&at, PLAIN, &layer.packed);
    unknown["digest"] = json!("blake3:abcdef");
    put(&at.join("blobs/blake3/abcdef"), &layer.packed);
    index(&at, &[manifest(unknown)]);
    assert!(refusal(&test, &format!("oci:{at}")).contains("blake3 is not known"));
}

#[test]
fn what_is_no_layout_is_refused_by_a_reason() {
    disklessset_tests::need!(need::root());
    let test = TestHost::new();
    let at = |name: &str| test.root().join(name);
    std::fs::create_dir(at("empty")).unwrap();
    put(&at("docker/manifest.json"), b"[]");
    put(&at("skopeo/manifest.json"), b"{}");
    put(&at("skopeo/version"), b"Directory Transport Version: 1.1\n");
    run(&test, "tar", &["-C", at("docker").as_str(), "-cf", at("docker.tar").as_str(), "manifest.json"]);
    put(&at("text"), &b"just some text. ".repeat(100));
    put(&at("old/oci-layout"), br#"{"imageLayoutVersion":"2.0.0"}"#);
    put(&at("old/index.json"), br#"{"schemaVersion":2,"manifests":[]}"#);
    put(&at("none/oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
    put(&at("none/index.json"), br#"{"schemaVersion":2,"manifests":[]}"#);
    put(&at("spoilt/oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#);
    put(
        &at("spoilt/index.json"),
        br#"{"schemaVersion":2,"manifests":[{"digest":"sha256:../../etc/passwd"}]}"#,
    );
    for (name, reason) in [
        ("missing", "No such file"),
        ("empty", "has no file oci-layout"),
        ("docker", "pack it again with tar, then skopeo copy docker-archive:"),
        ("skopeo", "skopeo copy dir:DIRECTORY oci:LAYOUT"),
        ("docker.tar", "skopeo copy docker-archive:"),
        ("text", "is no whole tar archive"),
        ("old", "of version \"2.0.0\""),
        ("none", "it has no image"),
        ("spoilt", "its index.json cannot be read"),
    ] {
        let error = unpack(&test, &format!("oci:{}", at(name))).unwrap_err();
        assert!(error.to_string().contains(reason), "{name}: {error}");
        assert_eq!(error.kind, ErrorKind::USAGE, "{name}: told by the early check");
        assert!(!at("unpacked/etc").exists());
    }
    let artifact = at("artifact");
    let config = blob(&artifact, "application/vnd.cncf.helm.config.v1+json", b"{}");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": []}).to_string();
    index(&artifact, &[blob(&artifact, "application/vnd.oci.image.manifest.v1+json", manifest.as_bytes())]);
    assert!(refusal(&test, &format!("oci:{artifact}")).contains("helm.config"));
    let no_system = made(&test, &[plain(directory("srv"))]);
    assert!(refusal(&test, &no_system).contains("no etc/passwd"));
}
