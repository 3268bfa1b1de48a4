//! Signatures of whole versions: of their manifests, by the key that signs what nodes fetch.

use crate::{
    failure,
    images::manager::ImageManager,
    system::{FileError, atomic_file},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Result};

/// The largest signature that is looked at, in bytes.
pub const MOST_OF_SIGNATURE: u64 = 256 << 10;

impl ImageManager<'_> {
    /// Signs a manifest; nothing where the site does not sign.
    ///
    /// # Errors
    /// When the key is not safe, or openssl fails.
    pub fn sign_manifest(&self, manifest: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(signer) = self.site.signer() else { return Ok(None) };
        self.aside(|place| {
            let (file, signature) = (place.join("manifest"), place.join("signature"));
            atomic_file::replace(&file, manifest, 0o600).map_err(failure::of)?;
            signer.sign(&file, &signature)?;
            atomic_file::read_bounded(&signature, MOST_OF_SIGNATURE).map(Some).map_err(failure::of)
        })
    }

    /// Whether a signature is one of a manifest by the site's certificate.
    ///
    /// # Errors
    /// When the site has none, or that cannot be found out.
    pub fn is_manifest_signed(&self, manifest: &[u8], signature: &[u8]) -> Result<bool> {
        let signer = self.site.signer().ok_or_else(no_certificate)?;
        self.aside(|place| {
            let (file, other) = (place.join("manifest"), place.join("signature"));
            atomic_file::replace(&file, manifest, 0o600).map_err(failure::of)?;
            atomic_file::replace(&other, signature, 0o600).map_err(failure::of)?;
            signer.is_signed(&file, &other)
        })
    }

    /// Refuses to go on where no certificate is configured.
    ///
    /// # Errors
    /// That there is none.
    pub fn must_have_certificate(&self) -> Result<()> {
        self.site.signer().map(drop).ok_or_else(no_certificate)
    }

    /// Has openssl see files that go with this process, or with the next reboot.
    fn aside<T>(&self, work: impl FnOnce(&Utf8Path) -> Result<T>) -> Result<T> {
        let directory = self.site.layout.locks_dir();
        atomic_file::create_dir_all(&directory, 0o755).map_err(failure::of)?;
        let made = tempfile::Builder::new().prefix(".signature-").tempdir_in(&directory);
        let made =
            made.map_err(|cause| failure::of(FileError::of("make a directory in", &directory)(cause)))?;
        let place = Utf8PathBuf::from_path_buf(made.path().to_owned());
        work(&place.map_err(|_| Error::failed("the directory of locks has no UTF-8 name"))?)
    }
}

fn no_certificate() -> Error {
    Error::refused("no certificate is configured that a signature could be checked with")
        .hint("set signing.key and signing.certificate in diskless_parameters.yml")
}
