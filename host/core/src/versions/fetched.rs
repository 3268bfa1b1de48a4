//! Which image or versions a file is of that a node fetched: what the access log of a boot server has beside its path.

use super::{BOOT_FILE, PublishedVersions, Store, published::Stamp};
use crate::system::layout::Layout;
use camino::Utf8Path;
use disklessset_oci::names::{Digest, VersionName};
use std::collections::HashMap;

/// The most versions that are named of one file.
const MOST_NAMES: usize = 3;

/// Names what nodes fetch, by what is published. The index of versions is read anew where it was replaced.
#[derive(Debug)]
pub struct FetchedFiles {
    layout: Layout,
    versions: PublishedVersions,
    /// How the index looked when it was read, whether that went well or not.
    seen: Option<Option<Stamp>>,
    /// The versions of each blob, the newest entry of the index first.
    by_blob: HashMap<Digest, Vec<VersionName>>,
}

impl FetchedFiles {
    /// Of the site with this layout.
    pub fn of(layout: Layout) -> Self {
        Self { layout, versions: PublishedVersions::default(), seen: None, by_blob: HashMap::new() }
    }

    /// The versions that a file is of, or at least the image; `path` is below the directory that is served.
    pub fn name_of(&mut self, path: &str) -> Option<String> {
        let path = self.layout.http_root().join(path.trim_start_matches('/'));
        if let Some(digest) = self.blob(&path) {
            self.refresh();
            let names = self.by_blob.get(&digest)?;
            let shown: Vec<String> = names.iter().take(MOST_NAMES).map(ToString::to_string).collect();
            let more = if names.len() > MOST_NAMES { ",..." } else { "" };
            return Some(shown.join(",") + more);
        }
        let directory = path.parent()?;
        let is_image = directory.parent().is_some_and(|above| above == self.layout.images_dir());
        let image = directory.file_name().filter(|_| is_image)?;
        let booted = || Store::of(&self.layout).marker(image).ok().flatten();
        match path.file_name() {
            Some(BOOT_FILE) => {
                Some(booted().map_or_else(|| image.to_owned(), |marker| marker.version.to_string()))
            }
            _ => Some(image.to_owned()),
        }
    }

    fn blob(&self, path: &Utf8Path) -> Option<Digest> {
        let is_blob = path.parent()? == self.layout.oci_dir().join("blobs/sha256");
        Digest::from_hex(path.file_name().filter(|_| is_blob)?).ok()
    }

    fn refresh(&mut self) {
        let stamp = PublishedVersions::stamp(&self.layout);
        if self.seen == Some(stamp) {
            return;
        }
        self.seen = Some(stamp);
        // A line of a log is written all the same: `verify` tells what is wrong with an index.
        self.by_blob = self.versions.by_blob(&self.layout).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{system::atomic_file, versions::Marker};
    use camino::Utf8PathBuf;
    use disklessset_oci::{
        layout::{Entry, Layout as Oci},
        manifest::{ARTIFACT_TYPE, Artifact, Blob, CONFIG_TYPE, FILE_TYPE},
    };

    fn blob(media_type: &str, text: &str) -> Blob {
        let digest = Digest::of(text.as_bytes());
        Blob { media_type: media_type.to_owned(), digest, size: text.len() as u64 }
    }

    /// Puts a version with these files into the layout.
    fn publish(site: &Layout, name: &str, files: &[&str]) -> Digest {
        let oci = Oci::open_or_create(&site.oci_dir(), &site.blob_stamps_dir()).unwrap();
        let mut artifact = Artifact::new(ARTIFACT_TYPE, blob(CONFIG_TYPE, name)).unwrap();
        for file in files {
            artifact.add_file(file.parse().unwrap(), blob(FILE_TYPE, file)).unwrap();
        }
        let manifest = oci.put_bytes(&artifact.to_bytes().unwrap()).unwrap();
        let version: VersionName = name.parse().unwrap();
        let entry = Entry::manifest(manifest.digest, manifest.size, Some(ARTIFACT_TYPE), &version.ref_name());
        let mut index = oci.index().unwrap();
        index.insert(entry);
        oci.replace_index(&index).unwrap();
        manifest.digest
    }

    #[test]
    fn a_fetched_file_is_named_by_its_digest_its_boot_file_or_its_directory() {
        let outer = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(outer.path()).unwrap();
        let site = Layout::builder().root(root.to_owned()).build().unwrap();
        let below = |path: Utf8PathBuf| path.strip_prefix(site.http_root()).unwrap().to_string();
        let blob = |text: &str| {
            let hex = Digest::of(text.as_bytes()).hex();
            below(site.oci_dir().join("blobs/sha256").join(hex))
        };
        let of_image = |name: &str, file: &str| below(site.image_dir(name).join(file));
        let put = |name: &str, text: &str| {
            atomic_file::create_dir_all(&site.image_dir(name), 0o755).unwrap();
            atomic_file::replace(&site.image_dir(name).join(BOOT_FILE), text.as_bytes(), 0o644).unwrap();
        };
        let mut files = FetchedFiles::of(site.clone());
        assert_eq!(files.name_of(&blob("kernel")), None, "there is no layout yet");
        let first = publish(&site, "web@1", &["kernel", "root"]);
        let marker = Marker { version: "web@1".parse().unwrap(), digest: first };
        put("web", &format!("#!ipxe\n{marker}\nboot\n"));
        put("old", "#!ipxe\n");
        assert_eq!(files.name_of(&blob("root")).as_deref(), Some("web@1"));
        assert_eq!(files.name_of(&blob("web@1")).as_deref(), Some("web@1"), "the configuration");
        assert_eq!(files.name_of(&blob("other")), None);
        assert_eq!(files.name_of(&of_image("web", BOOT_FILE)).as_deref(), Some("web@1"));
        assert_eq!(files.name_of(&of_image("old", BOOT_FILE)).as_deref(), Some("old"));
        assert_eq!(files.name_of(&of_image("gone", BOOT_FILE)).as_deref(), Some("gone"));
        assert_eq!(files.name_of(&of_image("web", "squashfs.img")).as_deref(), Some("web"));
        assert_eq!(files.name_of(&below(site.kernels_dir().join("vmlinuz"))), None);
        for number in 2..=4 {
            publish(&site, &format!("web@{number}"), &["kernel", &format!("root{number}")]);
        }
        assert_eq!(files.name_of(&blob("root2")).as_deref(), Some("web@2"));
        assert_eq!(files.name_of(&blob("kernel")).as_deref(), Some("web@4,web@3,web@2,..."));
    }

    #[test]
    fn a_fetched_file_has_no_name_while_the_index_is_damaged() {
        let outer = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(outer.path()).unwrap();
        let site = Layout::builder().root(root.to_owned()).build().unwrap();
        publish(&site, "web@1", &["kernel"]);
        let index = site.oci_dir().join("index.json");
        let whole = atomic_file::read_bounded(&index, 1 << 20).unwrap();
        let hex = Digest::of(b"kernel").hex();
        let path = site.oci_dir().join("blobs/sha256").join(hex);
        let path = path.strip_prefix(site.http_root()).unwrap().as_str();
        let mut files = FetchedFiles::of(site.clone());
        atomic_file::replace(&index, b"{", 0o644).unwrap();
        assert_eq!(files.name_of(path), None);
        atomic_file::replace(&index, &whole, 0o644).unwrap();
        assert_eq!(files.name_of(path).as_deref(), Some("web@1"));
    }
}
