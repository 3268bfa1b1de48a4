//! Public keys that open root's account on the nodes.

use crate::tree_files::{NewFile, TreeFileError, TreeFiles};
use disklessset_plugin_api::Error;

/// Why a key file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Private key material must never get into an image that every node may fetch.
    #[error("holds a private key; give the public one (the file that ends in .pub)")]
    Private,
    /// No key in it.
    #[error("holds no public key")]
    Empty,
    /// A line that is no key.
    #[error("line {0} is not a public key: expected a type such as ssh-ed25519 and its base64 text")]
    Shape(usize),
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::usage(error.to_string())
    }
}

const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

/// Public keys that were checked, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKeys(Vec<String>);

impl PublicKeys {
    /// Reads the text of a key file: plain `type base64 comment` lines, empty lines and comments between them.
    ///
    /// # Errors
    /// When it holds anything else.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let mut keys = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.split_whitespace();
            let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            if !TYPES.contains(&kind) || !is_blob_of(kind, blob) || line.chars().any(char::is_control) {
                return Err(KeyError::Shape(index + 1));
            }
            keys.push(line.to_owned());
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self(keys)) }
    }

    /// Lets these keys into root's account of a tree; one that is in it already is not added again.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn authorise_for_root(&self, files: &TreeFiles) -> Result<(), TreeFileError> {
        let file = "root/.ssh/authorized_keys";
        files.make_directory("root", 0o700)?;
        files.make_directory("root/.ssh", 0o700)?;
        let mut text = files.read_text(file)?.unwrap_or_default();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        for key in &self.0 {
            let blob = key.split_whitespace().nth(1).unwrap_or_default();
            if !text.lines().any(|line| line.split_whitespace().any(|word| word == blob)) {
                text.push_str(key);
                text.push('\n');
            }
        }
        // sshd ignores a file that others may write, so an old one with other modes goes first.
        files.remove(file)?;
        files.replace(file, text.as_bytes(), NewFile::of_root(0o600))
    }
}

/// Whether a base64 text starts with the length and name of its own key type, as every public key does.
fn is_blob_of(kind: &str, blob: &str) -> bool {
    let plain = blob.trim_end_matches('=');
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    if plain.len() < 40 || blob.len() > 16_384 || !blob.len().is_multiple_of(4) || !plain.bytes().all(known) {
        return false;
    }
    let mut expected = u32::try_from(kind.len()).unwrap_or(0).to_be_bytes().to_vec();
    expected.extend_from_slice(kind.as_bytes());
    first_bytes(plain, expected.len()) == expected
}

/// The first bytes behind a base64 text; its alphabet was checked.
fn first_bytes(base64: &str, count: usize) -> Vec<u8> {
    let (mut bytes, mut bits, mut have) = (Vec::new(), 0u32, 0);
    for byte in base64.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            bytes.push((bits >> have & 0xff) as u8);
        }
        if bytes.len() == count {
            break;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHoIYGcSzLxc5Yzi6JX5w1WiBiZZBgJx+XAj3/kazJ03 admin@site";

    #[test]
    fn keys_are_let_in_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        files.make_directory("root/.ssh", 0o755).unwrap();
        files.replace("root/.ssh/authorized_keys", b"# mine", NewFile::of_root(0o666)).unwrap();
        let keys = PublicKeys::parse(&format!("\n# a comment\n{KEY}\n")).unwrap();
        keys.authorise_for_root(&files).unwrap();
        keys.authorise_for_root(&files).unwrap();
        let file = path.join("root/.ssh/authorized_keys");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("# mine\n{KEY}\n"));
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600);
    }

    #[test]
    fn everything_else_is_refused() {
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n-----END OPENSSH PRIVATE KEY-----\n";
        assert_eq!(PublicKeys::parse(private), Err(KeyError::Private));
        assert_eq!(PublicKeys::parse("# nothing\n"), Err(KeyError::Empty));
        let other_type = KEY.replace("ssh-ed25519", "ssh-rsa");
        for bad in
            ["hello", "ssh-ed25519", "ssh-ed25519 AAAA", &other_type, "command=\"rm -rf /\" ssh-rsa AAAA"]
        {
            assert_eq!(PublicKeys::parse(&format!("{KEY}\n{bad}\n")), Err(KeyError::Shape(2)), "{bad}");
        }
    }
}
