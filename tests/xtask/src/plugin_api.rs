//! Installs the sources of plugin-api, so that `module new` makes projects that build without this source tree.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::install;
use serde_json::Value;

use crate::dist::make_dirs;
use crate::failure::{self, Failure};
use crate::source_tree::SourceTree;

/// Where they lie below `--dest`; the program looks for them beside its own directory.
const PLACE: &str = "usr/share/disklessset/plugin-api";
const PACKAGE: &str = "disklessset-plugin-api";

/// Installs sources, a manifest of their own and the versions that were tested.
pub(crate) fn install(tree: &SourceTree, dest: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    let package = tree
        .package(PACKAGE)
        .ok_or_else(|| Failure::Plain(format!("the workspace has no package {PACKAGE}")))?;
    let place = dest.join(PLACE);
    make_dirs(dest, PLACE)?;
    copy(&tree.root.join("plugin-api/src"), dest, &format!("{PLACE}/src"))?;
    for (from, to) in [("plugin-api/CHANGELOG.md", "CHANGELOG.md"), ("Cargo.lock", "Cargo.lock")] {
        install::file(&tree.root.join(from), &place.join(to), 0o644)?;
    }
    let manifest = tempfile::NamedTempFile::new().map_err(|cause| Failure::Plain(cause.to_string()))?;
    let path = Utf8Path::from_path(manifest.path())
        .ok_or_else(|| Failure::Plain("TMPDIR is not UTF-8".to_owned()))?;
    std::io::Write::write_all(&mut manifest.as_file(), text(package).as_bytes())
        .map_err(failure::file("write", path))?;
    install::file(path, &place.join("Cargo.toml"), 0o644)?;
    Ok(place)
}

fn copy(from: &Utf8Path, dest: &Utf8Path, to: &str) -> Result<(), Failure> {
    make_dirs(dest, to)?;
    for entry in from.read_dir_utf8().map_err(failure::file("read", from))? {
        let entry = entry.map_err(failure::file("read", from))?;
        let below = format!("{to}/{}", entry.file_name());
        if entry.path().is_dir() {
            copy(entry.path(), dest, &below)?;
        } else {
            install::file(entry.path(), &dest.join(below), 0o644)?;
        }
    }
    Ok(())
}

/// A manifest that needs no workspace: what it took from ours is written out.
fn text(package: &Value) -> String {
    let plain = |key: &str| package[key].as_str().unwrap_or_default();
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion = \"{}\"\nedition = \"{}\"\nrust-version = \"{}\"\nlicense = \"{}\"\npublish = false\n\n\
         [workspace]\n\n[features]\ntesting = []\n\n[dependencies]\n",
        plain("name"),
        plain("version"),
        plain("edition"),
        plain("rust_version"),
        plain("license"),
    );
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    for dependency in dependencies.filter(|dependency| dependency["kind"].is_null()) {
        text.push_str(&format!(
            "{} = {{ version = {}, default-features = {}, features = {} }}\n",
            dependency["name"].as_str().unwrap_or_default(),
            dependency["req"],
            dependency["uses_default_features"],
            dependency["features"]
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_stands_by_itself() {
        let tree = SourceTree::find().unwrap();
        let text = text(tree.package(PACKAGE).unwrap());
        assert!(text.contains("name = \"disklessset-plugin-api\"\nversion = \"1."), "{text}");
        assert!(
            text.contains("abi_stable = { version = \"=0.11.3\", default-features = false, features = [] }"),
            "{text}"
        );
        assert!(!text.contains("workspace = true"), "{text}");
    }
}
