//! Artifacts that are about a manifest: signatures of it, for one.

use super::{Registry, RegistryError, ask::bounded, tokens::Access, wire::Asked};
use crate::{
    layout::MOST_MANIFEST,
    manifest::MANIFEST_TYPE,
    names::{Digest, Target},
};
use oci_spec::image::ImageIndex;
use serde_json::json;
use ureq::http::Method;

/// What a list of manifests is.
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";

/// A manifest whose subject is another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// Its digest.
    pub digest: Digest,
    /// Bytes in it.
    pub size: u64,
    /// What kind of artifact it is, if the registry tells.
    pub artifact_type: Option<String>,
}

impl Registry {
    /// The artifacts about a manifest, as the registry tells, or, where it does not know the question, as the tag `sha256-HEX` lists
    /// them. What is told must be looked at: neither the registry nor who pushed the list has to be right.
    ///
    /// # Errors
    /// A registry that cannot be reached, or lies.
    pub fn referrers(&self, digest: &Digest) -> Result<Vec<Referrer>, RegistryError> {
        let asked = Asked::new(Method::GET, self.place(&format!("referrers/{digest}")));
        let text = self.with_tries(|| {
            let answer = self.ask(asked.clone(), Access::Pull, &mut || {})?;
            let answer = self.expect(answer, &asked, &[200])?;
            let text = self.wire.on_thread(move || bounded(answer, MOST_MANIFEST + 1), &mut || {})?;
            text.map_err(|cause| RegistryError::broke_off(self.host(), &cause))
        });
        match text {
            Err(error) if error.is_not_found() => self.listed_by_tag(digest),
            text => self.listed(&text?, &asked),
        }
    }

    /// The artifacts that the tag lists by which registries without that question are served.
    fn listed_by_tag(&self, digest: &Digest) -> Result<Vec<Referrer>, RegistryError> {
        let target = tag_of(digest)?;
        let asked = Asked::new(Method::GET, self.place(&format!("manifests/{target}")));
        match self.manifest(&target) {
            Err(error) if error.is_not_found() => Ok(Vec::new()),
            manifest => self.listed(&manifest?.bytes, &asked),
        }
    }

    /// Has an artifact about a manifest, which is there already, be found by [`Self::referrers`]. Nothing is to be done where the registry
    /// answers that question by itself; else the tag `sha256-HEX` lists it beside those that it lists. Two that do this at once for
    /// one manifest may lose one of theirs: who looks once more finds out.
    ///
    /// # Errors
    /// A registry that cannot be reached, or does not take the list.
    pub fn add_referrer(&self, subject: &Digest, referrer: &Referrer) -> Result<(), RegistryError> {
        let mut all = self.referrers(subject)?;
        if all.iter().any(|known| known.digest == referrer.digest) {
            return Ok(());
        }
        all.push(referrer.clone());
        let entries: Vec<serde_json::Value> = all
            .iter()
            .map(|one| {
                let (digest, size) = (one.digest.to_string(), one.size);
                let mut entry = json!({ "mediaType": MANIFEST_TYPE, "digest": digest, "size": size });
                if let Some(kind) = &one.artifact_type {
                    entry["artifactType"] = kind.as_str().into();
                }
                entry
            })
            .collect();
        let index = json!({ "schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries });
        self.push_manifest(&tag_of(subject)?, index.to_string().as_bytes(), INDEX_TYPE).map(drop)
    }

    fn listed(&self, text: &[u8], asked: &Asked) -> Result<Vec<Referrer>, RegistryError> {
        let wrong = || self.wrong(asked, "it is no list of manifests");
        if text.len() as u64 > MOST_MANIFEST {
            return Err(self.wrong(asked, "it is larger than 4 MiB"));
        }
        let index: ImageIndex = serde_json::from_slice(text).map_err(|_| wrong())?;
        let entries = index.manifests().iter().map(|entry| {
            Ok(Referrer {
                digest: entry.digest().as_ref().parse().map_err(|_| wrong())?,
                size: entry.size(),
                artifact_type: entry.artifact_type().as_ref().map(ToString::to_string),
            })
        });
        entries.collect()
    }
}

/// The tag under which artifacts about a manifest are listed.
fn tag_of(digest: &Digest) -> Result<Target, RegistryError> {
    Ok(Target::Tag(format!("sha256-{}", digest.hex()).parse()?))
}
