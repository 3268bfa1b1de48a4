//! Secrets of definitions: the file names a file that holds one. What is kept of it is a salted hash.

use crate::{observer::Observer, system::core_dumps};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Level, Result};
use sha_crypt::{PasswordHasher, PasswordVerifier, ShaCrypt};
use std::{collections::BTreeMap, io::Read, os::unix::fs::MetadataExt};

/// The files that secrets were read from, by their parameters.
pub(in crate::images) type SecretFiles = BTreeMap<String, Utf8PathBuf>;

/// The longest secret, in bytes.
const LONGEST: u64 = 4096;

/// Reads a secret: the whole first line of a file. Others than its owner should not read it: that is told.
///
/// # Errors
/// When the file cannot be read, or its first line is no text or endless. Messages never show what is in it.
pub fn read_secret(path: &Utf8Path, observer: &dyn Observer) -> Result<String> {
    core_dumps::forbid();
    let failed =
        |cause: std::io::Error| Error::usage(format!("cannot read the secret in {path}")).because(cause);
    let file = std::fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        let text = format!(
            "others than its owner may read the secret in {path} (mode {mode:04o}): chmod 600 {path}"
        );
        observer.line(Level::Warning, &text);
    }
    let mut bytes = Vec::new();
    file.take(LONGEST + 2).read_to_end(&mut bytes).map_err(failed)?;
    first_line(&bytes).map_err(|reason| Error::usage(format!("cannot use the secret in {path}: {reason}")))
}

fn first_line(bytes: &[u8]) -> Result<String, &'static str> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() as u64 > LONGEST {
        return Err("its first line is longer than 4096 bytes");
    }
    std::str::from_utf8(line).map(ToOwned::to_owned).map_err(|_| "its first line is not UTF-8 text")
}

/// The salted hash of a secret.
pub(super) fn hash(secret: &str) -> Result<String> {
    let failed = |cause: String| Error::failed("cannot hash a secret").because(cause);
    let mut salt = [0u8; 12];
    let got = rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())
        .map_err(|cause| failed(cause.to_string()))?;
    if got != salt.len() {
        return Err(failed("too few random bytes".to_owned()));
    }
    let hashed = ShaCrypt::SHA512.hash_password_with_salt(secret.as_bytes(), &salt);
    hashed.map(|hash| hash.to_string()).map_err(|cause| failed(cause.to_string()))
}

/// Whether a secret is the one of a hash.
pub(super) fn is_same(secret: &str, hash: &str) -> bool {
    ShaCrypt::SHA512.verify_password(secret.as_bytes(), hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn the_whole_first_line_counts_and_nothing_else() {
        assert_eq!(first_line(b" s3 cret: #\n").unwrap(), " s3 cret: #");
        assert_eq!(first_line(b"s3cret").unwrap(), "s3cret");
        assert_eq!(first_line(b"s3cret\r\nsecond\n").unwrap(), "s3cret");
        assert!(first_line(b"\xff\n").is_err());
        assert!(first_line(&[b'x'; 5000]).is_err());
    }

    #[test]
    fn a_secret_is_the_first_line_and_its_hash_tells_it_from_others() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = Utf8Path::from_path(file.path()).unwrap();
        std::io::Write::write_all(&mut file.as_file(), b"s3cret\r\nrest").unwrap();
        let secret = read_secret(path, &Silent).unwrap();
        assert_eq!(secret, "s3cret");
        let hash = hash(&secret).unwrap();
        assert!(is_same("s3cret", &hash) && !is_same("other", &hash) && !hash.contains("s3cret"));
        let error = read_secret(Utf8Path::new("/no/such/file"), &Silent).unwrap_err();
        assert!(error.message.contains("/no/such/file"), "{error}");
    }
}
