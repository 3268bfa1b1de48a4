//! Which images and versions a file belongs to, by what is public of them: boot files and the index of versions.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::names::{Digest, VersionName};
use serde_json::Value;

use crate::tree::ServedTree;

/// The most of a file that is read for it.
const MOST_BYTES: u64 = 16 << 20;
/// Which version an entry of the index is.
const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// What the second line of a boot file begins with.
const MARKER: &str = "# disklessset: this is ";
/// The file by which a node boots an image.
const BOOT_FILE: &str = "boot.ipxe";
/// More names of one file than that are not written.
const MOST_NAMES: usize = 3;

/// What is known of the versions.
pub(super) struct Images {
    tree: ServedTree,
    /// How the index looked when it was read.
    seen: Option<Looks>,
    /// The blobs of manifests, which never change.
    manifests: BTreeMap<Digest, BTreeSet<Digest>>,
    names: BTreeMap<Digest, Vec<String>>,
}

/// What differs when a file is replaced.
#[derive(PartialEq, Eq)]
struct Looks(u64, u64, i64, i64);

impl Images {
    pub(super) fn of(tree: ServedTree) -> Self {
        Self { tree, seen: None, manifests: BTreeMap::new(), names: BTreeMap::new() }
    }

    /// The versions that a file is of, or at least the image.
    pub(super) fn of_file(&mut self, file: &str) -> Option<String> {
        let path = Utf8Path::new(file);
        if let Some(digest) = self.tree.blob(path) {
            self.refresh();
            let names = self.names.get(&digest)?;
            let more = if names.len() > MOST_NAMES { ",..." } else { "" };
            return Some(names[..names.len().min(MOST_NAMES)].join(",") + more);
        }
        let image =
            path.parent().filter(|directory| directory.parent().is_some_and(|d| d.ends_with("images")))?;
        match path.file_name() {
            Some(BOOT_FILE) => self.current(path).or_else(|| image.file_name().map(str::to_owned)),
            _ => image.file_name().map(str::to_owned),
        }
    }

    /// The version that a boot file boots.
    fn current(&self, path: &Utf8Path) -> Option<String> {
        let text = String::from_utf8(self.read(path)?).ok()?;
        let (version, _) = text.lines().nth(1)?.strip_prefix(MARKER)?.split_once(' ')?;
        version.parse().ok().map(|version: VersionName| version.to_string())
    }

    /// Reads the index again if it was replaced.
    fn refresh(&mut self) {
        let Some(oci) = self.tree.places().oci().map(Utf8Path::to_owned) else { return };
        let index = oci.join("index.json");
        let Ok((_, metadata)) = self.tree.open(&index) else { return };
        let looks = Looks(metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        if self.seen.as_ref() == Some(&looks) {
            return;
        }
        self.seen = Some(looks);
        let entries = self.read(&index).map(|text| entries(&text)).unwrap_or_default();
        let mut manifests = BTreeMap::new();
        let mut names: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
        for (version, manifest) in entries.iter().rev() {
            let known = self.manifests.remove(manifest).or_else(|| manifests.get(manifest).cloned());
            let blobs = known.or_else(|| self.blobs_of(&oci, manifest)).unwrap_or_default();
            for blob in blobs.iter().chain([manifest]) {
                names.entry(*blob).or_default().push(version.to_string());
            }
            manifests.insert(*manifest, blobs);
        }
        (self.manifests, self.names) = (manifests, names);
    }

    fn blobs_of(&self, oci: &Utf8Path, manifest: &Digest) -> Option<BTreeSet<Digest>> {
        let path: Utf8PathBuf = oci.join("blobs/sha256").join(manifest.hex());
        let value: Value = serde_json::from_slice(&self.read(&path)?).ok()?;
        let layers = value["layers"].as_array()?.iter().chain([&value["config"]]);
        Some(layers.filter_map(|layer| digest(&layer["digest"])).collect())
    }

    fn read(&self, path: &Utf8Path) -> Option<Vec<u8>> {
        let (file, _) = self.tree.open(path).ok()?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES).read_to_end(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// The versions of an index, in its order, with their manifests.
fn entries(text: &[u8]) -> Vec<(VersionName, Digest)> {
    let Ok(index) = serde_json::from_slice::<Value>(text) else { return Vec::new() };
    let entry = |entry: &Value| {
        let name = VersionName::from_ref_name(entry["annotations"][REF_NAME].as_str()?).ok()?;
        Some((name, digest(&entry["digest"])?))
    };
    index["manifests"].as_array().into_iter().flatten().filter_map(entry).collect()
}

fn digest(value: &Value) -> Option<Digest> {
    value.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::ServedPlaces;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    #[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn put(root: &Utf8Path, name: &str, text: &str) {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let aside = root.join("aside");
        std::fs::write(&aside, text).unwrap();
        set_permissions(&aside, Permissions::from_mode(0o644)).unwrap();
        std::fs::rename(&aside, &file).unwrap();
        for directory in file.ancestors().skip(1).take_while(|above| above.starts_with(root)) {
            set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn manifest(root: &Utf8Path, layers: &[&str]) -> Digest {
        let layers: Vec<Value> =
            layers.iter().map(|l| serde_json::json!({"digest": Digest::of(l.as_bytes())})).collect();
        let text = serde_json::json!({"layers": layers}).to_string();
        let digest = Digest::of(text.as_bytes());
        put(root, &format!("oci/blobs/sha256/{}", digest.hex()), &text);
        digest
    }

    fn index(root: &Utf8Path, versions: &[(&str, Digest)]) {
        let entries: Vec<Value> = versions
            .iter()
            .map(|(name, digest)| {
                let name = name.parse::<VersionName>().unwrap().ref_name();
                serde_json::json!({"digest": digest, "annotations": {REF_NAME: name}})
            })
            .collect();
        put(root, "oci/index.json", &serde_json::json!({"manifests": entries}).to_string());
    }

    #[test]
    fn files_are_told_by_digest_by_boot_file_and_by_directory() {
        let outer = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(outer.path()).unwrap();
        let first = manifest(root, &["kernel", "root"]);
        index(root, &[("web@1", first)]);
        put(root, "images/web/boot.ipxe", &format!("#!ipxe\n{MARKER}web@1 {first}\nboot\n"));
        put(root, "images/old/boot.ipxe", "#!ipxe\n");
        let places = ServedPlaces::only(vec!["images".into()], Some("oci".into()));
        let mut images = Images::of(ServedTree::new(root).unwrap().limited_to(places));
        let blob = |text: &str| format!("oci/blobs/sha256/{}", Digest::of(text.as_bytes()).hex());
        assert_eq!(images.of_file(&blob("root")).as_deref(), Some("web@1"));
        assert_eq!(images.of_file(&blob("other")), None);
        assert_eq!(images.of_file("images/web/boot.ipxe").as_deref(), Some("web@1"));
        assert_eq!(images.of_file("images/old/boot.ipxe").as_deref(), Some("old"));
        assert_eq!(images.of_file("images/web/squashfs.img").as_deref(), Some("web"));
        assert_eq!(images.of_file("kernels/vmlinuz"), None);
        let second = manifest(root, &["kernel", "root2"]);
        index(root, &[("web@1", first), ("web@2", second)]);
        assert_eq!(images.of_file(&blob("root2")).as_deref(), Some("web@2"));
        assert_eq!(images.of_file(&blob("kernel")).as_deref(), Some("web@2,web@1"));
        index(root, &[("web@2", second)]);
        assert_eq!(images.of_file(&blob("kernel")).as_deref(), Some("web@2"));
    }
}
