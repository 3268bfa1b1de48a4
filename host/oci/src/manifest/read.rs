//! Artifacts from text that anybody may have written.

use super::{Artifact, Blob, MANIFEST_TYPE, ManifestError, TITLE};
use crate::names::{one_line, shown};
use oci_spec::image::{Descriptor, ImageManifest};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What tells an artifact from something else, before all of it is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    media_type: Option<String>,
    artifact_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    config: Option<KindOfConfig>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindOfConfig {
    media_type: Option<String>,
}

impl Artifact {
    /// Reads a manifest of artifacts of this type.
    ///
    /// # Errors
    /// A manifest of something else, which is told by a name that people know, and one that cannot be used.
    pub fn parse(bytes: &[u8], artifact_type: &str) -> Result<Self, ManifestError> {
        must_be(bytes, artifact_type)?;
        let manifest: ImageManifest = serde_json::from_slice(bytes).map_err(invalid)?;
        if manifest.schema_version() != 2 {
            return Err(ManifestError::Invalid("its schema version is not 2".to_owned()));
        }
        let mut artifact = Self::new(artifact_type, blob_of(manifest.config())?)?;
        for layer in manifest.layers() {
            let title = layer.annotations().as_ref().and_then(|all| all.get(TITLE));
            let title =
                title.ok_or_else(|| ManifestError::Title(format!("{} has no title", layer.digest())))?;
            artifact.add_file(title.parse()?, blob_of(layer)?)?;
        }
        artifact.set_subject(manifest.subject().as_ref().map(blob_of).transpose()?);
        artifact.annotations = manifest
            .annotations()
            .iter()
            .flatten()
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect::<BTreeMap<_, _>>();
        Ok(artifact)
    }
}

fn must_be(bytes: &[u8], artifact_type: &str) -> Result<(), ManifestError> {
    let kind: Kind = serde_json::from_slice(bytes).map_err(invalid)?;
    let foreign = |what: &str| Err(ManifestError::Foreign(what.to_owned()));
    let media_type = kind.media_type.as_deref().unwrap_or(MANIFEST_TYPE);
    if kind.artifact_type.as_deref() == Some(artifact_type) && media_type == MANIFEST_TYPE {
        return Ok(());
    }
    if kind.manifests.is_some() {
        return foreign("an index of several images or platforms");
    }
    if let Some(other) = kind.artifact_type.filter(|other| !other.is_empty()) {
        return foreign(&format!("an artifact of type {}", shown(&other)));
    }
    match kind.config.and_then(|config| config.media_type).as_deref() {
        Some(
            "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json",
        ) => Err(ManifestError::Containers),
        Some(other) => foreign(&format!("an artifact of type {}", shown(other))),
        None => Err(ManifestError::Invalid("it has no configuration".to_owned())),
    }
}

fn invalid(cause: serde_json::Error) -> ManifestError {
    ManifestError::Invalid(one_line(&cause))
}

fn blob_of(descriptor: &Descriptor) -> Result<Blob, ManifestError> {
    let digest = descriptor.digest().as_ref().parse();
    let digest = digest.map_err(|cause| ManifestError::Invalid(format!("{cause}")))?;
    let media_type = descriptor.media_type().to_string();
    check_media_type(&media_type)?;
    Ok(Blob { media_type, digest, size: descriptor.size() })
}

/// `type/subtype` as RFC 6838 has it; it becomes a header of HTTP.
pub(super) fn check_media_type(text: &str) -> Result<(), ManifestError> {
    let is_part = |part: &str| {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
        !part.is_empty() && part.len() <= 127 && part.bytes().all(good)
    };
    match text.split_once('/') {
        Some((kind, subtype)) if is_part(kind) && is_part(subtype) => Ok(()),
        _ => Err(ManifestError::Invalid(format!("{} is no media type", shown(text)))),
    }
}
