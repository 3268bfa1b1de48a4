//! Root's account inside an OS tree.

use crate::tree_files::{NewFile, TreeFileError, TreeFiles};
use disklessset_plugin_api::Error;
use sha_crypt::{PasswordHasher, ShaCrypt};

/// Why an account could not be set.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] TreeFileError),
    /// The tree has no account for root: it is no OS tree.
    #[error("the tree {0} has no account root with user id 0 in etc/passwd")]
    NoRoot(camino::Utf8PathBuf),
    /// The hash could not be made.
    #[error("cannot hash the password: {0}")]
    Hash(String),
}

impl From<AccountError> for Error {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::File(file) => file.into(),
            other => Self::failed(other.to_string()),
        }
    }
}

/// What root's password field becomes.
#[derive(Clone, Copy)]
pub enum RootPassword<'a> {
    /// This clear password, kept as a salted SHA-512 crypt hash.
    Clear(&'a str),
    /// The field as another tree of the same image had it ([`root_password_field`]): a password that nobody tells us again.
    Kept(&'a str),
    /// No password opens the account; keys still do.
    Locked,
}

/// The salted SHA-512 crypt hash (`$6$…`) of a password.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn hash(password: &str) -> Result<String, AccountError> {
    let fault = |cause: String| AccountError::Hash(cause);
    // 12 bytes are 16 characters: the most that crypt(3) looks at. A longer salt would be cut and never match.
    let mut salt = [0u8; 12];
    let got = rustix::rand::getrandom(&mut salt, rustix::rand::GetRandomFlags::empty())
        .map_err(|cause| fault(cause.to_string()))?;
    if got != salt.len() {
        return Err(fault("too few random bytes".to_owned()));
    }
    ShaCrypt::SHA512
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|cause| fault(cause.to_string()))
}

/// Root's password field in `etc/shadow`, hash or lock; `None` when there is none to keep.
///
/// # Errors
/// When the file cannot be read.
pub fn root_password_field(files: &TreeFiles) -> Result<Option<String>, AccountError> {
    let shadow = files.read_text("etc/shadow")?.unwrap_or_default();
    let root = shadow.lines().find_map(|line| line.strip_prefix("root:"));
    Ok(root.and_then(|fields| fields.split(':').next()).filter(|field| !field.is_empty()).map(str::to_owned))
}

/// Sets root's password field, whatever it held.
///
/// # Errors
/// When the tree has no root account, or its files cannot be changed.
pub fn set_root_password(files: &TreeFiles, password: RootPassword<'_>) -> Result<(), AccountError> {
    let passwd = files.read_text("etc/passwd")?.unwrap_or_default();
    let root: Vec<&str> =
        passwd.lines().find(|line| line.starts_with("root:")).unwrap_or_default().split(':').collect();
    if root.len() != 7 || root[2] != "0" {
        return Err(AccountError::NoRoot(files.path().to_owned()));
    }
    let field = match password {
        RootPassword::Clear(clear) => hash(clear)?,
        RootPassword::Kept(field) if is_field(field) => field.to_owned(),
        // An empty field would open the account to everybody.
        RootPassword::Kept(_) | RootPassword::Locked => "!*".to_owned(),
    };
    if root[1] != "x" {
        // A hash in etc/passwd would win over the one in etc/shadow, and every user of the node could read it.
        let fixed = with_field(&passwd, 1, "x", String::new);
        files.replace("etc/passwd", fixed.as_bytes(), NewFile::of_root(0o644))?;
    }
    let shadow = files.read_text("etc/shadow")?.unwrap_or_default();
    let shadow = with_field(&shadow, 1, &field, || format!("root:{field}::0:99999:7:::"));
    files.replace("etc/shadow", shadow.as_bytes(), NewFile::of_root(0o600))?;
    Ok(())
}

/// Whether a text can stand in a field of `etc/shadow` and lets nobody in without a password.
fn is_field(field: &str) -> bool {
    !field.is_empty() && !field.contains(|c: char| c == ':' || c.is_control())
}

/// The text with one field of root's line changed, or with a new line for root when it has none. Further lines for root
/// are dropped: which of two counts is nobody's business.
fn with_field(text: &str, index: usize, value: &str, line: impl Fn() -> String) -> String {
    let mut out = String::new();
    let mut done = false;
    for old in text.lines() {
        if old != "root" && !old.starts_with("root:") {
            out.push_str(old);
        } else if done {
            continue;
        } else {
            done = true;
            let mut fields: Vec<&str> = old.split(':').collect();
            if fields.len() > index {
                fields[index] = value;
                out.push_str(&fields.join(":"));
            } else {
                out.push_str(&line());
            }
        }
        out.push('\n');
    }
    if !done {
        out.insert_str(0, &format!("{}\n", line()));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;
    use sha_crypt::PasswordVerifier;

    fn tree(shadow: Option<&str>) -> (tempfile::TempDir, TreeFiles) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        std::fs::create_dir(path.join("etc")).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        files
            .replace(
                "etc/passwd",
                b"root:x:0:0:root:/root:/bin/sh\nbin:x:1:1::/:/\n",
                NewFile::of_root(0o644),
            )
            .unwrap();
        if let Some(shadow) = shadow {
            files.replace("etc/shadow", shadow.as_bytes(), NewFile::of_root(0o640)).unwrap();
        }
        (dir, files)
    }

    fn roots_field(files: &TreeFiles) -> String {
        let shadow = files.read_text("etc/shadow").unwrap().unwrap();
        let lines: Vec<&str> = shadow.lines().filter(|l| l.starts_with("root:")).collect();
        assert_eq!(lines.len(), 1, "{shadow}");
        assert_eq!(lines[0].split(':').count(), 9, "{shadow}");
        lines[0].split(':').nth(1).unwrap().to_owned()
    }

    #[test]
    fn the_password_is_set_whatever_the_field_held() {
        for before in [
            None,
            Some(""),
            Some("root:*:19000:0:99999:7:::\n"),
            Some("root:!:19000:0:99999:7:::\n"),
            Some("root::19000:0:99999:7:::\n"),
            Some("root:!locked:19000:0:99999:7:::\nroot:*:1:::::::\n"),
            Some("daemon:*:19000:0:99999:7:::\n"),
            Some("root"),
        ] {
            let (_dir, files) = tree(before);
            set_root_password(&files, RootPassword::Clear("s3cret: $x")).unwrap();
            let field = roots_field(&files);
            assert!(field.starts_with("$6$"), "{before:?} became {field}");
            ShaCrypt::SHA512.verify_password(b"s3cret: $x", field.as_str()).unwrap();
            assert!(ShaCrypt::SHA512.verify_password(b"other", field.as_str()).is_err());
            if before.is_some_and(|b| b.contains("daemon")) {
                assert!(files.read_text("etc/shadow").unwrap().unwrap().contains("daemon:*:19000"));
            }
        }
    }

    #[test]
    fn the_salt_is_what_crypt_reads_and_never_the_same() {
        let (one, two) = (hash("x").unwrap(), hash("x").unwrap());
        assert_ne!(one, two);
        let salt = one.split('$').nth_back(1).unwrap();
        assert_eq!(salt.len(), 16, "{one}");
    }

    #[test]
    fn a_field_is_kept_from_one_tree_to_the_next() {
        let (_old, from) = tree(None);
        assert_eq!(root_password_field(&from).unwrap(), None);
        set_root_password(&from, RootPassword::Clear("pw")).unwrap();
        let field = root_password_field(&from).unwrap().unwrap();
        let (_new, to) = tree(Some("root:!:19000:0:99999:7:::\n"));
        set_root_password(&to, RootPassword::Kept(&field)).unwrap();
        assert_eq!(roots_field(&to), field);
        for bad in ["", "a:b", "a\nroot::"] {
            set_root_password(&to, RootPassword::Kept(bad)).unwrap();
            assert_eq!(roots_field(&to), "!*", "{bad:?}");
        }
    }

    #[test]
    fn without_a_password_the_account_is_locked() {
        let (_dir, files) = tree(Some("root::19000:0:99999:7:::\n"));
        set_root_password(&files, RootPassword::Locked).unwrap();
        assert_eq!(roots_field(&files), "!*");
    }

    #[test]
    fn a_hash_in_passwd_gives_way() {
        let (_dir, files) = tree(None);
        files
            .replace("etc/passwd", b"root:$1$old:0:0:root:/root:/bin/sh\n", NewFile::of_root(0o644))
            .unwrap();
        set_root_password(&files, RootPassword::Locked).unwrap();
        let passwd = files.read_text("etc/passwd").unwrap().unwrap();
        assert_eq!(passwd, "root:x:0:0:root:/root:/bin/sh\n");
    }

    #[test]
    fn a_directory_without_root_is_no_tree() {
        let (_dir, files) = tree(None);
        files.replace("etc/passwd", b"root:x:5:0:root:/root:/bin/sh\n", NewFile::of_root(0o644)).unwrap();
        let error = set_root_password(&files, RootPassword::Locked).unwrap_err().to_string();
        assert!(error.contains("no account root"), "{error}");
    }
}
