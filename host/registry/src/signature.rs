//! The signature of a version, as an artifact that is about its manifest.

use crate::{
    failure,
    small::{self, SmallArtifact},
};
use disklessset_core::{
    ImageManager,
    images::{MOST_OF_SIGNATURE, Outgoing},
    versions::Incoming,
};
use disklessset_oci::{
    manifest::MANIFEST_TYPE,
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
/// So many artifacts about one manifest are looked at.
const MOST_REFERRERS: usize = 100;

/// Signs a version that is there, and puts the signature beside it, unless a good one is there already; whether the site signs.
pub(crate) fn push(images: &ImageManager<'_>, registry: &Registry, outgoing: &Outgoing) -> Result<bool> {
    let Some(signature) = images.sign_manifest(&outgoing.manifest)? else { return Ok(false) };
    let digest = outgoing.digest;
    if is_signed(images, registry, &digest, &outgoing.manifest)? {
        return Ok(true);
    }
    let subject = small::blob(MANIFEST_TYPE, &outgoing.manifest);
    let artifact = SmallArtifact::new(SIGNATURE_TYPE, TITLE, CMS_TYPE, &signature, Some(subject))?;
    let own = artifact.digest();
    artifact.push(registry, &Target::Digest(own))?;
    let artifact_type = Some(SIGNATURE_TYPE.to_owned());
    let referrer = Referrer { digest: own, size: artifact.manifest_size(), artifact_type };
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
