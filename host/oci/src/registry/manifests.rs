//! Manifests from and to a registry.

use super::{
    Registry, RegistryError,
    ask::bounded,
    tokens::Access,
    wire::{Asked, Content},
};
use crate::{
    layout::MOST_MANIFEST,
    manifest::MANIFEST_TYPE,
    names::{Digest, Target, shown},
};
use std::sync::Arc;
use ureq::{
    Body,
    http::{Method, Response, header},
};

/// The header with the digest of what is sent.
const CONTENT_DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");
/// All kinds of manifests that are known: a foreign one is to be told by what it is.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest as a registry has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteManifest {
    /// The digest of its bytes.
    pub digest: Digest,
    /// What the registry says it is.
    pub media_type: String,
    /// The manifest.
    pub bytes: Vec<u8>,
}

impl Registry {
    /// Gets a manifest, verified when it is asked for by its digest.
    ///
    /// # Errors
    /// A registry that does not have it ([`RegistryError::is_not_found`]), cannot be reached, or lies; one larger than 4 MiB.
    pub fn manifest(&self, target: &Target) -> Result<RemoteManifest, RegistryError> {
        let asked = Asked::new(Method::GET, self.place(&format!("manifests/{target}")))
            .header(header::ACCEPT, ACCEPTED);
        self.with_tries(|| {
            let answer = self.ask(asked.clone(), Access::Pull, &mut || {})?;
            let answer = self.expect(answer, &asked, &[200])?;
            if answer.body().content_length().is_some_and(|length| length > MOST_MANIFEST) {
                return Err(self.wrong(&asked, "it is larger than 4 MiB"));
            }
            let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let media_type = media_type.unwrap_or(MANIFEST_TYPE).to_owned();
            let stated_digest = stated_digest(&answer);
            let bytes = self.wire.on_thread(move || bounded(answer, MOST_MANIFEST + 1), &mut || {})?;
            let bytes = bytes.map_err(|cause| RegistryError::broke_off(self.host(), &cause))?;
            if bytes.len() as u64 > MOST_MANIFEST {
                return Err(self.wrong(&asked, "it is larger than 4 MiB"));
            }
            let digest = Digest::of(&bytes);
            if let Target::Digest(wanted) = target
                && digest != *wanted
            {
                return Err(self.wrong(&asked, format!("it has the digest {digest}")));
            }
            must_be(stated_digest.as_deref(), &digest).map_err(|why| self.wrong(&asked, why))?;
            Ok(RemoteManifest { digest, media_type, bytes })
        })
    }

    /// Sends a manifest, under a tag or by its digest alone. The blobs that it names must be there.
    ///
    /// # Errors
    /// A registry that does not take it.
    pub fn push_manifest(
        &self,
        target: &Target,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<Digest, RegistryError> {
        let digest = Digest::of(bytes);
        let mut asked = Asked::new(Method::PUT, self.place(&format!("manifests/{target}")))
            .header(header::CONTENT_TYPE, media_type);
        asked.content = Content::Bytes(Arc::from(bytes));
        self.with_tries(|| {
            let answer = self.ask(asked.clone(), Access::Push, &mut || {})?;
            let answer = self.expect(answer, &asked, &[201])?;
            self.must_be(&answer, &digest, &asked)
        })?;
        Ok(digest)
    }

    /// Fails when a registry tells of another digest than that of what we sent.
    pub(super) fn must_be(
        &self,
        answer: &Response<Body>,
        digest: &Digest,
        asked: &Asked,
    ) -> Result<(), RegistryError> {
        must_be(stated_digest(answer).as_deref(), digest).map_err(|why| self.wrong(asked, why))
    }
}

fn stated_digest(answer: &Response<Body>) -> Option<String> {
    answer.headers().get(&CONTENT_DIGEST)?.to_str().ok().map(str::to_owned)
}

/// A registry may tell of a digest of another algorithm, or of none.
fn must_be(stated_digest: Option<&str>, digest: &Digest) -> Result<(), String> {
    match stated_digest {
        Some(stated_digest)
            if stated_digest.starts_with("sha256:") && stated_digest != digest.to_string() =>
        {
            Err(format!("it says that this is {}, and it is {digest}", shown(stated_digest)))
        }
        _ => Ok(()),
    }
}
