//! What below the root nodes fetch. All else that lies there is somebody else's, or nobody's business.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::names::Digest;

/// The record of an image, which may hold a password hash: never served, whatever its mode
/// (1.x wrote it 0644).
pub const HIDDEN_FILE: &str = "image_data.yml";

/// The files of an OCI image layout beside its blobs.
const LAYOUT_FILES: [&str; 2] = ["oci-layout", "index.json"];
/// Where its blobs are.
const BLOBS: &str = "blobs/sha256";

/// The directories that are served, relative to the root.
#[derive(Debug, Clone, Default)]
pub struct ServedPlaces {
    only: Option<Vec<Utf8PathBuf>>,
    oci: Option<Utf8PathBuf>,
    loaders: Option<Utf8PathBuf>,
}

impl ServedPlaces {
    /// These directories with all that is in them, and of an OCI image layout its files and blobs.
    #[must_use]
    pub fn only(directories: Vec<Utf8PathBuf>, oci: Option<Utf8PathBuf>) -> Self {
        Self { only: Some(directories), oci, loaders: None }
    }

    /// Which of them has the boot loaders, the only one that TFTP gives.
    #[must_use]
    pub fn with_loaders(mut self, loaders: Utf8PathBuf) -> Self {
        self.loaders = Some(loaders);
        self
    }

    pub(crate) fn loaders(&self) -> Option<&Utf8Path> {
        self.loaders.as_deref()
    }

    /// Whether a path may be served, should there be such a file.
    pub(super) fn have(&self, path: &Utf8Path) -> bool {
        let Some(directories) = &self.only else { return true };
        if let Some(below) = self.oci.as_ref().and_then(|oci| path.strip_prefix(oci).ok()) {
            return LAYOUT_FILES.contains(&below.as_str()) || digest_of(below).is_some();
        }
        directories.iter().any(|directory| path != directory && path.starts_with(directory))
    }

    /// The digest by which a path names a blob.
    pub(crate) fn blob(&self, path: &Utf8Path) -> Option<Digest> {
        match (&self.only, &self.oci) {
            (None, _) => digest_of(path),
            (_, Some(oci)) => digest_of(path.strip_prefix(oci).ok()?),
            (_, None) => None,
        }
    }
}

/// The digest that ends `…/blobs/sha256/HEX`.
fn digest_of(path: &Utf8Path) -> Option<Digest> {
    let directory = path.parent()?;
    let hex = path.file_name().filter(|_| directory.ends_with(BLOBS))?;
    Digest::from_hex(hex).ok()
}

/// Whether a name is never served: records, and what is hidden while it is made.
pub(super) fn is_hidden(path: &Utf8Path) -> bool {
    path.file_name() == Some(HIDDEN_FILE) || path.components().any(|part| part.as_str().starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_what_nodes_fetch_and_nothing_else() {
        let oci = Utf8PathBuf::from("d/oci");
        let places = ServedPlaces::only(vec!["d/images".into(), "d/boot".into()], Some(oci));
        let hex = "0".repeat(64);
        let blob = format!("d/oci/blobs/sha256/{hex}");
        for path in ["d/images/web/boot.ipxe", "d/boot/mac/x", "d/oci/index.json", "d/oci/oci-layout", &blob]
        {
            assert!(places.have(path.into()), "{path}");
        }
        let partial = format!("d/oci/blobs/sha256/{hex}.partial");
        for path in [
            "index.html",
            "d/imagesX/a",
            "d/images",
            "d/oci/lock",
            "d/oci/blobs/sha256/x",
            &partial,
            "d/state/x",
        ] {
            assert!(!places.have(path.into()), "{path}");
        }
        assert!(places.blob(Utf8Path::new(&blob)).is_some());
        assert!(places.blob(Utf8Path::new(&format!("d/images/blobs/sha256/{hex}"))).is_none());
        assert!(ServedPlaces::default().have("anything".into()));
    }

    #[test]
    fn records_and_hidden_names_are_hidden_anywhere() {
        for path in ["a/image_data.yml", "image_data.yml", ".a", "a/.b/c"] {
            assert!(is_hidden(path.into()), "{path}");
        }
        assert!(!is_hidden("a/image_data.yml/b".into()) && !is_hidden("a.b/c".into()));
    }
}
