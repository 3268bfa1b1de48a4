//! Our layouts and our client against the real tools: Debian's registry, skopeo, umoci.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod layouts;
mod mirror;
mod os_images;
pub(crate) mod rack_cache;
pub(crate) mod server;

use camino::Utf8Path;
use disklessset_oci::layout::{Entry, Layout};
use disklessset_oci::manifest::{ARTIFACT_TYPE, Artifact, Blob, CONFIG_TYPE, FILE_TYPE};
use disklessset_oci::names::{Digest, RegistryTag, Target, VersionName};
use disklessset_oci::registry::{Logins, Options, Pulled, Pushed, Registry, RegistryError};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use server::{Server, Setup};

/// Enough that a registry can be killed in the midst of it.
const LARGE: usize = 256 << 20;

fn put(path: &Utf8Path, bytes: &[u8]) {
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

fn noise(size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    fastrand::Rng::with_seed(7).fill(&mut bytes);
    bytes
}

fn layout(root: &TestRoot, name: &str) -> Layout {
    let stamps = root.beside().join(format!("{name}.stamps"));
    Layout::open_or_create(&root.beside().join(name), &stamps).unwrap()
}

/// A version of an image in a layout, with these files.
fn version(root: &TestRoot, layout: &Layout, name: &str, files: &[(&str, &[u8])]) -> (Digest, Artifact) {
    let config = layout.put_bytes(br#"{"class":"LivenetImage"}"#).unwrap();
    let blob = |media_type: &str, put: disklessset_oci::layout::Put| Blob {
        media_type: media_type.to_owned(),
        digest: put.digest,
        size: put.size,
    };
    let mut artifact = Artifact::new(ARTIFACT_TYPE, blob(CONFIG_TYPE, config)).unwrap();
    for (title, bytes) in files {
        let file = root.beside().join(title);
        // Never written in place: the blob of an earlier version may be the same file.
        let _ = std::fs::remove_file(&file);
        put(&file, bytes);
        artifact
            .add_file(title.parse().unwrap(), blob(FILE_TYPE, layout.put_file(&file, None).unwrap()))
            .unwrap();
    }
    artifact.annotate("org.opencontainers.image.created", "2026-11-29T00:00:00Z");
    let manifest = layout.put_bytes(&artifact.to_bytes().unwrap()).unwrap();
    let name: VersionName = name.parse().unwrap();
    let mut index = layout.index().unwrap();
    index.insert(Entry::manifest(manifest.digest, manifest.size, Some(ARTIFACT_TYPE), &name.ref_name()));
    layout.replace_index(&index).unwrap();
    (manifest.digest, artifact)
}

fn registry(server: &Server, options: Options) -> Registry {
    let options = Options { first_pause: Duration::from_millis(50), tries: 2, ..options };
    Registry::new(&server.host(), &"images/web01".parse().unwrap(), options, Arc::default()).unwrap()
}

fn plain() -> Options {
    Options { plain_http: true, ..Options::default() }
}

fn tag(name: &str) -> Target {
    Target::Tag(name.parse().unwrap())
}

/// Each blob of an artifact is in both, byte for byte.
fn same_bytes(artifact: &Artifact, one: &Layout, two: &Layout) {
    for blob in artifact.blobs() {
        let read = |layout: &Layout| std::fs::read(layout.blob_path(&blob.digest)).unwrap();
        assert_eq!(Digest::of(&read(two)), blob.digest);
        assert!(read(one) == read(two), "{}", blob.digest);
    }
}

#[test]
fn a_registry_takes_a_push_and_gives_a_pull_byte_for_byte() {
    disklessset_tests::need!(need::tool("docker-registry"), need::tool("skopeo"));
    let root = TestRoot::bare();
    let server = Server::start(&root, &Setup::Plain);
    let ours = layout(&root, "ours");
    let files: &[(&str, &[u8])] =
        &[("vmlinuz", b"kernel"), ("initramfs", b"first"), ("squashfs.img", &noise(9 << 20))];
    let (digest, artifact) = version(&root, &ours, "web01@7", files);
    let there = registry(&server, plain());
    assert!(there.manifest(&tag("v7")).unwrap_err().is_not_found());
    assert!(there.tags().unwrap().is_empty());
    let tags: [RegistryTag; 2] = ["v7".parse().unwrap(), "current".parse().unwrap()];
    there.push_artifact(&digest, ARTIFACT_TYPE, &tags, &ours, &mut |_| {}).unwrap();
    // Once more, and nothing is sent.
    for blob in artifact.blobs() {
        assert_eq!(there.push_blob(&blob.digest, &ours, &mut |_| {}).unwrap(), Pushed::AlreadyThere);
    }
    assert_eq!(there.tags().unwrap().len(), 2);
    for target in [tag("v7"), tag("current"), Target::Digest(digest)] {
        assert_eq!(there.manifest(&target).unwrap().bytes, artifact.to_bytes().unwrap());
    }
    let second = layout(&root, "second");
    let pulled = there.pull_artifact(&tag("current"), ARTIFACT_TYPE, &second, &mut |_| {}).unwrap();
    assert_eq!((pulled.digest, &pulled.artifact), (digest, &artifact));
    same_bytes(&artifact, &ours, &second);
    // skopeo finds the same there, and what it brings is the same layout to us.
    let copy = root.beside().join("copy");
    let from = format!("docker://{}/images/web01:v7", server.host());
    let to = format!("oci:{copy}:web01@7");
    let _ = root.tool("skopeo", &["copy", "--src-tls-verify=false", &from, &to]).run().expect_done();
    let theirs = Layout::open(&copy, &root.beside().join("copy.stamps")).unwrap();
    assert_eq!(theirs.index().unwrap().find("web01@7").unwrap().digest, digest);
    assert!(theirs.verify(|_, _| true).unwrap().is_empty());
    same_bytes(&artifact, &ours, &theirs);
}

#[test]
fn a_transfer_goes_on_after_the_registry_was_killed_in_the_midst_of_it() {
    disklessset_tests::need!(need::tool("docker-registry"));
    let root = TestRoot::bare();
    let mut server = Server::start(&root, &Setup::Plain);
    let ours = layout(&root, "ours");
    let (digest, artifact) = version(&root, &ours, "web01@7", &[("squashfs.img", &noise(LARGE))]);
    let large = artifact.files().values().next().unwrap().clone();
    let midst = |done: u64| done > 0 && done < LARGE as u64;

    let mut killed = false;
    let pushed = registry(&server, plain()).push_blob(&large.digest, &ours, &mut |progress| {
        if midst(progress.done) && !std::mem::replace(&mut killed, true) {
            server.kill();
        }
    });
    assert!(killed, "it was too fast");
    assert!(matches!(pushed, Err(RegistryError::Unreachable { .. })), "{pushed:?}");
    server.start_again();
    registry(&server, plain()).push_artifact(&digest, ARTIFACT_TYPE, &[], &ours, &mut |_| {}).unwrap();

    let second = layout(&root, "second");
    let mut killed = false;
    let pulled = registry(&server, plain()).pull_blob(&large.digest, large.size, &second, &mut |progress| {
        if midst(progress.done) && !std::mem::replace(&mut killed, true) {
            server.kill();
        }
    });
    assert!(killed, "it was too fast");
    assert!(matches!(pulled, Err(RegistryError::Unreachable { .. })), "{pulled:?}");
    assert!(!second.has(&large.digest).unwrap());
    server.start_again();
    let again = registry(&server, plain());
    match again.pull_blob(&large.digest, large.size, &second, &mut |_| {}).unwrap() {
        Pulled::Downloaded { resumed } => assert!(midst(resumed), "{resumed}"),
        other => panic!("{other:?}"),
    }
    again.pull_artifact(&Target::Digest(digest), ARTIFACT_TYPE, &second, &mut |_| {}).unwrap();
    same_bytes(&artifact, &ours, &second);
}

#[test]
fn a_registry_with_a_login_and_a_certificate_of_the_site_lets_us_in() {
    disklessset_tests::need!(need::tool("docker-registry"), need::tool("openssl"));
    let root = TestRoot::bare();
    let server = Server::start(&root, &Setup::Private);
    let ours = layout(&root, "ours");
    let (digest, artifact) = version(&root, &ours, "web01@7", &[("vmlinuz", b"kernel")]);
    let push = |options: Options| {
        registry(&server, options).push_artifact(&digest, ARTIFACT_TYPE, &[], &ours, &mut |_| {})
    };
    let login = |text: &str| {
        let path = root.beside().join("auth.json");
        put(&path, format!(r#"{{"auths":{{"{}":{{"auth":"{text}"}}}}}}"#, server.host()).as_bytes());
        Logins::in_order(&[path]).unwrap()
    };
    let (good, bad) = ("bWU6aHVudGVyMg==", "bWU6d3Jvbmc="); // me:hunter2, me:wrong
    let refused = |options: Options, wanted: &str| {
        let error = push(options).unwrap_err().to_string();
        assert!(
            error.contains(wanted) && !error.contains("hunter2") && !error.contains('\n'),
            "{wanted}: {error}"
        );
    };
    refused(Options { logins: login(good), ..Options::default() }, "certificate");
    refused(plain(), "answers 400");
    let certificates = vec![server.certificate()];
    let trusting = Options { certificates, ..Options::default() };
    refused(trusting.clone(), "there is no login for it");
    refused(Options { logins: login(bad), ..trusting.clone() }, "does not do");
    let options = Options { logins: login(good), ..trusting };
    push(options.clone()).unwrap();
    let second = layout(&root, "second");
    registry(&server, options)
        .pull_artifact(&Target::Digest(digest), ARTIFACT_TYPE, &second, &mut |_| {})
        .unwrap();
    same_bytes(&artifact, &ours, &second);
}
