//! Signatures with a key of the site: detached CMS signatures, as iPXE's `imgverify` takes them.
//!
//! The program `openssl` makes and checks them. So the key never enters this process, and what iPXE documents is what
//! happens, option by option; a library for CMS would have to be right about each of them as well.

use crate::{
    configuration::SigningKeys,
    failure,
    system::{FileError, command::Tool, files, layout::Layout, trusted_path},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Result};
use std::os::unix::fs::MetadataExt;

/// What signs the files of a site, and tells whether they are signed.
#[derive(Debug, Clone)]
pub struct Signer {
    key: Utf8PathBuf,
    certificate: Utf8PathBuf,
    /// Certificates between it and what nodes trust.
    chain: Option<Utf8PathBuf>,
    /// Where judging who may change the key begins: what is above is the user's choice.
    root: Utf8PathBuf,
}

impl Signer {
    /// The signer of a site: its files lie below the root, as all places of the configuration do.
    pub(crate) fn new(keys: &SigningKeys, layout: &Layout) -> Self {
        Self {
            key: layout.inside(&keys.key),
            certificate: layout.inside(&keys.certificate),
            chain: keys.chain.as_ref().map(|chain| layout.inside(chain)),
            root: layout.root().to_owned(),
        }
    }

    /// Writes the signature of `file` to `signature`, with mode 0644, on disk.
    ///
    /// # Errors
    /// When the key is not safe or openssl fails.
    pub fn sign(&self, file: &Utf8Path, signature: &Utf8Path) -> Result<()> {
        self.key_must_be_safe()?;
        let mut tool = Tool::new("openssl")
            .args(["cms", "-sign", "-binary", "-noattr", "-md", "sha256", "-outform", "DER"])
            .args(["-in", file.as_str(), "-out", signature.as_str()])
            .args(["-signer", self.certificate.as_str(), "-inkey", self.key.as_str()]);
        if let Some(chain) = &self.chain {
            tool = tool.args(["-certfile", chain.as_str()]);
        }
        // An action that a signal stops completes the record of what stays, and signs it.
        tool.despite_signals().run().map_err(|error| {
            failure::of_tool(error)
                .context(format!("cannot sign {file}"))
                .hint("look at `signing` in the configuration")
        })?;
        files::set_mode(signature, 0o644).and_then(|()| files::sync_path(signature)).map_err(failure::of)?;
        // What nodes would refuse must not come into service, whatever openssl said of it.
        let checked = self.check(file, signature).despite_signals().run().map_err(failure::of_tool)?;
        if checked.code == 0 {
            return Ok(());
        }
        Err(Error::failed(format!("openssl ended well, and {signature} is no signature of {file}")))
    }

    /// Whether `signature` is one of `file` by this certificate.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn is_signed(&self, file: &Utf8Path, signature: &Utf8Path) -> Result<bool> {
        for needed in [file, signature, &self.certificate] {
            std::fs::File::open(needed).map_err(|cause| failure::of(FileError::of("read", needed)(cause)))?;
        }
        Ok(self.check(file, signature).run().map_err(failure::of_tool)?.code == 0)
    }

    /// Ends with 0 when the signature is good: by this certificate and no other, what else is in it is not looked at.
    fn check(&self, file: &Utf8Path, signature: &Utf8Path) -> Tool<'_> {
        Tool::new("openssl")
            .args(["cms", "-verify", "-binary", "-inform", "DER", "-noverify", "-nointern"])
            .args(["-certfile", self.certificate.as_str()])
            .args(["-in", signature.as_str(), "-content", file.as_str(), "-out", "/dev/null"])
            // 2: no signature at all, 4: another one.
            .accept(&[2, 4])
    }

    /// Whether the certificate is still valid now.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_current(&self) -> Result<bool> {
        let certificate = self.certificate.as_str();
        // Exit code 1 means both: no certificate, and one that has expired.
        let readable = ["x509", "-noout", "-in", certificate];
        Tool::new("openssl").args(readable).run().map_err(|error| {
            failure::of_tool(error).context(format!("cannot read the certificate {certificate}"))
        })?;
        let current = ["x509", "-noout", "-checkend", "0", "-in", certificate];
        let checked = Tool::new("openssl").args(current).accept(&[1]).run().map_err(failure::of_tool)?;
        Ok(checked.code == 0)
    }

    /// Refuses a key that others can read or could have put there: what it signs would say nothing.
    ///
    /// # Errors
    /// What is at fault, and what to do.
    pub fn key_must_be_safe(&self) -> Result<()> {
        let key = &self.key;
        let refused = |cause: &dyn std::fmt::Display| {
            Error::refused(format!("the signing key {key} cannot be relied on")).because(cause)
        };
        let seen =
            std::fs::symlink_metadata(key).map_err(|cause| failure::of(FileError::of("read", key)(cause)))?;
        if !seen.is_file() {
            return Err(refused(&"it is not a regular file"));
        }
        if seen.mode() & 0o077 != 0 {
            let mode = seen.mode() & 0o7777;
            return Err(
                refused(&format!("others may use it (mode {mode:04o})")).hint(format!("chmod 0600 {key}"))
            );
        }
        // Its owner, and who could put another key in its place.
        let from = match self.root.as_str() {
            "/" => trusted_path::From::Top,
            _ => trusted_path::From::Directory(&self.root),
        };
        trusted_path::audit(key, from).map(drop).map_err(|cause| refused(&cause))
    }

    /// The certificate, for messages.
    pub fn certificate(&self) -> &Utf8Path {
        &self.certificate
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    /// A key with a certificate that is valid for so many days.
    fn signer(dir: &Utf8Path, name: &str, days: &str) -> Signer {
        let (key, certificate) = (dir.join(format!("{name}.key")), dir.join(format!("{name}.crt")));
        Tool::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=site", "-days", days])
            .args(["-keyout", key.as_str(), "-out", certificate.as_str()])
            .run()
            .unwrap();
        Signer { key, certificate, chain: None, root: "/".into() }
    }

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let base = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, base)
    }

    #[test]
    fn a_signature_is_of_one_file_by_one_key() {
        let (_dir, base) = place();
        let (ours, other) = (signer(&base, "ours", "2"), signer(&base, "other", "2"));
        let (file, signature) = (base.join("file"), base.join("file.sig"));
        std::fs::write(&file, "content\r\nwith lines\n").unwrap();
        ours.sign(&file, &signature).unwrap();
        assert_eq!(signature.metadata().unwrap().permissions().mode() & 0o7777, 0o644);
        assert!(ours.is_signed(&file, &signature).unwrap());
        assert!(!other.is_signed(&file, &signature).unwrap(), "by another key");
        std::fs::write(&file, "content\nwith lines\n").unwrap();
        assert!(!ours.is_signed(&file, &signature).unwrap(), "of another file");
        std::fs::write(&signature, "no signature").unwrap();
        assert!(!ours.is_signed(&file, &signature).unwrap(), "of no kind");
        assert!(ours.is_signed(&file, &base.join("nothing")).is_err());
    }

    #[test]
    fn a_certificate_expires() {
        let (_dir, base) = place();
        assert!(signer(&base, "new", "2").is_current().unwrap());
        let mut none = signer(&base, "none", "2");
        none.certificate = base.join("nothing");
        assert!(none.is_current().is_err());
    }

    #[test]
    fn a_key_that_others_can_use_or_change_is_refused() {
        let (_dir, base) = place();
        let ours = signer(&base, "ours", "2");
        ours.key_must_be_safe().unwrap();
        let mode =
            |path: &Utf8Path, mode| std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        mode(&ours.key, 0o640);
        let error = ours.key_must_be_safe().unwrap_err();
        assert!(error.hint.unwrap().contains("chmod 0600"));
        mode(&ours.key, 0o600);
        mode(&base, 0o777);
        let error = ours.key_must_be_safe().unwrap_err();
        assert!(error.causes[0].contains("written by others"), "{:?}", error.causes);
        mode(&base, 0o755);
        let mut link = ours.clone();
        link.key = base.join("link");
        std::os::unix::fs::symlink(&ours.key, &link.key).unwrap();
        assert!(link.key_must_be_safe().is_err());
        let file = base.join("file");
        std::fs::write(&file, "").unwrap();
        assert!(link.sign(&file, &base.join("sig")).is_err(), "signing looks first");
    }
}
