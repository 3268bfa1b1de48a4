//! The packages that authors of modules depend on build from what is published of them.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::report::Report;
use crate::command::Tool;
use crate::failure::{self, Failure};
use crate::say;
use crate::source_tree::SourceTree;

const PACKAGES: [&str; 4] =
    ["disklessset-plugin-api-derive", "disklessset-plugin-api", "disklessset-system", "disklessset-kit"];

/// Packs them, and builds what was packed.
pub(crate) fn check(tree: &SourceTree, cargo: &Tool, report: &mut Report) {
    say::step("module API");
    report.check("packages", || packages(tree, cargo));
}

/// cargo's own check unpacks them below the caller's cargo home, by version: what a run on another state of the sources has left there
/// would be taken for these. So they are unpacked and built here, each with the others beside it.
fn packages(tree: &SourceTree, cargo: &Tool) -> Result<(), Failure> {
    let named = PACKAGES.iter().flat_map(|name| ["--package", name]);
    let pack = cargo.clone().arg("package").args(named).args(["--allow-dirty", "--no-verify"]);
    let _ = pack.minutes(10).run()?;
    let place =
        tempfile::tempdir_in(&tree.target).map_err(failure::file("make a directory in", &tree.target))?;
    let place = Utf8Path::from_path(place.path())
        .ok_or_else(|| Failure::Plain("the target directory is not UTF-8".into()))?;
    let mut members = Vec::new();
    for name in PACKAGES {
        members.push((name, unpacked(tree, name, place)?));
    }
    let manifest = place.join("Cargo.toml");
    std::fs::File::create_new(&manifest)
        .and_then(|mut file| file.write_all(workspace(&members).as_bytes()))
        .map_err(failure::file("write", &manifest))?;
    let lock = place.join("Cargo.lock");
    std::fs::copy(tree.root.join("Cargo.lock"), &lock).map_err(failure::file("write", &lock))?;
    let build = cargo.clone().args(["build", "--workspace", "--target-dir", tree.target.as_str()]);
    build.dir(place).minutes(20).run().map(|_| ())
}

/// The name of the directory that a package was unpacked to.
fn unpacked(tree: &SourceTree, name: &str, place: &Utf8Path) -> Result<String, Failure> {
    let version = tree.package(name).and_then(|package| package["version"].as_str());
    let version = version.ok_or_else(|| Failure::Plain(format!("the workspace has no package {name}")))?;
    let packed: Utf8PathBuf = tree.target.join(format!("package/{name}-{version}.crate"));
    let _ = Tool::new("tar").args(["-xzf", packed.as_str(), "-C", place.as_str()]).minutes(1).run()?;
    Ok(format!("{name}-{version}"))
}

fn workspace(members: &[(&str, String)]) -> String {
    let listed =
        members.iter().map(|(_, directory)| format!("\"{directory}\"")).collect::<Vec<_>>().join(", ");
    let beside = members.iter().map(|(name, directory)| format!("{name} = {{ path = \"{directory}\" }}\n"));
    format!(
        "[workspace]\nresolver = \"3\"\nmembers = [{listed}]\n\n[patch.crates-io]\n{}",
        beside.collect::<String>()
    )
}
