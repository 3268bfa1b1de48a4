//! Small files of the user's: what repositories there are, and who signs them.

use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, Result};
use std::fmt;

/// The most that is read of a repository file or a key.
const MOST: u64 = 1 << 20;

/// A file of the user's and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Where it was read.
    pub path: Utf8PathBuf,
    /// What it says.
    pub text: String,
}

impl fmt::Debug for TextFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A repository file may hold a password.
        write!(f, "TextFile({})", self.path)
    }
}

impl TextFile {
    /// Reads a small regular file.
    pub(super) fn read(path: Utf8PathBuf, what: &str) -> Result<Self> {
        let fault =
            |cause: &dyn fmt::Display| Error::usage(format!("cannot read {what} {path}")).because(cause);
        let metadata = path.metadata().map_err(|cause| fault(&cause))?;
        if !metadata.is_file() || metadata.len() > MOST {
            return Err(fault(&"it is not a file of at most 1 MiB"));
        }
        let text = std::fs::read_to_string(&path).map_err(|cause| fault(&cause))?;
        Ok(Self { text, path })
    }

    pub(super) fn read_key(path: Utf8PathBuf) -> Result<Self> {
        let key = Self::read(path, "the signing key")?;
        if !key.text.trim_start().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
            return Err(Error::usage(format!("{} is no public key in armoured form", key.path))
                .hint("gpg --armor --export KEY makes one"));
        }
        Ok(key)
    }
}
