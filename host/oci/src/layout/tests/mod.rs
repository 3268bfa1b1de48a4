//! Layouts as this crate makes them, and as others would like it to read them.

mod give;
mod hostile;
mod partial;
mod put;
mod references;
mod trust;

use super::*;
use camino::Utf8PathBuf;
use std::{
    fs::{File, Permissions},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
};

/// A layout in a directory that goes with the test.
struct Place {
    directory: tempfile::TempDir,
    layout: Layout,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(directory.path()).unwrap();
        let layout = Layout::open_or_create(&path.join("oci"), &path.join("stamps")).unwrap();
        Self { layout, directory }
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.directory.path()).unwrap().join(name)
    }

    fn file(&self, name: &str, text: impl AsRef<[u8]>) -> Utf8PathBuf {
        let path = self.path(name);
        overwrite(&path, text.as_ref());
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// A manifest of these layers as an entry of the index, and in the layout.
    fn manifest(&self, name: &str, layers: &[(Digest, u64)]) -> Entry {
        let blob = |(digest, size): &(Digest, u64)| serde_json::json!({"mediaType": "application/octet-stream", "digest": digest, "size": size});
        let config = self.layout.put_bytes(b"{}").unwrap();
        let text = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": blob(&(config.digest, config.size)),
            "layers": layers.iter().map(blob).collect::<Vec<_>>(),
        });
        let put = self.layout.put_bytes(text.to_string().as_bytes()).unwrap();
        Entry::manifest(put.digest, put.size, None, name)
    }

    fn name(&self, entry: Entry) {
        let mut index = self.layout.index().unwrap();
        index.insert(entry);
        self.layout.replace_index(&index).unwrap();
    }

    /// All files of the layout below its directory, sorted.
    fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut directories = vec![self.layout.path().to_owned()];
        while let Some(directory) = directories.pop() {
            for entry in directory.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                if path.symlink_metadata().unwrap().is_dir() {
                    directories.push(path);
                } else {
                    found.push(path.strip_prefix(self.layout.path()).unwrap().to_string());
                }
            }
        }
        found.sort();
        found
    }
}

/// Writes into a file as it is, as a careless program does.
fn overwrite(path: &Utf8Path, bytes: &[u8]) {
    File::create(path).unwrap().write_all(bytes).unwrap();
}

fn content(path: &Utf8Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_layout_is_made_once_and_read_again() {
    let place = Place::new();
    assert_eq!(place.files(), ["index.json", "oci-layout"]);
    let path = place.layout.path();
    assert_eq!(content(&path.join("oci-layout")), b"{\"imageLayoutVersion\":\"1.0.0\"}");
    assert_eq!(
        String::from_utf8(content(&path.join("index.json"))).unwrap(),
        r#"{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}"#
    );
    place.name(place.manifest("web@1", &[]));
    for open in [Layout::open, Layout::open_or_create] {
        let again = open(path, &place.path("stamps")).unwrap();
        assert_eq!(again.index().unwrap().entries().len(), 1);
    }
    // An end in the midst of it leaves no layout, and the next one finishes it.
    std::fs::remove_file(path.join("oci-layout")).unwrap();
    overwrite(&path.join(".oci-layout.1-1.new"), b"");
    assert!(matches!(Layout::open(path, path), Err(LayoutError::NotALayout { .. })));
    let again = Layout::open_or_create(path, &place.path("stamps")).unwrap();
    assert_eq!(again.index().unwrap().entries().len(), 1);
}

#[test]
fn a_directory_with_other_files_does_not_become_a_layout() {
    let place = Place::new();
    let other = place.path("other");
    std::fs::create_dir(&other).unwrap();
    overwrite(&other.join("precious"), b"x");
    let error = Layout::open_or_create(&other, &place.path("stamps")).unwrap_err();
    assert!(error.to_string().contains("other files"), "{error}");
    assert_eq!(other.read_dir_utf8().unwrap().count(), 1);
}

#[test]
fn an_index_has_each_name_once_and_the_same_text_for_the_same_manifests() {
    let place = Place::new();
    let (one, two) = (place.manifest("web@1", &[]), place.manifest("db@1", &[(Digest::of(b"x"), 1)]));
    place.name(one.clone());
    place.name(two.clone());
    let text = content(&place.layout.path().join("index.json"));
    place.name(one.clone());
    assert_eq!(content(&place.layout.path().join("index.json")), text);
    let index = place.layout.index().unwrap();
    assert_eq!(index.entries(), [one.clone(), two.clone()]);
    assert_eq!(index.find("db@1"), Some(&two));
    assert_eq!(index.find("db@2"), None);
    assert_eq!(one.annotations(), [(REF_NAME, "web@1")].into());
    let mut index = index;
    index.insert(Entry::manifest(two.digest, two.size, Some("application/x"), "web@1"));
    index.retain(|entry| entry.ref_name.as_deref() != Some("db@1"));
    place.layout.replace_index(&index).unwrap();
    let index = place.layout.index().unwrap();
    assert_eq!((index.entries().len(), index.entries()[0].digest), (1, two.digest));
    let text = String::from_utf8(content(&place.layout.path().join("index.json"))).unwrap();
    assert!(text.contains(r#""artifactType":"application/x""#), "{text}");
}

#[test]
fn blobs_that_no_manifest_names_are_told_and_removed() {
    let place = Place::new();
    let needed = place.layout.put_bytes(b"needed").unwrap();
    let other = place.layout.put_bytes(b"other").unwrap();
    place.name(place.manifest("web@1", &[(needed.digest, needed.size)]));
    overwrite(&place.layout.path().join("blobs/sha256/README"), b"no blob");
    assert_eq!(place.layout.unnamed_blobs().unwrap(), [UnnamedBlob { digest: other.digest, size: 5 }]);
    place.layout.remove_blob(&other.digest).unwrap();
    place.layout.remove_blob(&other.digest).unwrap();
    assert_eq!(place.layout.unnamed_blobs().unwrap(), []);
    assert!(!place.path("stamps").join(other.digest.hex()).exists());
    assert!(place.layout.has(&needed.digest).unwrap());
}

#[test]
fn a_sweep_takes_what_is_half_made_and_old_downloads() {
    let place = Place::new();
    let kept = place.layout.put_bytes(b"kept").unwrap();
    let gone = place.layout.put_bytes(b"gone").unwrap();
    std::fs::remove_file(place.layout.blob_path(&gone.digest)).unwrap();
    let incoming = place.layout.path().join(".incoming");
    overwrite(&incoming.join(".blob.1-1.new"), b"half");
    overwrite(&incoming.join(".link.1-1.new"), b"half");
    overwrite(&place.path("stamps").join(".x.1-1.new"), b"half");
    let held = place.layout.begin(&Digest::of(b"held"), 4).unwrap();
    let mut left = place.layout.begin(&Digest::of(b"left"), 4).unwrap();
    left.write(b"le").unwrap();
    drop(left);
    let hour = std::time::Duration::from_secs(3600);
    place.layout.sweep(hour).unwrap();
    assert_eq!(incoming.read_dir_utf8().unwrap().count(), 2);
    place.layout.sweep(std::time::Duration::ZERO).unwrap();
    assert_eq!(incoming.read_dir_utf8().unwrap().count(), 1, "the one that is held");
    drop(held);
    assert_eq!(place.path("stamps").read_dir_utf8().unwrap().count(), 1);
    assert!(place.layout.has(&kept.digest).unwrap());
}

#[test]
fn a_stop_ends_hashing_and_copying_and_leaves_nothing() {
    let place = Place::new();
    let put = place.layout.put_bytes(b"there").unwrap();
    std::fs::remove_file(place.path("stamps").join(put.digest.hex())).unwrap();
    let file = place.file("file", "abc");
    let flag = Arc::new(AtomicBool::new(true));
    let layout = Layout::open(place.layout.path(), &place.path("stamps")).unwrap().stopped_by(flag.clone());
    drop(layout.begin(&Digest::of(b"left"), 4).unwrap_err());
    for ended in [
        layout.trust(&put.digest).map(drop),
        layout.put_file(&file, None).map(drop),
        layout.put_bytes(b"new").map(drop),
    ] {
        assert!(matches!(ended, Err(LayoutError::Stopped)), "{ended:?}");
    }
    let left = place.files();
    assert_eq!(left.len(), 4, "index, layout, the blob and a download that is gone on with: {left:?}");
    flag.store(false, std::sync::atomic::Ordering::Relaxed);
    assert!(layout.trust(&put.digest).is_ok() && layout.put_file(&file, None).is_ok());
}
