//! Images of operating systems in registries. The core talks to no registry: a program that can brings who does.

use camino::Utf8Path;
use disklessset_oci::names::{RegistryReference, Target};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use serde::Serialize;

/// Finds and fetches images of operating systems, such as those of bootc and podman.
pub trait OsImages: Send + Sync {
    /// Finds an image. One that was found a moment ago is the same still.
    ///
    /// # Errors
    /// When there is none, or none for this server; when its registry cannot be asked.
    fn find(&self, image: &RegistryReference) -> Result<FoundOsImage>;

    /// Fetches an image into a new OCI image layout that has nothing else. `progress` hears of bytes that are there and bytes in all.
    ///
    /// # Errors
    /// As [`Self::find`]; when it does not come whole, or cannot be written.
    fn fetch(
        &self,
        image: &RegistryReference,
        layout: &Utf8Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()>;

    /// What was found until now, for who tells what would be fetched.
    fn found(&self) -> Vec<FoundOsImage> {
        Vec::new()
    }
}

/// What is known of an image before it is fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FoundOsImage {
    /// Its address, with the digest that it has now.
    pub address: String,
    /// The architecture that it is for: `amd64`.
    pub architecture: String,
    /// How many layers it has.
    pub layers: usize,
    /// Bytes that are fetched.
    pub bytes: u64,
}

/// The address of an image, from the words behind `registry:`. Without tag and digest it is `latest`, as everywhere.
///
/// # Errors
/// Words that are none.
pub(crate) fn address(text: &str) -> Result<RegistryReference> {
    let wrong = |cause: &dyn std::fmt::Display| Error::new(ErrorKind::USAGE, cause.to_string());
    let mut address: RegistryReference = text.parse().map_err(|cause| wrong(&cause))?;
    if address.target.is_none() {
        address.target = Some(Target::Tag("latest".parse().map_err(|cause| wrong(&cause))?));
    }
    Ok(address)
}

/// What is said where nobody can talk to registries.
pub(crate) fn nobody() -> Error {
    Error::new(ErrorKind::UNSUPPORTED, "this program does not fetch from registries")
        .hint("skopeo copy docker://… oci:DIRECTORY fetches an image, and --source oci:DIRECTORY takes it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_os_images_have_the_usual_tag_unless_one_is_told() {
        let digest = format!("h/r@sha256:{:064x}", 1);
        for (text, whole) in
            [("h/r", "h/r:latest"), ("h:5000/a/b:9", "h:5000/a/b:9"), (digest.as_str(), digest.as_str())]
        {
            assert_eq!(address(text).unwrap().to_string(), whole);
        }
        for bad in ["", "r", "docker://h/r", "h/R", "h/r:", "h/r:a@sha256:1", "h/../r", "-h/r", "h/r\n"] {
            let error = address(bad).expect_err(bad);
            assert!(error.kind == ErrorKind::USAGE && !error.message.contains('\n'), "{error}");
        }
    }
}
