//! Descriptors and the index as they stand in `index.json`. An index of ten thousand manifests is read and written with each change of any of them:
//! hence types of our own, with nothing in them that is not needed, whose fields stand in the order of their names. The same content is the
//! same text.

use crate::names::Digest;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What tells of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<String>,
    pub(super) digest: Digest,
    pub(super) media_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<serde_json::Value>,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) urls: Option<Vec<String>>,
}

/// An index; `D` are descriptors, or references to them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whole<D> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) artifact_type: Option<String>,
    pub(super) manifests: Vec<D>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media_type: Option<String>,
    pub(super) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<Descriptor>,
}

impl<D> Whole<D> {
    /// The same with other manifests.
    pub(super) fn with<E>(&self, manifests: Vec<E>) -> Whole<E> {
        Whole {
            annotations: self.annotations.clone(),
            artifact_type: self.artifact_type.clone(),
            manifests,
            media_type: self.media_type.clone(),
            schema_version: self.schema_version,
            subject: self.subject.clone(),
        }
    }

    /// An index of nothing.
    pub(super) fn empty() -> Self {
        Self {
            annotations: None,
            artifact_type: None,
            manifests: Vec::new(),
            media_type: Some("application/vnd.oci.image.index.v1+json".to_owned()),
            schema_version: 2,
            subject: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_keeps_all_that_the_specification_has_and_its_text_is_in_order() {
        let digest = Digest::of(b"x");
        let manifest = serde_json::json!({
            "urls": ["https://a/"], "size": 1, "mediaType": "a/b", "digest": digest, "data": "eA==",
            "platform": {"os": "linux", "architecture": "amd64"}, "artifactType": "c/d", "annotations": {"z": "1", "a": "2"},
        });
        let text = serde_json::json!({
            "schemaVersion": 2, "mediaType": "e/f", "manifests": [manifest], "subject": manifest,
            "artifactType": "g/h", "annotations": {"y": "3"},
        });
        let whole: Whole<Descriptor> = serde_json::from_value(text.clone()).unwrap();
        // A JSON value has its keys in order.
        assert_eq!(serde_json::to_string(&whole).unwrap(), text.to_string());
        let none = Whole::<Descriptor>::empty();
        let again: Whole<Descriptor> = serde_json::from_str(&serde_json::to_string(&none).unwrap()).unwrap();
        assert!(again.manifests.is_empty() && again.schema_version == 2);
    }
}
