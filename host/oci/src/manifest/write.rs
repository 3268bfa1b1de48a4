//! Artifacts as text. Fields are in a fixed order, maps and files are sorted: the same artifact is the same bytes.

use super::{Artifact, Blob, MANIFEST_TYPE, ManifestError, TITLE};
use crate::names::Digest;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    artifact_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'a str, &'a str>,
}

impl<'a> Descriptor<'a> {
    fn of(blob: &'a Blob) -> Self {
        Self {
            media_type: &blob.media_type,
            digest: blob.digest,
            size: blob.size,
            annotations: BTreeMap::new(),
        }
    }
}

impl Artifact {
    /// The manifest as bytes. Their digest is the identity of the artifact.
    ///
    /// # Errors
    /// None that is known: text is always written.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let layers = self.files.iter().map(|(title, blob)| Descriptor {
            annotations: [(TITLE, title.as_str())].into(),
            ..Descriptor::of(blob)
        });
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST_TYPE,
            artifact_type: &self.artifact_type,
            config: Descriptor::of(&self.config),
            layers: layers.collect(),
            subject: self.subject.as_ref().map(Descriptor::of),
            annotations: &self.annotations,
        };
        serde_json::to_vec(&manifest).map_err(|cause| ManifestError::Invalid(cause.to_string()))
    }
}
