//! What the blobs of versions are called by what they are: their names are digests, which are others each time something is made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use serde_json::Value;

use crate::facts::FileFacts;
use crate::root::TestRoot;

/// What the blobs of a layout are, by the digits of their digests: `squashfs.img of web~1`, the one before the newest. Those that no manifest names are not among them.
pub fn labels(oci: &Utf8Path) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = BTreeMap::new();
    let index = read(&oci.join("index.json"));
    let entries: Vec<&Value> = index["manifests"].as_array().into_iter().flatten().collect();
    for entry in &entries {
        let (image, number) = split(entry);
        // Counted from the newest: an action that is done once more makes one more.
        let newer = entries.iter().filter(|other| split(other).0 == image && split(other).1 > number).count();
        let name = format!("{image}~{newer}");
        let Some(digest) = digits(entry) else { continue };
        let manifest = read(&oci.join("blobs/sha256").join(&digest));
        let mut add = |digest: String, what: String| {
            let label = labels.entry(digest).or_default();
            label.push_str(&format!("{what} of {name};"));
        };
        add(digest, "manifest".to_owned());
        if let Some(digest) = digits(&manifest["config"]) {
            add(digest, "configuration".to_owned());
        }
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let title = layer["annotations"]["org.opencontainers.image.title"].as_str().unwrap_or_default();
            if let Some(digest) = digits(layer) {
                add(digest, title.to_owned());
            }
        }
    }
    labels
}

/// The versions of a layout, image and number, sorted.
pub fn named(oci: &Utf8Path) -> Vec<(String, u64)> {
    let index = read(&oci.join("index.json"));
    let mut named: Vec<(String, u64)> =
        index["manifests"].as_array().into_iter().flatten().map(split).collect();
    named.sort();
    named
}

fn split(entry: &Value) -> (String, u64) {
    let name = entry["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap_or_default();
    let (image, number) = name.rsplit_once('@').unwrap_or((name, "0"));
    (image.to_owned(), number.parse().unwrap_or_default())
}

/// A path with the labels of blobs in place of their digests.
pub fn labelled(path: &Path, labels: &BTreeMap<String, String>) -> PathBuf {
    let part = |part: &std::ffi::OsStr| match part.to_str().and_then(|text| labels.get(text)) {
        Some(label) => label.into(),
        None => part.to_owned(),
    };
    path.iter().map(part).collect()
}

/// Whether a file tells of digests or times of versions, which are others each time.
pub fn tells_of_versions(path: &Path) -> bool {
    let named = |name: &str| path.file_name().is_some_and(|own| own == name);
    let below = |name: &str| path.parent().is_some_and(|parent| parent.ends_with(name));
    ["boot.ipxe", "SHA256SUMS", "index.json"].into_iter().any(named)
        || below("diskless/versions")
        || below("diskless/blobs")
}

/// Files with blobs called by what they are, and without what is in files that tell of digests or times.
pub fn canonical(
    files: BTreeMap<PathBuf, FileFacts>,
    labels: &BTreeMap<String, String>,
) -> BTreeMap<PathBuf, FileFacts> {
    let canonical = files.into_iter().map(|(path, mut facts)| {
        let labelled = labelled(&path, labels);
        if tells_of_versions(&path) || labelled.file_name().is_some_and(is_text_of_version) {
            (facts.size, facts.digest) = (0, 0);
        }
        // A file that was made twice with the same content has its blob beside it, and not under a second name.
        if path.iter().any(|part| part == "diskless") && facts.kind == "file" {
            facts.links = 1;
        }
        (labelled, facts)
    });
    canonical.collect()
}

/// Whether a label is of the text of a version: it has a time in it.
fn is_text_of_version(label: &std::ffi::OsStr) -> bool {
    let begins = |words: &str| label.to_str().is_some_and(|text| text.starts_with(words));
    begins("manifest of ") || begins("configuration of ")
}

/// Removes, through the program, the versions that a repeated action made more than it made when nobody killed it: what was in service
/// when it was killed is one, too.
#[track_caller]
pub fn remove_surplus(root: &TestRoot, expected: &[(String, u64)]) {
    let now = named(&root.oci_dir());
    let of = |all: &[(String, u64)], image: &str| -> Vec<u64> {
        all.iter().filter(|(other, _)| other == image).map(|(_, number)| *number).collect()
    };
    let images: std::collections::BTreeSet<&String> = expected.iter().map(|(image, _)| image).collect();
    for image in images {
        let (there, wanted) = (of(&now, image), of(expected, image));
        for number in there.iter().rev().skip(1).take(there.len().saturating_sub(wanted.len())) {
            let version = format!("{image}@{number}");
            let _ = root.disklessset(&["remove", &version, "--yes"]).run().expect_done();
        }
    }
}

fn digits(descriptor: &Value) -> Option<String> {
    Some(descriptor["digest"].as_str()?.strip_prefix("sha256:")?.to_owned())
}

fn read(file: &Utf8Path) -> Value {
    std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
