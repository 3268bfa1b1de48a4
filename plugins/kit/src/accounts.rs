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
    /// No password opens the account; keys do, with every configuration of sshd.
    KeysOnly,
    /// Nothing opens the account, but for keys where sshd leaves the look at locks to PAM.
    Locked,
}

/// The account of root that a tree has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its home directory, an absolute path in the tree.
    pub home: String,
    /// The shell that it logs in with.
    pub shell: String,
    password: Vec<u8>,
}

impl Root {
    /// Reads it from `etc/passwd`.
    ///
    /// # Errors
    /// When there is none, or the file cannot be read.
    pub fn of(files: &TreeFiles) -> Result<Self, AccountError> {
        let passwd = files.read("etc/passwd")?.unwrap_or_default();
        let line = lines(&passwd).find(|line| is_roots(line)).unwrap_or_default();
        let fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
        let text =
            |at: usize| String::from_utf8_lossy(fields.get(at).copied().unwrap_or_default()).into_owned();
        if fields.len() != 7 || text(2).parse() != Ok(0) {
            return Err(AccountError::NoRoot(files.path().to_owned()));
        }
        let or = |found: String, default: &str| if found.is_empty() { default.to_owned() } else { found };
        // As login and sshd read fields that are empty.
        let home = or(text(5), "/");
        Ok(Self { home, shell: or(text(6), "/bin/sh"), password: fields[1].to_owned() })
    }
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

/// Sets root's password field, whatever it held. What is set today does not expire: a node has no place to keep a new one, it would ask at
/// every boot, or let nobody in. What the account had that would have closed it is returned, for the user.
///
/// # Errors
/// When the tree has no root account, or its files cannot be changed.
pub fn set_root_password(
    files: &TreeFiles,
    password: RootPassword<'_>,
) -> Result<Option<String>, AccountError> {
    let root = Root::of(files)?;
    let field = match password {
        RootPassword::Clear(clear) => hash(clear)?,
        RootPassword::Kept(field) if is_field(field) => field.to_owned(),
        // With a ! in front, sshd without PAM lets no key in.
        RootPassword::KeysOnly => "*".to_owned(),
        // An empty field would open the account to everybody.
        RootPassword::Kept(_) | RootPassword::Locked => "!*".to_owned(),
    };
    if root.password != b"x" {
        // A hash in etc/passwd would win over the one in etc/shadow, and every user of the node could read it.
        let passwd = files.read("etc/passwd")?.unwrap_or_default();
        let fixed = with_roots_line(&passwd, |line| {
            let mut fields: Vec<&[u8]> = line.split(|byte| *byte == b':').collect();
            fields[1] = b"x";
            fields.join(&b':')
        });
        files.replace("etc/passwd", &fixed, NewFile::of_root(0o644))?;
    }
    let shadow = files.read("etc/shadow")?.unwrap_or_default();
    let mut taken_off = None;
    let shadow = with_roots_line(&shadow, |line| {
        taken_off = aging(line);
        format!("root:{field}:{}:0:99999:7:::", days_since_1970()).into_bytes()
    });
    files.replace("etc/shadow", &shadow, NewFile::of_root(0o600))?;
    Ok(taken_off)
}

/// Whether a text can stand in a field of `etc/shadow` and lets nobody in without a password.
fn is_field(field: &str) -> bool {
    !field.is_empty() && !field.contains(|c: char| c == ':' || c.is_control())
}

fn days_since_1970() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    // 0 would mean that a new password is wanted at once.
    (since.as_secs() / (24 * 60 * 60)).max(1)
}

/// What in a line of `etc/shadow` would make a password expire, in words.
fn aging(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let fields: Vec<Option<u64>> = line.split(':').map(|field| field.parse().ok()).collect();
    let field = |at: usize| fields.get(at).copied().flatten();
    // passwd(1) writes 99999 for never.
    let often =
        field(4).filter(|days| *days < 9999).map(|days| format!("had to be changed every {days} days"));
    let at_once = (field(2) == Some(0)).then(|| "had to be changed at once".to_owned());
    let end = field(7).map(|day| format!("was closed from day {day} since 1970 on"));
    let all: Vec<String> = [at_once, often, end].into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.split(|byte| *byte == b'\n').filter(|_| !text.is_empty())
}

fn is_roots(line: &[u8]) -> bool {
    line == b"root" || line.starts_with(b"root:")
}

/// The text with root's line made anew, at its place, or before all others (lines that begin with + hand on to other sources) when there was
/// none. Further lines for root are dropped: which of two counts is nobody's business. What is not ours stays, byte for byte.
fn with_roots_line(text: &[u8], mut new: impl FnMut(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let mut out: Vec<Vec<u8>> = Vec::new();
    let mut done = false;
    for line in lines(text) {
        if !is_roots(line) {
            out.push(line.to_owned());
        } else if !done {
            done = true;
            out.push(new(line));
        }
    }
    if !done {
        out.insert(0, new(b""));
    }
    out.push(Vec::new());
    out.join(&b'\n')
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
            let _ = set_root_password(&files, RootPassword::Clear("s3cret: $x")).unwrap();
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
        let _ = set_root_password(&from, RootPassword::Clear("pw")).unwrap();
        let field = root_password_field(&from).unwrap().unwrap();
        let (_new, to) = tree(Some("root:!:19000:0:99999:7:::\n"));
        let _ = set_root_password(&to, RootPassword::Kept(&field)).unwrap();
        assert_eq!(roots_field(&to), field);
        for bad in ["", "a:b", "a\nroot::"] {
            let _ = set_root_password(&to, RootPassword::Kept(bad)).unwrap();
            assert_eq!(roots_field(&to), "!*", "{bad:?}");
        }
    }

    #[test]
    fn without_a_password_the_account_is_locked() {
        let (_dir, files) = tree(Some("root::19000:0:99999:7:::\n"));
        let _ = set_root_password(&files, RootPassword::Locked).unwrap();
        assert_eq!(roots_field(&files), "!*");
    }

    #[test]
    fn what_is_set_does_not_expire_and_what_would_have_is_told() {
        for (before, told) in [
            ("root:!:0:0:99999:7:::", Some("at once")),
            ("root:*:17000:0:60:7:14::", Some("every 60 days")),
            ("root:*:17000:5:99999:7::18000:", Some("from day 18000")),
            ("root:*:19000:0:99999:7:::", None),
            ("root:*:::::::", None),
            ("root:*", None),
        ] {
            for password in [RootPassword::Clear("pw"), RootPassword::KeysOnly, RootPassword::Kept("$6$a$b")]
            {
                let (_dir, files) = tree(Some(&format!("{before}\nbin:*:0:0:60:7:::\n")));
                let said = set_root_password(&files, password).unwrap();
                match told {
                    Some(told) => {
                        assert!(said.as_deref().is_some_and(|said| said.contains(told)), "{before}: {said:?}")
                    }
                    None => assert_eq!(said, None, "{before}"),
                }
                let shadow = files.read_text("etc/shadow").unwrap().unwrap();
                let root: Vec<&str> = shadow.lines().next().unwrap().split(':').collect();
                assert!(root[2].parse::<u64>().unwrap() > 20_000, "{shadow}");
                assert_eq!(root[3..], ["0", "99999", "7", "", "", ""], "{shadow}");
                assert!(shadow.ends_with("bin:*:0:0:60:7:::\n"), "{shadow}");
            }
        }
    }

    #[test]
    fn keys_open_an_account_without_a_password_whatever_looks_at_locks() {
        let (_dir, files) = tree(Some("root:!:19000:0:99999:7:::\n"));
        let _ = set_root_password(&files, RootPassword::KeysOnly).unwrap();
        assert_eq!(roots_field(&files), "*");
    }

    #[test]
    fn root_is_found_among_other_lines_and_they_stay_as_they_are() {
        let (_dir, files) = tree(None);
        let passwd = b"+@admins::::::\nn\xe9:x:7:7:\xff:/:/bin/sh\nroot:*:0:0:root:/home/root:\n+::::::\n";
        files.replace("etc/passwd", passwd, NewFile::of_root(0o644)).unwrap();
        files.replace("etc/shadow", b"n\xe9:*:1::::::\n+::::::::\n", NewFile::of_root(0o600)).unwrap();
        let root = Root::of(&files).unwrap();
        assert_eq!((root.home.as_str(), root.shell.as_str()), ("/home/root", "/bin/sh"));
        let _ = set_root_password(&files, RootPassword::Locked).unwrap();
        let expected = String::from_utf8_lossy(passwd).replace("root:*", "root:x");
        assert_eq!(files.read_text("etc/passwd").unwrap().unwrap(), expected);
        let shadow = files.read("etc/shadow").unwrap().unwrap();
        assert!(
            shadow.starts_with(b"root:!*:") && shadow.ends_with(b"\nn\xe9:*:1::::::\n+::::::::\n"),
            "{shadow:?}"
        );
    }

    #[test]
    fn a_hash_in_passwd_gives_way() {
        let (_dir, files) = tree(None);
        files
            .replace("etc/passwd", b"root:$1$old:0:0:root:/root:/bin/sh\n", NewFile::of_root(0o644))
            .unwrap();
        let _ = set_root_password(&files, RootPassword::Locked).unwrap();
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
