//! The modules of `tests/authors`: a workspace of their own, built when a test first asks for them.
#![allow(clippy::disallowed_methods, reason = "cargo is run as an author runs it")]

use std::process::Command;
use std::sync::OnceLock;

use camino::Utf8Path;

use crate::run;

/// Builds them beside the modules of the workspace, with the third-party crates that are built already, so that
/// [`crate::root::TestRoot::drop_in`] finds them. Panics with what cargo said when they do not build.
pub fn build() {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let manifest = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("authors/Cargo.toml");
        let directory = run::build_dir();
        let target = directory.parent().expect("a profile's directory lies in cargo's target directory");
        let mut cargo = Command::new(env!("CARGO"));
        let _ = cargo.args(["build", "--locked", "--manifest-path", manifest.as_str()]);
        let _ = cargo.args(["--target-dir", target.as_str()]);
        if directory.file_name() == Some("release") {
            let _ = cargo.arg("--release");
        }
        let output = cargo.output().expect("cargo runs: it runs this test");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    });
}
