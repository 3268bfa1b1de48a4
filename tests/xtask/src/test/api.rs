//! The package that authors of modules depend on: it builds from what is published of it, and its public API only grows.

use super::report::Report;
use crate::command::{Output, Tool};
use crate::failure::Failure;
use crate::public_api;
use crate::say;
use crate::source_tree::SourceTree;

const SEMVER: &str = "public API: cargo semver-checks";

/// Compares, packs, and asks cargo-semver-checks where it is installed.
pub(crate) fn check(tree: &SourceTree, cargo: &Tool, report: &mut Report) {
    say::step("module API");
    report.check("public API", || public_api::check(tree));
    report.check("packages", || package(cargo));
    // It is no part of a toolchain and takes long to build.
    let semver = cargo.clone().arg("semver-checks").env("CARGO_TARGET_DIR", tree.target.join("semver"));
    if semver.clone().arg("--version").output(Output::Kept).run().is_err() {
        let how = "cargo-semver-checks is not installed (cargo install cargo-semver-checks --locked)";
        return report.skipped(SEMVER, how);
    }
    report.check(SEMVER, || {
        let manifest = tree.root.join("plugin-api/Cargo.toml");
        let told = semver.args(["--manifest-path", manifest.as_str(), "--only-explicit-features"]);
        told.args(["--baseline-root", public_api::baseline(tree)?.as_str()]).minutes(20).run().map(|_| ())
    });
}

/// Packs it and the kit for authors of OS images, which depends on it, and builds what was packed.
fn package(cargo: &Tool) -> Result<(), Failure> {
    let both =
        ["--package", public_api::PACKAGE, "--package", "disklessset-system", "--package", "disklessset-kit"];
    cargo.clone().arg("package").args(both).arg("--allow-dirty").minutes(20).run().map(|_| ())
}
