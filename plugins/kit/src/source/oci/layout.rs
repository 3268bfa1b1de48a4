//! From a layout to the layers of one image: `oci-layout`, `index.json`, manifest, configuration.

use super::{
    choose::{DescriptorKind, by_platform, by_reference, what},
    facts::{self, OciFacts},
    store::Store,
    unpack_error::UnpackError,
};
use oci_spec::image::{Arch, Descriptor, Digest, ImageIndex, ImageManifest, OciLayout, Os};
use serde::{Deserialize, de::DeserializeOwned};

/// Indexes in indexes: two are usual.
const DEEPEST: usize = 4;

/// One layer of an image.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The blob.
    pub(super) blob: Descriptor,
    /// The digest of what is in it once decompressed.
    pub(super) diff_id: Digest,
}

/// An image, its layers from the lowest.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) layers: Vec<Layer>,
    /// The platform, when it is not this server's.
    pub(super) foreign: Option<String>,
    /// What it tells of itself.
    pub(super) facts: OciFacts,
}

/// What matters here of an image's configuration. The crate's own type refuses some that Docker writes.
#[derive(Deserialize)]
struct Configuration {
    architecture: Arch,
    os: Os,
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

fn parsed<T: DeserializeOwned>(bytes: &[u8], name: &str) -> Result<T, UnpackError> {
    serde_json::from_slice(bytes)
        .map_err(|cause| UnpackError::Damaged(format!("its {name} cannot be read: {cause}")))
}

/// Finds the image and checks everything about it but its layers.
pub(super) fn image(store: &Store, reference: Option<&str>) -> Result<Image, UnpackError> {
    if !store.has("oci-layout") {
        let other = match (store.has("manifest.json"), store.is_directory()) {
            (false, _) => String::new(),
            // With `version` it is what skopeo calls a directory; else a docker archive that somebody unpacked.
            (true, true) if store.has("version") => {
                "; it is a directory of skopeo: skopeo copy dir:DIRECTORY oci:LAYOUT makes a layout of it".to_owned()
            }
            (true, true) => "; it is a docker archive that was unpacked: pack it again with tar, then skopeo copy docker-archive:FILE oci:LAYOUT makes a layout of it".to_owned(),
            (true, false) => "; it is a docker archive: skopeo copy docker-archive:FILE oci:LAYOUT makes a layout of it".to_owned(),
        };
        return Err(UnpackError::Refused(format!(
            "it is no OCI image layout: it has no file oci-layout{other}"
        )));
    }
    let layout: OciLayout = parsed(&store.text("oci-layout")?, "oci-layout")?;
    let version = layout.image_layout_version();
    if version.split('.').next() != Some("1") {
        return Err(UnpackError::Refused(format!(
            "it is an OCI image layout of version {version:?}, known here is 1"
        )));
    }
    let index: ImageIndex = parsed(&store.text("index.json")?, "index.json")?;
    let mut chosen = by_platform(&by_reference(index.manifests(), reference)?)?.clone();
    for _ in 0..DEEPEST {
        if what(chosen.media_type()) == DescriptorKind::Image {
            return of_manifest(store, &chosen);
        }
        let index: ImageIndex = parsed(&store.verified(&chosen)?, "index of platforms")?;
        let entries: Vec<&Descriptor> = index.manifests().iter().collect();
        chosen = by_platform(&entries)?.clone();
    }
    Err(UnpackError::Refused("its indexes lie too deep in each other".to_owned()))
}

fn of_manifest(store: &Store, descriptor: &Descriptor) -> Result<Image, UnpackError> {
    let manifest: ImageManifest = parsed(&store.verified(descriptor)?, "manifest")?;
    let config = manifest.config();
    let kind = config.media_type().as_ref();
    if !["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"]
        .contains(&kind)
    {
        return Err(UnpackError::Refused(format!("it is no image of an operating system, but of {kind:?}")));
    }
    let text = store.verified(config)?;
    let config: Configuration = parsed(&text, "configuration")?;
    if config.os != Os::Linux {
        return Err(UnpackError::Refused(format!(
            "it is an image for {:?}, not for Linux",
            config.os.to_string()
        )));
    }
    let own = Arch::default();
    let foreign = (config.architecture != own).then(|| format!("linux/{}", config.architecture));
    let (blobs, diff_ids) = (manifest.layers(), config.rootfs.diff_ids);
    if blobs.len() != diff_ids.len() {
        let (layers, ids) = (blobs.len(), diff_ids.len());
        return Err(UnpackError::Damaged(format!(
            "it has {layers} layers, and its configuration tells of {ids}"
        )));
    }
    let layers = blobs.iter().cloned().zip(diff_ids).map(|(blob, diff_id)| {
        must_be_known(&blob)?;
        let diff_id = diff_id.parse().map_err(|_| {
            UnpackError::Damaged(format!(
                "its configuration tells of a layer {diff_id:?}, which is no digest"
            ))
        })?;
        // Missing or cut off: told now, not after the layers below it are unpacked.
        store.blob(&blob)?;
        Ok(Layer { blob, diff_id })
    });
    let layers = layers.collect::<Result<_, UnpackError>>()?;
    let annotations = manifest.annotations().as_ref();
    let facts = facts::of(descriptor.digest().as_ref(), annotations, &parsed(&text, "configuration")?);
    Ok(Image { layers, foreign, facts })
}

/// Layers that somebody else must bring or decrypt, and those of a kind that is not known, are refused by name.
fn must_be_known(blob: &Descriptor) -> Result<(), UnpackError> {
    let kind = blob.media_type().as_ref();
    let refuse = |why: &str| Err(UnpackError::Refused(format!("its layer {} {why} ({kind})", blob.digest())));
    if kind.ends_with("+encrypted") {
        return refuse("is encrypted: decrypt the image first, as skopeo copy --decryption-key does");
    }
    if kind.contains(".nondistributable.") || kind.contains(".rootfs.foreign.") {
        return refuse("is foreign: it is not meant to be passed on in a layout");
    }
    let known = kind
        .strip_prefix("application/vnd.oci.image.layer.v1.tar")
        .map(|rest| ["", "+gzip", "+zstd"].contains(&rest))
        .or_else(|| {
            let rest = kind.strip_prefix("application/vnd.docker.image.rootfs.diff.tar")?;
            Some(["", ".gzip", ".zstd"].contains(&rest))
        });
    if known == Some(true) { Ok(()) } else { refuse("is of a kind that is not known here") }
}
