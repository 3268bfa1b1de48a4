//! Whose signature a module file has: signatures of SSH keys, which every sysadmin has and `ssh-keygen` makes and checks.
//!
//! A signature is a file beside the module, `FILE.sig`, made by `ssh-keygen -Y sign -n disklessset-module -f KEY FILE`. The
//! keys that a site trusts lie in `/etc/disklessset/trusted-modules.d`, one `NAME.pub` each.

use std::{fs::File, io::Write};

use camino::{Utf8Path, Utf8PathBuf};

use super::refusal::Refusal;
use super::trust::{Trust, Untrusted};
use crate::failure;
use crate::module_files::{Register, Signer};
use crate::system::{
    FileError, atomic_file,
    command::{CommandError, Tool},
    layout::Layout,
};

/// What signatures are made for: one made for a letter is none for a module.
pub const NAMESPACE: &str = "disklessset-module";
const TOOL: &str = "ssh-keygen";
/// The most a file with keys may hold, in bytes.
const MOST_BYTES: u64 = 64 * 1024;

/// What a signature came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signature {
    /// Good, of a key the site trusts.
    Trusted(Signer),
    /// Good, of a key the site does not trust.
    Unknown,
    /// There is no signature.
    Missing,
    /// There is one, and the site trusts no key: it was not looked at.
    NotChecked,
}

/// Why a signature cannot be accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// It does not belong to this file.
    #[error("{signature} is no signature of this file: {cause}")]
    Wrong {
        /// The file of the signature.
        signature: Utf8PathBuf,
        /// What the tool said.
        cause: String,
    },
    /// A key that others could have put there.
    #[error("a key of a signer is not trusted: {0}")]
    Key(#[from] Untrusted),
    /// The tool failed.
    #[error("cannot check the signature: {0}")]
    Tool(String),
    /// The system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The keys whose signatures a site trusts.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys {
    keys: Vec<Signer>,
}

impl TrustedKeys {
    /// Reads the keys of a site.
    ///
    /// # Errors
    /// When a file cannot be read, or others can write to it.
    pub fn read(layout: &Layout) -> Result<Self, SignatureError> {
        let directory = layout.trusted_keys_dir();
        let mut trust = Trust::new();
        let mut keys = Vec::new();
        let found = match directory.read_dir_utf8() {
            Ok(found) => found,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(FileError::of("read directory", &directory)(cause).into()),
        };
        let mut files: Vec<Utf8PathBuf> = found.flatten().map(camino::Utf8DirEntry::into_path).collect();
        files.sort();
        for file in files {
            let Some(name) = file.file_name().and_then(|name| name.strip_suffix(".pub")) else { continue };
            trust.check(&file)?;
            let text = String::from_utf8_lossy(&atomic_file::read_bounded(&file, MOST_BYTES)?).into_owned();
            keys.extend(text.lines().filter_map(key_of).map(|key| Signer { name: plain(name), key }));
        }
        Ok(Self { keys })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a key is still among them.
    pub fn trusts(&self, signer: &Signer) -> bool {
        self.keys.iter().any(|key| key.key == signer.key)
    }

    /// Checks the signature of a file.
    ///
    /// # Errors
    /// [`SignatureError::Wrong`] for a signature of something else, whoever made it.
    pub fn check(&self, file: &Utf8Path, signature: &Utf8Path) -> Result<Signature, SignatureError> {
        if signature.symlink_metadata().is_err() {
            return Ok(Signature::Missing);
        }
        if self.is_empty() {
            return Ok(Signature::NotChecked);
        }
        let open = || File::open(file).map_err(FileError::of("read", file));
        // First the signature alone, whoever made it: a wrong one is worse than none.
        let about_it = ["-n", NAMESPACE, "-s", signature.as_str()];
        let alone = Tool::new(TOOL).args(["-Y", "check-novalidate"]).args(about_it).stdin_file(open()?);
        alone.capture_stdout(4096).run().map_err(|cause| judged(signature, &cause))?;
        let mut allowed = tempfile::NamedTempFile::new().map_err(of_temporary)?;
        for (number, key) in self.keys.iter().enumerate() {
            writeln!(allowed, "{number} namespaces=\"{NAMESPACE}\" {}", key.key).map_err(of_temporary)?;
        }
        let keys = allowed.path().as_os_str();
        let found = Tool::new(TOOL).args(["-Y", "find-principals", "-s", signature.as_str(), "-f"]).arg(keys);
        // 255 stands for "none", and for every fault; the signature itself was found good.
        let found = found.accept(&[255]).capture_stdout(4096).run().map_err(of_tool)?;
        let text = String::from_utf8_lossy(&found.stdout).into_owned();
        let number = text.lines().next().and_then(|line| line.trim().parse::<usize>().ok());
        let Some((number, signer)) = number.and_then(|number| Some((number, self.keys.get(number)?))) else {
            return Ok(Signature::Unknown);
        };
        let whose =
            Tool::new(TOOL).args(["-Y", "verify"]).args(about_it).args(["-I", &number.to_string(), "-f"]);
        let whose = whose.arg(keys).stdin_file(open()?).capture_stdout(4096);
        whose.run().map_err(|cause| judged(signature, &cause))?;
        Ok(Signature::Trusted(signer.clone()))
    }
}

/// The rule of a site that requires signatures: a module is used when it is still the file that was installed with a signature
/// of a key that is still trusted.
///
/// Its signature was checked when it was installed; since then its record, which only root can write, vouches for it. So a
/// listing needs no tool, and reads no file that nobody has touched.
#[derive(Debug)]
pub struct Signed {
    known: Result<(Register, TrustedKeys), String>,
}

impl Signed {
    /// The rule of a site.
    pub fn of(layout: &Layout) -> Self {
        let register = Register::read(layout).map_err(|error| format!("{error}: {}", error.source));
        let keys = TrustedKeys::read(layout).map_err(|error| error.to_string());
        Self { known: register.and_then(|register| Ok((register, keys?))) }
    }

    /// Whether a file may be used.
    ///
    /// # Errors
    /// [`Refusal::Unsigned`].
    pub(super) fn judge(&self, file: &Utf8Path) -> Result<(), Refusal> {
        let unsigned = |cause: &str| Err(Refusal::Unsigned { cause: cause.to_owned() });
        let (register, keys) = match &self.known {
            Ok(known) => known,
            Err(cause) => return unsigned(cause),
        };
        let Some(record) = register.of(file) else {
            return unsigned("it was not installed with `module install`");
        };
        match &record.signed_by {
            None => unsigned("it was installed without one"),
            Some(signer) if !keys.trusts(signer) => {
                unsigned(&format!("the key of {} is no longer trusted", signer.name))
            }
            Some(_) => match record.is_still(file) {
                Ok(true) => Ok(()),
                Ok(false) => unsigned("it is no longer the file that was installed"),
                Err(error) => unsigned(&failure::one_line(&error)),
            },
        }
    }
}

/// The key of a line of a `.pub` file: its kind and its text, without the comment.
fn key_of(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (kind, text) = (words.next()?, words.next()?);
    let sound = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+/=.@_".contains(&byte))
    };
    (!kind.starts_with('#') && sound(kind) && sound(text)).then(|| format!("{kind} {text}"))
}

/// A file name as part of a line.
fn plain(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

fn judged(signature: &Utf8Path, cause: &CommandError) -> SignatureError {
    match cause {
        CommandError::Failed { .. } => {
            let text = cause.to_string();
            let said = text.lines().last().unwrap_or_default().trim().to_owned();
            SignatureError::Wrong { signature: signature.to_owned(), cause: said }
        }
        other => SignatureError::Tool(other.to_string()),
    }
}

fn of_tool(cause: CommandError) -> SignatureError {
    SignatureError::Tool(cause.to_string().lines().next().unwrap_or_default().to_owned())
}

fn of_temporary(cause: std::io::Error) -> SignatureError {
    SignatureError::Tool(format!("cannot write a temporary file: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_key_file_gives_a_key_or_nothing() {
        let key = "ssh-ed25519 AAAAC3Nz+/=";
        assert_eq!(key_of(&format!("{key} somebody@somewhere")).as_deref(), Some(key));
        for line in ["", "# a comment", "ssh-ed25519", "cert-authority,x=\"y\" AAAA", "ssh-rsa AA\"A"] {
            assert_eq!(key_of(line), None, "{line}");
        }
    }
}
