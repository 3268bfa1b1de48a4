//! Blobs and manifests go to a registry.

use super::*;
use std::{collections::BTreeMap, sync::Mutex};

/// What a registry was given, by digest or path.
type StoredBlobs = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A registry that keeps what it is given, and fails the first so many uploads.
fn keeper(fails: usize) -> (World, StoredBlobs) {
    let kept = StoredBlobs::default();
    let (all, failed) = (kept.clone(), Mutex::new(0));
    let world = World::new(move |seen| {
        let mut all = all.lock().unwrap();
        let path = seen.path.split('?').next().unwrap();
        match seen.method.as_str() {
            "HEAD" => match all.get(path.rsplit('/').next().unwrap()) {
                Some(body) => Reply::new(200, "").with("Content-Length", &body.len().to_string()),
                None => Reply::new(404, ""),
            },
            "POST" => Reply::new(202, "").with("Location", "/v2/a/b/blobs/uploads/1?_state=x%3D"),
            "PUT" if path.contains("uploads") => {
                let mut failed = failed.lock().unwrap();
                *failed += 1;
                if *failed <= fails {
                    return Reply::new(500, "").cut(0);
                }
                let digest = seen.path.split("digest=").nth(1).unwrap();
                assert!(seen.path.contains("_state=x%3D&"), "{}", seen.path);
                assert_eq!(Digest::of(&seen.body).to_string(), digest);
                all.insert(digest.to_owned(), seen.body.clone());
                Reply::new(201, "").with("Docker-Content-Digest", digest)
            }
            "PUT" => {
                all.insert(path.to_owned(), seen.body.clone());
                Reply::new(201, "").with("Docker-Content-Digest", &Digest::of(&seen.body).to_string())
            }
            _ => Reply::new(405, ""),
        }
    });
    (world, kept)
}

#[test]
fn an_artifact_is_pushed_once_and_its_manifest_under_each_tag() {
    let (world, kept) = keeper(1);
    let body = noise(9, 3 << 20);
    let (config, root) = (world.layout.put_bytes(b"{}").unwrap(), world.layout.put_bytes(&body).unwrap());
    let config = Blob { media_type: CONFIG_TYPE.to_owned(), digest: config.digest, size: config.size };
    let mut artifact = Artifact::new(ARTIFACT_TYPE, config).unwrap();
    let root = Blob { media_type: FILE_TYPE.to_owned(), digest: root.digest, size: root.size };
    artifact.add_file("root".parse().unwrap(), root.clone()).unwrap();
    let manifest = world.layout.put_bytes(&artifact.to_bytes().unwrap()).unwrap();
    let tags = ["v7".parse().unwrap(), "current".parse().unwrap()];
    let registry = world.registry();
    let mut last = BTreeMap::new();
    for _ in 0..2 {
        let pushed =
            registry.push_artifact(&manifest.digest, ARTIFACT_TYPE, &tags, &world.layout, &mut |progress| {
                last.insert(progress.digest, progress.done);
            });
        pushed.unwrap();
    }
    assert_eq!(last[&root.digest], 3 << 20);
    let kept = kept.lock().unwrap();
    assert_eq!(kept[&root.digest.to_string()], body);
    for name in ["v7", "current", manifest.digest.to_string().as_str()] {
        assert_eq!(kept[&format!("/v2/a/b/manifests/{name}")], artifact.to_bytes().unwrap());
    }
    let seen = world.server.seen();
    let uploads = seen.iter().filter(|seen| seen.is("PUT", "uploads")).count();
    assert_eq!(uploads, 3, "two blobs, one of them begun again");
    let types =
        seen.iter().filter(|seen| seen.is("PUT", "manifests")).map(|seen| seen.header("content-type"));
    assert!(types.into_iter().all(|kind| kind == Some("application/vnd.oci.image.manifest.v1+json")));
}

#[test]
fn a_damaged_blob_is_not_pushed() {
    let (world, kept) = keeper(0);
    let put = world.layout.put_bytes(b"right").unwrap();
    std::thread::sleep(Duration::from_millis(20));
    std::fs::File::create(world.layout.blob_path(&put.digest)).unwrap().write_all(b"WRONG").unwrap();
    let error = world.registry().push_blob(&put.digest, &world.layout, &mut |_| {}).unwrap_err();
    assert!(text(&error).contains("damaged"), "{error}");
    assert!(kept.lock().unwrap().is_empty() && world.server.seen().is_empty());
}

#[test]
fn a_registry_that_tells_of_another_digest_is_not_believed() {
    let lie = Digest::of(b"other").to_string();
    let world = World::new(move |seen| match seen.method.as_str() {
        "HEAD" => Reply::new(404, ""),
        "POST" => Reply::new(202, "").with("Location", "/u"),
        _ => Reply::new(201, "").with("Docker-Content-Digest", &lie),
    });
    let put = world.layout.put_bytes(b"right").unwrap();
    let error = world.registry().push_blob(&put.digest, &world.layout, &mut |_| {}).unwrap_err();
    assert!(text(&error).contains("it says that this is"), "{error}");
    let tag = Target::Tag("v1".parse().unwrap());
    let error = world.registry().push_manifest(&tag, b"{}", "application/x").unwrap_err();
    assert!(text(&error).contains("it says that this is"), "{error}");
}

#[test]
fn a_blob_of_another_size_in_the_registry_is_told() {
    let world = World::new(|_| Reply::new(200, "").with("Content-Length", "999"));
    let put = world.layout.put_bytes(b"right").unwrap();
    let error = world.registry().push_blob(&put.digest, &world.layout, &mut |_| {}).unwrap_err();
    assert!(text(&error).contains("999 bytes"), "{error}");
}

#[test]
fn an_upload_to_another_host_has_no_login() {
    let evil = Arc::new(Server::start(|seen| match seen.header("authorization") {
        None => Reply::new(201, ""),
        Some(_) => Reply::new(500, ""),
    }));
    let there = evil.host().to_string();
    let world = World::new(move |seen| match (seen.header("authorization"), seen.method.as_str()) {
        (None, _) => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
        (_, "HEAD") => Reply::new(404, ""),
        _ => Reply::new(202, "").with("Location", &format!("http://{there}/upload")),
    });
    let logins = world.logins(&[(world.server.host().as_str(), "me:hunter2")]);
    let registry = world.registry_with(Options { logins, ..world.options() });
    let put = world.layout.put_bytes(b"right").unwrap();
    assert_eq!(registry.push_blob(&put.digest, &world.layout, &mut |_| {}).unwrap(), Pushed::Uploaded);
    assert_eq!(evil.seen().len(), 1);
    assert_eq!(evil.seen()[0].header("authorization"), None);
    assert_eq!(evil.seen()[0].body, b"right");
}
