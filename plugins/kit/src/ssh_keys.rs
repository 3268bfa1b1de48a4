//! Public keys that open root's account on the nodes.

mod sshd;

use crate::{
    accounts::{AccountError, Root},
    tree_files::{NewFile, TreeFiles},
};
use camino::Utf8Path;
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

    /// Lets these keys into root's account of a tree, where its sshd looks for them; one that is in it already is not added again. What the
    /// user should know of is returned, a line each.
    ///
    /// # Errors
    /// When the tree has no root account, or the files cannot be written.
    pub fn authorise_for_root(&self, files: &TreeFiles) -> Result<Vec<String>, AccountError> {
        let root = Root::of(files)?;
        let sshd = sshd::Sshd::of(files)?;
        let mut remarks = Vec::new();
        if let Some(why) = sshd.refusal() {
            remarks.push(format!("sshd of the tree lets root in with no key: its configuration says {why}"));
        }
        let Some(file) = sshd.keys_file(&root.home) else {
            remarks.push(
                "sshd of the tree reads no file of keys: its configuration says AuthorizedKeysFile none"
                    .to_owned(),
            );
            return Ok(remarks);
        };
        let mut text = files.read_text(&file)?.unwrap_or_default();
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
        remarks.extend(make_way(files, &root.home, &file)?);
        // sshd ignores a file that others may write, so an old one with other modes goes first.
        files.remove(&file)?;
        files.replace(&file, text.as_bytes(), NewFile::of_root(0o600))?;
        Ok(remarks)
    }
}

/// Makes the directories of a file of keys, and sees to it that nobody but root may write in them: sshd believes no file that others could
/// put there. It looks at all of them up to the home directory.
fn make_way(files: &TreeFiles, home: &str, file: &str) -> Result<Vec<String>, AccountError> {
    files.make_directory(home, 0o700)?;
    let mut remarks = Vec::new();
    let inside = Utf8Path::new(file).starts_with(home);
    let above = Utf8Path::new(file).ancestors().skip(1);
    let directories: Vec<&Utf8Path> = above.take_while(|above| !inside || above.starts_with(home)).collect();
    if let Some(directory) = directories.first() {
        files.make_directory(directory.as_str(), if inside { 0o700 } else { 0o755 })?;
    }
    for directory in directories {
        if files.let_only_root_write(directory.as_str())? {
            remarks.push(format!(
                "sshd would have believed no key in {file}: others could write in {directory}, and now only root can"
            ));
        }
    }
    Ok(remarks)
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

    fn tree(home: &str) -> (tempfile::TempDir, camino::Utf8PathBuf, TreeFiles) {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        files.make_directory("etc", 0o755).unwrap();
        let passwd = format!("root:x:0:0:root:{home}:/bin/sh\n");
        files.replace("etc/passwd", passwd.as_bytes(), NewFile::of_root(0o644)).unwrap();
        (dir, path, files)
    }

    fn mode(path: &Utf8Path) -> u32 {
        path.metadata().unwrap().mode() & 0o7777
    }

    #[test]
    fn keys_are_let_in_once() {
        let (_dir, path, files) = tree("/root");
        files.make_directory("root/.ssh", 0o755).unwrap();
        files.replace("root/.ssh/authorized_keys", b"# mine", NewFile::of_root(0o666)).unwrap();
        let keys = PublicKeys::parse(&format!("\n# a comment\n{KEY}\n")).unwrap();
        for _ in 0..2 {
            assert!(keys.authorise_for_root(&files).unwrap().is_empty());
        }
        let file = path.join("root/.ssh/authorized_keys");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("# mine\n{KEY}\n"));
        assert_eq!(mode(&file), 0o600);
    }

    #[test]
    fn keys_are_where_the_sshd_of_the_tree_looks_for_them() {
        let keys = PublicKeys::parse(KEY).unwrap();
        for (home, setting, file) in [
            ("/home/root", "", "home/root/.ssh/authorized_keys"),
            ("/", "", ".ssh/authorized_keys"),
            ("", "", ".ssh/authorized_keys"),
            ("/root", "AuthorizedKeysFile /etc/ssh/keys/%u\n", "etc/ssh/keys/root"),
        ] {
            let (_dir, path, files) = tree(home);
            files.make_directory("etc/ssh", 0o755).unwrap();
            files.replace("etc/ssh/sshd_config", setting.as_bytes(), NewFile::of_root(0o644)).unwrap();
            keys.authorise_for_root(&files).unwrap();
            assert_eq!(
                std::fs::read_to_string(path.join(file)).unwrap(),
                format!("{KEY}\n"),
                "{home} {setting}"
            );
            assert_eq!(path.join("root/.ssh").exists(), file.starts_with("root/"));
        }
    }

    #[test]
    fn directories_that_others_may_write_in_are_closed_and_that_is_told() {
        let (_dir, path, files) = tree("/root");
        for directory in ["root", "root/.ssh"] {
            files.make_directory(directory, 0o777).unwrap();
        }
        let told = PublicKeys::parse(KEY).unwrap().authorise_for_root(&files).unwrap();
        assert_eq!(told.len(), 2, "{told:?}");
        assert_eq!((mode(&path.join("root")), mode(&path.join("root/.ssh"))), (0o755, 0o755));
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
