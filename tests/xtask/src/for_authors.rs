//! Installs the sources that module authors build with, so that `module new` makes projects that build without this source tree.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::install;
use serde_json::Value;

use crate::command::{Output, Tool};
use crate::dist::{copy, make_dirs, write_file};
use crate::failure::{self, Failure};
use crate::source_tree::{SourceTree, cargo};

/// Where they lie below `--dest`; the program looks for them beside its own directory.
const SHARE: &str = "usr/share/disklessset";

/// A package whose sources are installed.
struct Shipped {
    package: &'static str,
    /// Its directory in the source tree.
    from: &'static str,
    /// Its directory below [`SHARE`].
    to: &'static str,
}

const SHIPPED: [Shipped; 4] = [
    Shipped { package: "disklessset-plugin-api", from: "plugin-api", to: "plugin-api" },
    Shipped { package: "disklessset-plugin-api-derive", from: "plugin-api/derive", to: "plugin-api-derive" },
    Shipped { package: "disklessset-system", from: "plugin-api/system", to: "system" },
    Shipped { package: "disklessset-kit", from: "plugins/kit", to: "kit" },
];
/// What stands beside the sources of a package, where it does.
const BESIDE: [&str; 2] = ["README.md", "CHANGELOG.md"];

/// Installs sources, manifests of their own and the versions that were tested.
pub(crate) fn install(tree: &SourceTree, dest: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    for shipped in &SHIPPED {
        let package = tree
            .package(shipped.package)
            .ok_or_else(|| Failure::Plain(format!("the workspace has no package {}", shipped.package)))?;
        let place = format!("{SHARE}/{}", shipped.to);
        let from = tree.root.join(shipped.from);
        copy(&from.join("src"), dest, &format!("{place}/src"))?;
        for file in BESIDE.iter().map(|name| from.join(name)).filter(|file| file.is_file()) {
            install::file(&file, &dest.join(&place).join(file.file_name().unwrap_or_default()), 0o644)?;
        }
        write_file(&manifest(package), dest, &format!("{place}/Cargo.toml"))?;
    }
    let share = dest.join(SHARE);
    for (to, named) in [("plugin-api", &["plugin-api"][..]), ("kit", &["plugin-api", "kit"])] {
        write_file(&versions(tree, &share, named)?, dest, &format!("{SHARE}/{to}/Cargo.lock"))?;
    }
    Ok(share)
}

/// A manifest that needs no workspace: what it took from ours is written out, and packages of ours lie beside it.
fn manifest(package: &Value) -> String {
    let plain = |key: &str| package[key].as_str().unwrap_or_default();
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion = \"{}\"\nedition = \"{}\"\nrust-version = \"{}\"\nlicense = \"{}\"\npublish = false\n\n\
         [features]\n",
        plain("name"),
        plain("version"),
        plain("edition"),
        plain("rust_version"),
        plain("license"),
    );
    let is_macro =
        |target: &Value| target["kind"].as_array().is_some_and(|kinds| kinds.contains(&"proc-macro".into()));
    if package["targets"].as_array().into_iter().flatten().any(is_macro) {
        text = text.replace("[features]\n", "[lib]\nproc-macro = true\n\n[features]\n");
    }
    for (name, needs) in package["features"].as_object().into_iter().flatten() {
        text.push_str(&format!("{name} = {needs}\n"));
    }
    text.push_str("\n[dependencies]\n");
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    for dependency in dependencies.filter(|dependency| dependency["kind"].is_null()) {
        let name = dependency["name"].as_str().unwrap_or_default();
        match SHIPPED.iter().find(|shipped| shipped.package == name) {
            Some(beside) => text.push_str(&format!("{name} = {{ path = \"../{}\" }}\n", beside.to)),
            None => text.push_str(&format!(
                "{name} = {{ version = {}, default-features = {}, features = {} }}\n",
                dependency["req"], dependency["uses_default_features"], dependency["features"]
            )),
        }
    }
    text
}

/// The versions of all that a module is built of that names the packages installed here, those of this source
/// tree: cargo's own list, without the module.
fn versions(tree: &SourceTree, share: &Utf8Path, named: &[&str]) -> Result<String, Failure> {
    const OWN: &str = "name-of-a-module";
    let place = tempfile::tempdir().map_err(|cause| Failure::Plain(cause.to_string()))?;
    let place =
        Utf8Path::from_path(place.path()).ok_or_else(|| Failure::Plain("TMPDIR is not UTF-8".to_owned()))?;
    make_dirs(place, "src")?;
    let share = camino::absolute_utf8(share).map_err(failure::file("find", share))?;
    let mut text = format!(
        "[package]\nname = \"{OWN}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n"
    );
    for shipped in SHIPPED.iter().filter(|shipped| named.contains(&shipped.to)) {
        text.push_str(&format!("{} = {{ path = \"{}\" }}\n", shipped.package, share.join(shipped.to)));
    }
    write_file(&text, place, "Cargo.toml")?;
    write_file("", place, "src/lib.rs")?;
    let lock = place.join("Cargo.lock");
    install::file(&tree.root.join("Cargo.lock"), &lock, 0o644)?;
    // Only what this machine builds with has been downloaded for certain: nothing of other systems.
    let platform = host_platform()?;
    let resolve = ["metadata", "--offline", "--format-version", "1", "--filter-platform", &platform];
    let _ = cargo().dir(place).args(resolve).minutes(5).output(Output::Kept).run()?;
    let text = std::fs::read_to_string(&lock).map_err(failure::file("read", &lock))?;
    let own = format!("name = \"{OWN}\"\n");
    Ok(text.split("\n\n").filter(|block| !block.contains(&own)).collect::<Vec<_>>().join("\n\n"))
}

/// What the compiler calls the machine that it runs on.
fn host_platform() -> Result<String, Failure> {
    let told = Tool::new("rustc").arg("-vV").output(Output::Kept).run()?.stdout;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| Failure::Plain(format!("rustc does not tell its machine: {told}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_stands_by_itself() {
        let tree = SourceTree::find().unwrap();
        let of = |shipped: &Shipped| manifest(tree.package(shipped.package).unwrap());
        let api = of(&SHIPPED[0]);
        assert!(api.contains("name = \"disklessset-plugin-api\"\nversion = \"1."), "{api}");
        assert!(
            api.contains("abi_stable = { version = \"=0.11.3\", default-features = false, features = [] }"),
            "{api}"
        );
        assert!(api.contains("disklessset-plugin-api-derive = { path = \"../plugin-api-derive\" }"), "{api}");
        let derive = of(&SHIPPED[1]);
        assert!(derive.contains("[lib]\nproc-macro = true\n") && !api.contains("proc-macro"), "{derive}");
        let kit = of(&SHIPPED[3]);
        assert!(kit.contains("disklessset-system = { path = \"../system\" }"), "{kit}");
        for text in [api, derive, kit] {
            assert!(!text.contains("workspace") && !text.contains("disklessset-tests"), "{text}");
        }
    }
}
