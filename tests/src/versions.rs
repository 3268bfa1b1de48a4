//! What the blobs of versions are called by what they are: their names are digests, which are others each time something is made.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use serde_json::Value;

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

fn digits(descriptor: &Value) -> Option<String> {
    Some(descriptor["digest"].as_str()?.strip_prefix("sha256:")?.to_owned())
}

fn read(file: &Utf8Path) -> Value {
    std::fs::read(file).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}
