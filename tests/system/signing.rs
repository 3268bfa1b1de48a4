//! A throw-away key that signs repositories of a test.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Program;

use super::small::put;

/// The key, in a place of its own: `gpg` keeps sockets there, whose paths may not be long.
pub(super) struct Key<'a> {
    root: &'a TestRoot,
    home: tempfile::TempDir,
    /// Its public part, armoured.
    pub(super) public: Utf8PathBuf,
}

/// How a signature beside a file is written.
#[derive(Clone, Copy)]
pub(super) enum SignatureForm {
    /// As repositories of RPMs have it.
    Armoured,
    /// As pacman has it.
    Binary,
}

impl<'a> Key<'a> {
    #[track_caller]
    pub(super) fn make(root: &'a TestRoot) -> Self {
        let home = tempfile::Builder::new().prefix("key-").tempdir_in("/tmp").unwrap();
        let name = home.path().file_name().unwrap().to_string_lossy().into_owned();
        let key = Self { root, home, public: root.beside().join(format!("signing {name}.asc")) };
        let new = ["--quick-gen-key", "Test <test@example.org>", "rsa2048", "sign", "never"];
        let _ = key.gpg(&new).run().expect_done();
        let public = key.gpg(&["--armor", "--export"]).run().expect_done().stdout;
        put(&key.public, public.as_bytes(), 0o644);
        key
    }

    fn tool(&self, name: &str, args: &[&str]) -> Program {
        self.root.tool(name, args).env("GNUPGHOME", self.home.path())
    }

    fn gpg(&self, args: &[&str]) -> Program {
        self.tool("gpg", &[&["--batch", "--quiet", "--passphrase", ""], args].concat())
    }

    /// Signs all RPMs of a directory.
    #[track_caller]
    pub(super) fn sign_packages(&self, repo: &Utf8Path) {
        let packages = self.root.tool("find", &[repo.as_str(), "-name", "*.rpm"]).run().expect_done();
        let define =
            ["--define", "__gpg /usr/bin/gpg", "--define", "_gpg_name test@example.org", "--addsign"];
        let sign = self.tool("rpmsign", &define).args(packages.stdout.lines());
        let _ = sign.limit(Duration::from_secs(120)).run().expect_done();
    }

    /// Signs a file into a signature of its own.
    #[track_caller]
    pub(super) fn sign_beside(&self, file: &Utf8Path, signature: &Utf8Path, form: SignatureForm) {
        let armour: &[&str] = match form {
            SignatureForm::Armoured => &["--armor"],
            SignatureForm::Binary => &[],
        };
        let sign = ["--detach-sign", "--output", signature.as_str(), file.as_str()];
        let _ = self.gpg(&[armour, &sign].concat()).run().expect_done();
    }

    /// Signs a text into a new file, as apt wants its `InRelease`.
    #[track_caller]
    pub(super) fn sign_text(&self, text: &Utf8Path, signed: &Utf8Path) {
        let _ = self.gpg(&["--clearsign", "--output", signed.as_str(), text.as_str()]).run().expect_done();
    }
}

impl Drop for Key<'_> {
    fn drop(&mut self) {
        // Its agent ends by itself too, when its directory is gone.
        let _ = self.tool("gpgconf", &["--kill", "all"]).run();
    }
}
