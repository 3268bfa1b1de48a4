//! Modules of earlier versions of the module API, built from the sources that are frozen in `tests/frozen`.

use std::process::Command;
use std::sync::Once;

use camino::{Utf8Path, Utf8PathBuf};

use crate::run;

/// Each minor version that is frozen, and the short name of the module built with it.
pub const MODULES: [(&str, &str); 3] = [("1.0", "frozen"), ("1.1", "frosted"), ("1.2", "rimed")];

/// The sources of a minor version and its module.
pub fn sources(minor: &str) -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("frozen").join(minor)
}

/// Builds the modules, for [`run::built_module`]; what they are made of is shared with this build.
#[track_caller]
#[allow(clippy::disallowed_methods, reason = "cargo needs the environment of its caller")]
pub fn build() {
    static BUILT: Once = Once::new();
    BUILT.call_once(|| {
        for (minor, _) in MODULES {
            let target = run::build_dir();
            let target = target.parent().expect("a profile lies below the target directory");
            let output = Command::new(env!("CARGO"))
                .args(["build", "--locked", "--target-dir", target.as_str()])
                .current_dir(sources(minor))
                // The profile of the workspace, so that the same dependencies are taken.
                .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
                .output()
                .expect("cargo built this test");
            assert!(output.status.success(), "API {minor}: {}", String::from_utf8_lossy(&output.stderr));
        }
    });
}
