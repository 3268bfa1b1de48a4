//! Artifacts that are about a manifest: signatures of it, for one.

use super::{Registry, RegistryError, ask::bounded, tokens::Access, wire::Asked};
use crate::{
    layout::MOST_MANIFEST,
    names::{Digest, Target},
};
use oci_spec::image::ImageIndex;
use ureq::http::Method;

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
        let text = match text {
            Err(error) if error.is_not_found() => {
                match self.manifest(&Target::Tag(format!("sha256-{}", digest.hex()).parse()?)) {
                    Err(error) if error.is_not_found() => return Ok(Vec::new()),
                    manifest => manifest?.bytes,
                }
            }
            text => text?,
        };
        let wrong = || self.wrong(&asked, "it is no list of manifests");
        if text.len() as u64 > MOST_MANIFEST {
            return Err(self.wrong(&asked, "it is larger than 4 MiB"));
        }
        let index: ImageIndex = serde_json::from_slice(&text).map_err(|_| wrong())?;
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
