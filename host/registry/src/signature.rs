//! The signature of a version, as an artifact that is about its manifest.

use crate::failure;
use disklessset_core::{
    ImageManager,
    images::{MOST_OF_SIGNATURE, Outgoing},
    versions::Incoming,
};
use disklessset_oci::{
    manifest::{Artifact, Blob, MANIFEST_TYPE, Subject},
    names::{Digest, RegistryReference, Target},
    registry::{Referrer, Registry},
};
use disklessset_plugin_api::{Error, Result};

/// What such an artifact is.
const SIGNATURE_TYPE: &str = "application/vnd.disklessset.signature.v1";
/// What its one file is: a detached CMS signature.
const CMS_TYPE: &str = "application/pkcs7-signature";
/// The name of that file.
const TITLE: &str = "manifest.sig";
/// A configuration that says nothing, as the specification of images has it.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");
/// So many artifacts about one manifest are looked at.
const MOST_REFERRERS: usize = 100;

/// Signs a version that is there, and puts the signature beside it, unless a good one is there already; whether the site signs.
pub(crate) fn push(images: &ImageManager<'_>, registry: &Registry, outgoing: &Outgoing) -> Result<bool> {
    let Some(signature) = images.sign_manifest(&outgoing.manifest)? else { return Ok(false) };
    let digest = outgoing.digest;
    if is_signed(images, registry, &digest, &outgoing.manifest)? {
        return Ok(true);
    }
    let blob = |kind: &str, bytes: &[u8]| Blob {
        media_type: kind.to_owned(),
        digest: Digest::of(bytes),
        size: bytes.len() as u64,
    };
    let unusable = |error: disklessset_oci::manifest::ManifestError| Error::failed(error.to_string());
    let mut artifact = Artifact::new(SIGNATURE_TYPE, blob(EMPTY.0, EMPTY.1)).map_err(unusable)?;
    artifact.add_file(TITLE.parse().map_err(unusable)?, blob(CMS_TYPE, &signature)).map_err(unusable)?;
    let subject: Subject = blob(MANIFEST_TYPE, &outgoing.manifest);
    artifact.set_subject(Some(subject));
    let manifest = artifact.to_bytes().map_err(unusable)?;
    for bytes in [EMPTY.1, &signature] {
        let _ = registry.push_bytes(bytes).map_err(failure::of)?;
    }
    let target = Target::Digest(Digest::of(&manifest));
    let own = registry.push_manifest(&target, &manifest, MANIFEST_TYPE).map_err(failure::of)?;
    let artifact_type = Some(SIGNATURE_TYPE.to_owned());
    let referrer = Referrer { digest: own, size: manifest.len() as u64, artifact_type };
    registry.add_referrer(&digest, &referrer).map_err(failure::of)?;
    Ok(true)
}

/// Refuses a version without a signature by the site's certificate.
pub(crate) fn must_be_there(
    images: &ImageManager<'_>,
    registry: &Registry,
    incoming: &Incoming,
    from: &RegistryReference,
) -> Result<()> {
    if is_signed(images, registry, &Digest::of(incoming.received()), incoming.received())? {
        return Ok(());
    }
    Err(Error::refused(format!("{from} has no signature by the certificate of this site")))
}

/// Whether one of the artifacts about a manifest is a good signature of it. Those that are something else, or cannot be had, are none.
fn is_signed(
    images: &ImageManager<'_>,
    registry: &Registry,
    digest: &Digest,
    manifest: &[u8],
) -> Result<bool> {
    let all = registry.referrers(digest).map_err(failure::of)?;
    for referrer in all.iter().take(MOST_REFERRERS) {
        if referrer.artifact_type.as_deref().is_some_and(|kind| kind != SIGNATURE_TYPE) {
            continue;
        }
        let Ok((artifact, _)) = registry.artifact(&Target::Digest(referrer.digest), SIGNATURE_TYPE) else {
            continue;
        };
        if artifact.subject().is_none_or(|subject| subject.digest != *digest) {
            continue;
        }
        let small = artifact.files().values().filter(|file| file.size <= MOST_OF_SIGNATURE);
        for file in small.take(1) {
            let Ok(signature) = registry.small_blob(&file.digest, file.size) else { continue };
            if images.is_manifest_signed(manifest, &signature)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
