//! The source tree and what cargo knows of it: where it is, which modules it ships, which tests it has.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::command::{Output, Tool};
use crate::failure::Failure;

/// The workspace.
#[derive(Debug)]
pub(crate) struct SourceTree {
    /// Where `Cargo.toml` of the workspace is.
    pub(crate) root: Utf8PathBuf,
    /// Where cargo builds.
    pub(crate) target: Utf8PathBuf,
    packages: Vec<Value>,
}

/// A module that is shipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Module {
    /// The package that builds it.
    pub(crate) package: String,
    /// Its target, `NAME_module`.
    pub(crate) target: String,
}

/// cargo, the one that runs this task.
pub(crate) fn cargo() -> Tool {
    Tool::new(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
}

impl SourceTree {
    /// Asks cargo about the workspace this task belongs to.
    pub(crate) fn find() -> Result<Self, Failure> {
        // cargo sets it for `cargo xtask`; the built-in one serves when the built task is run by itself.
        let own =
            std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let ask = cargo().args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]);
        let ask = ask.arg(format!("{own}/Cargo.toml")).output(Output::Kept);
        let answer = ask.run()?.stdout;
        let parsed: Value =
            serde_json::from_str(&answer).map_err(|cause| Failure::Output { line: ask.line(), cause })?;
        let text = |key: &str| parsed[key].as_str().map(Utf8PathBuf::from);
        match (text("workspace_root"), text("target_directory"), parsed["packages"].as_array()) {
            (Some(root), Some(target), Some(packages)) => {
                Ok(Self { root, target, packages: packages.clone() })
            }
            _ => Err(Failure::Plain(format!("{}: no workspace in its answer", ask.line()))),
        }
    }

    /// A package by name, as `cargo metadata` describes it.
    pub(crate) fn package(&self, name: &str) -> Option<&Value> {
        self.packages.iter().find(|package| package["name"] == name)
    }

    /// The modules that are shipped: shared libraries named `*_module` of packages below `plugins/`.
    pub(crate) fn modules(&self) -> Vec<Module> {
        let plugins = self.root.join("plugins");
        let below = self.packages.iter().filter(|package| {
            package["manifest_path"].as_str().is_some_and(|path| Utf8Path::new(path).starts_with(&plugins))
        });
        let modules = below.flat_map(|package| {
            let targets = package["targets"].as_array().into_iter().flatten();
            targets.filter(|target| has(&target["crate_types"], "cdylib")).filter_map(|target| {
                let name = target["name"].as_str().filter(|name| name.ends_with("_module"))?;
                Some(Module { package: package["name"].as_str()?.to_owned(), target: name.to_owned() })
            })
        });
        modules.collect()
    }

    /// Whether the workspace has a program of that name.
    pub(crate) fn has_program(&self, name: &str) -> bool {
        let targets =
            self.packages.iter().flat_map(|package| package["targets"].as_array().into_iter().flatten());
        targets.into_iter().any(|target| target["name"] == name && has(&target["kind"], "bin"))
    }

    /// Test targets that are not the suite of this package: they belong to the unit tier.
    pub(crate) fn test_targets(&self) -> Vec<String> {
        let targets =
            self.packages.iter().flat_map(|package| package["targets"].as_array().into_iter().flatten());
        let tests = targets.filter(|target| has(&target["kind"], "test"));
        let names = tests.filter_map(|target| target["name"].as_str()).filter(|name| *name != "suite");
        names.map(str::to_owned).collect()
    }
}

fn has(list: &Value, word: &str) -> bool {
    list.as_array().into_iter().flatten().any(|entry| entry == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_modules_are_found_and_what_they_share_is_none() {
        let modules = SourceTree::find().unwrap().modules();
        let named = |name: &str| modules.iter().any(|module| module.target == name);
        assert!(named("demo_module") && named("livenet_module"), "{modules:?}");
        assert!(modules.iter().all(|module| module.package != "disklessset-kit"), "{modules:?}");
    }

    #[test]
    fn programs_are_told_from_libraries() {
        let tree = SourceTree::find().unwrap();
        assert!(tree.has_program("xtask"));
        assert!(!tree.has_program("disklessset_tests"));
    }
}
