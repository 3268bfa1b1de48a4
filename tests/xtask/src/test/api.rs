//! The packages that authors of modules depend on build from what is published of them.

use super::report::Report;
use crate::command::Tool;
use crate::failure::Failure;
use crate::say;

const PACKAGES: [&str; 3] = ["disklessset-plugin-api", "disklessset-system", "disklessset-kit"];

/// Packs them, and builds what was packed.
pub(crate) fn check(cargo: &Tool, report: &mut Report) {
    say::step("module API");
    report.check("packages", || package(cargo));
}

fn package(cargo: &Tool) -> Result<(), Failure> {
    let named = PACKAGES.iter().flat_map(|name| ["--package", name]);
    cargo.clone().arg("package").args(named).arg("--allow-dirty").minutes(20).run().map(|_| ())
}
