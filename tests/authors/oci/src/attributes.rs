//! What the layout tells of an image, as attributes of it.

use disklessset_kit::source::{OciFacts, Source};
use disklessset_plugin_api::{Error, Image, Result};

/// The manifest's digest: what has the same is the same image.
pub(crate) const DIGEST: &str = "oci_digest";
const ARCHITECTURE: &str = "oci_architecture";
const CREATED: &str = "oci_created";
/// Labels that the image specification names, each an attribute `oci_…`.
const LABELS: [&str; 6] = ["title", "version", "revision", "vendor", "source", "licenses"];

/// Records everything; what an earlier state of the layout told and this one does not is gone.
///
/// The environment of a container is not recorded: it may hold a secret, and nodes do not use it.
pub(crate) fn record(facts: &OciFacts, image: &mut Image) {
    image.set(DIGEST, facts.digest.as_str());
    image.set(ARCHITECTURE, facts.architecture.as_str());
    let created = facts.standard_label("created").or(facts.created.as_deref());
    put(image, CREATED, created);
    for label in LABELS {
        put(image, &format!("oci_{label}"), facts.standard_label(label));
    }
}

fn put(image: &mut Image, attribute: &str, value: Option<&str>) {
    match value {
        Some(value) => image.set(attribute, value),
        None => image.unset(attribute),
    }
}

/// Where the image came from.
pub(crate) fn source(image: &Image) -> Result<Source> {
    let text = image.text("source").unwrap_or_default();
    match text.parse::<Source>()? {
        source @ Source::Oci { .. } => Ok(source),
        other => Err(Error::failed(format!("image {} is from {other}, not from OCI", image.name()))),
    }
}
