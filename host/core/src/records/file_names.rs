//! The names of the files in the directory of an image that disklessset itself writes, and of what tells of the files of kernels.

use crate::{integrity::manifest, versions};

/// All attributes of an image.
pub(crate) const RECORD: &str = "image_data.yml";
/// How a node boots it.
pub const BOOT_FILE: &str = versions::BOOT_FILE;
/// The signature of the manifest.
const SIGNATURE: &str = "SHA256SUMS.sig";
/// The signature of the boot file, for boot loaders that run only what is signed.
const BOOT_SIGNATURE: &str = "boot.ipxe.sig";
/// What is signed, with its signature.
pub(crate) const SIGNED: [(&str, &str); 2] = [(manifest::FILE_NAME, SIGNATURE), (BOOT_FILE, BOOT_SIGNATURE)];
/// What tells of the other files, and is written anew with every change.
pub(crate) const DIGESTS: [&str; 3] = [manifest::FILE_NAME, SIGNATURE, BOOT_SIGNATURE];

/// The name of the signature of a file in the directory of kernels.
pub(crate) fn kernel_signature(file: &str) -> String {
    format!("signature-{file}")
}
