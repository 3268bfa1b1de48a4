//! The state of the repositories, read and checked before anything of it is fetched.

use super::{MirroredImage, Sources, Tagged, Upstream, pools::WantedPools};
use crate::{
    site::Site,
    versions::{self, Addresses},
};
use disklessset_oci::{
    layout::Entry,
    manifest::{ARTIFACT_TYPE, Artifact, Blob, TREE_TYPE},
    names::{Digest, VersionName, VersionNumber},
};
use disklessset_plugin_api::{Error, ImageName, Result};
use std::collections::{BTreeMap, BTreeSet};

/// All images of all repositories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) images: BTreeMap<ImageName, WantedImage>,
    /// Nodes and pools, whose images are among these.
    pub(super) pools: Option<WantedPools>,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedImage {
    /// Which of the repositories has it.
    pub(super) upstream: usize,
    pub(super) repository: String,
    pub(super) current: Option<VersionNumber>,
    pub(super) versions: BTreeMap<VersionNumber, WantedVersion>,
}

/// One version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WantedVersion {
    pub(super) digest: Digest,
    pub(super) manifest: Vec<u8>,
    pub(super) artifact: Artifact,
    pub(super) boot_file: String,
}

impl Wanted {
    /// Asks all repositories.
    ///
    /// # Errors
    /// One that cannot be asked; one whose versions cannot be served from here. Which one it is is said.
    pub(super) fn of(sources: Sources<'_>, site: &Site) -> Result<Self> {
        let mut images: BTreeMap<ImageName, WantedImage> = BTreeMap::new();
        for (number, upstream) in sources.images.iter().enumerate() {
            let (name, image) = image(number, *upstream, site)?;
            if let Some(other) = images.get(&name) {
                let (one, two) = (&other.repository, &image.repository);
                return Err(Error::refused(format!("{one} and {two} both have versions of image {name}")));
            }
            images.insert(name, image);
        }
        let pools = sources.pools.map(|source| WantedPools::of(source, &images, site)).transpose()?;
        Ok(Self { images, pools })
    }

    fn versions(&self) -> impl Iterator<Item = &WantedVersion> {
        self.images.values().flat_map(|image| image.versions.values())
    }

    /// All blobs but manifests, each once, with the repository that has it.
    pub(super) fn blobs(&self) -> BTreeMap<Digest, (usize, Blob)> {
        let of = |image: &WantedImage| {
            let upstream = image.upstream;
            let all = image.versions.values().flat_map(|version| version.artifact.blobs().cloned());
            all.map(|blob| (blob.digest, (upstream, blob))).collect::<Vec<_>>()
        };
        self.images.values().flat_map(of).collect()
    }

    /// The manifests that tags name.
    pub(super) fn manifests(&self) -> BTreeSet<Digest> {
        self.versions().map(|version| version.digest).collect()
    }

    /// How many versions there are.
    pub(super) fn count(&self) -> usize {
        self.versions().count()
    }

    /// What the index of the layout says of them.
    pub(super) fn entries(&self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for (name, image) in &self.images {
            for (number, version) in &image.versions {
                let size = version.manifest.len() as u64;
                let named = version_name(name, *number)?.ref_name();
                entries.push(Entry::manifest(version.digest, size, Some(ARTIFACT_TYPE), &named));
            }
        }
        Ok(entries)
    }

    /// What goes on record of the images.
    pub(super) fn on_record(&self) -> BTreeMap<String, MirroredImage> {
        self.images.iter().map(|(name, image)| (name.to_string(), image.on_record())).collect()
    }
}

impl WantedImage {
    /// The version that nodes get.
    pub(super) fn current(&self) -> Option<(VersionNumber, &WantedVersion)> {
        let number = self.current?;
        self.versions.get(&number).map(|version| (number, version))
    }

    fn on_record(&self) -> MirroredImage {
        let current = self.current().map(|(_, version)| &version.artifact);
        let said = |key: &str| current.and_then(|artifact| artifact.annotations().get(key).cloned());
        MirroredImage {
            repository: self.repository.clone(),
            current: self.current,
            versions: self.versions.keys().copied().collect(),
            class: said("vnd.disklessset.class"),
            kernel: said("vnd.disklessset.kernel"),
            date: said("org.opencontainers.image.created"),
            size_bytes: current.map_or(0, |artifact| artifact.files().values().map(|file| file.size).sum()),
        }
    }
}

pub(super) fn version_name(name: &ImageName, number: VersionNumber) -> Result<VersionName> {
    VersionName::new(name.as_str(), number).map_err(|cause| Error::failed(cause.to_string()))
}

fn image(number: usize, upstream: &dyn Upstream, site: &Site) -> Result<(ImageName, WantedImage)> {
    let repository = upstream.address().to_owned();
    let about = |error: Error| error.context(format!("cannot mirror {repository}"));
    let Tagged { current, versions: tagged } = upstream.tagged().map_err(about)?;
    let (mut name, mut versions) = (None, BTreeMap::new());
    for (number, digest) in tagged {
        let (found, version) = version(upstream, digest, site)
            .map_err(|error| error.context(format!("cannot mirror {repository}:v{number}")))?;
        if *name.get_or_insert_with(|| found.clone()) != found {
            let text = format!("{repository} has versions of several images");
            return Err(Error::refused(text).hint("each image needs a repository of its own"));
        }
        versions.insert(number, version);
    }
    let Some(name) = name else {
        return Err(Error::refused(format!(
            "{repository} has no versions of an image: no tag of it is v1, v2 and so on"
        )));
    };
    let named = |digest: Digest| {
        // Of several with the same content the newest.
        let found = versions.iter().rev().find(|(_, version)| version.digest == digest);
        found.map(|(number, _)| *number).ok_or_else(|| {
            Error::refused(format!("in {repository} the tag current names {digest}, which no tag vN names"))
        })
    };
    let current = current.map(named).transpose()?;
    Ok((name, WantedImage { upstream: number, repository, current, versions }))
}

fn version(upstream: &dyn Upstream, digest: Digest, site: &Site) -> Result<(ImageName, WantedVersion)> {
    let manifest = upstream.manifest(&digest)?;
    let artifact =
        Artifact::parse(&manifest, ARTIFACT_TYPE).map_err(|cause| Error::refused(cause.to_string()))?;
    let name = versions::image_of(&artifact).unwrap_or_default();
    let name = ImageName::parse(name)
        .map_err(|cause| Error::refused(format!("it does not say of which image it is: {cause}")))?;
    // Whoever can fetch from here could read what only root of a node may.
    if artifact.blobs().any(|blob| blob.media_type == TREE_TYPE) {
        return Err(Error::refused("it has an OS tree that nodes mount: a mirror only serves files")
            .hint("disklessset pull makes the image on another server"));
    }
    let (files, boot_file) = versions::contents(&artifact)?;
    if !boot_file.starts_with("#!ipxe\n") {
        return Err(Error::refused("it has no boot file"));
    }
    // Files that are not named by digest would be those of another version during a change.
    if !Addresses::of(&files, &site.layout).are_named_in(boot_file) {
        return Err(Error::refused("its boot file names no file by digest below the place where this server has them")
            .hint("a class that makes addresses by itself cannot be mirrored; else set oci_directory as the server has it that pushed"));
    }
    let boot_file = boot_file.to_owned();
    Ok((name, WantedVersion { digest, manifest, artifact, boot_file }))
}
