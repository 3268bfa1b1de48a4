//! The promise of API 1 at the level of sources: what was public in the newest frozen sources of plugin-api is public now, as it was.
//!
//! Both sides are listed by the same code, so that no format of a tool and no committed list can grow old. Layouts are compared by
//! the tests that load modules built from the frozen sources.

mod list;

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::failure::{self, Failure};
use crate::source_tree::SourceTree;

/// The package whose API it is.
pub(crate) const PACKAGE: &str = "disklessset-plugin-api";

/// A minor version, as the folders of `tests/frozen` are named.
type Minor = (u64, u64);

/// Compares the sources with those of the newest version that is frozen.
pub(crate) fn check(tree: &SourceTree) -> Result<(), Failure> {
    let frozen = newest_frozen(tree)?;
    let api = tree.root.join("plugin-api");
    let here = tree.package(PACKAGE).and_then(|package| package["version"].as_str());
    let here = here.ok_or_else(|| Failure::Plain(format!("the workspace has no package {PACKAGE}")))?;
    let (old, new) = (list::of(&frozen.sources)?, list::of(&api.join("src"))?);
    let change = Change::between(&old, &new);
    let path = api.join("CHANGELOG.md");
    let changelog = std::fs::read_to_string(&path).map_err(failure::file("read", &path))?;
    judge(&change, frozen.version, here, &changelog).map_err(Failure::Plain)
}

/// The copy of the sources of plugin-api that the present ones are compared with, as a package of its own.
pub(crate) fn baseline(tree: &SourceTree) -> Result<Utf8PathBuf, Failure> {
    let sources = newest_frozen(tree)?.sources;
    Ok(sources.parent().map(Utf8Path::to_owned).unwrap_or(sources))
}

struct Frozen {
    version: Minor,
    sources: Utf8PathBuf,
}

fn newest_frozen(tree: &SourceTree) -> Result<Frozen, Failure> {
    let place = tree.root.join("tests/frozen");
    let mut found = Vec::new();
    for entry in place.read_dir_utf8().map_err(failure::file("read", &place))? {
        let entry = entry.map_err(failure::file("read", &place))?;
        found.extend(minor(entry.file_name()));
    }
    let version = found.into_iter().max().ok_or_else(|| Failure::Plain(format!("{place} has no version")))?;
    Ok(Frozen { version, sources: place.join(format!("{}.{}/plugin-api/src", version.0, version.1)) })
}

fn minor(version: &str) -> Option<Minor> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// What became of a public API.
#[derive(Debug, Default, PartialEq, Eq)]
struct Change {
    /// What users of the old one would miss.
    broken: Vec<String>,
    added: Vec<String>,
}

impl Change {
    fn between(old: &BTreeSet<String>, new: &BTreeSet<String>) -> Self {
        let gone = old.difference(new).map(|line| format!("gone or changed: {line}"));
        let added: Vec<String> = new.difference(old).cloned().collect();
        // The other side of an old type does not send what it does not know.
        let needed = added.iter().filter(|line| list::must_be_sent(line, old));
        let needed = needed.map(|line| format!("older modules and hosts do not send it: {line}"));
        Self { broken: gone.chain(needed).collect(), added }
    }
}

fn judge(change: &Change, frozen: Minor, here: &str, changelog: &str) -> Result<(), String> {
    let version = minor(here).ok_or_else(|| format!("{PACKAGE} has the version {here}"))?;
    let told = changelog.lines().any(|line| line == format!("## {here}"));
    let (major, least) = frozen;
    let lines = |lines: &[String]| lines.iter().map(|line| format!("\n  {line}")).collect::<String>();
    if !change.broken.is_empty() && version.0 == major {
        return Err(format!(
            "modules written for API {major}.{least} may no longer build or work. Keep what was there and add beside it \
             (CHANGELOG.md of plugin-api has the rules):{}",
            lines(&change.broken)
        ));
    }
    if !change.added.is_empty() && version <= frozen {
        return Err(format!(
            "plugin-api has more than API {major}.{least}, which is frozen: make the version {major}.{}.0 in \
             plugin-api/Cargo.toml, src/api_version.rs and the workspace, and say in CHANGELOG.md what is new:{}",
            least + 1,
            lines(&change.added)
        ));
    }
    if !told {
        return Err(format!("plugin-api/CHANGELOG.md has no section \"## {here}\": say what changed"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "# Changes\n\n## 1.2.0\n\n## 1.1.0\n";

    fn judged(old: &str, new: &str, here: &str) -> Result<(), String> {
        let lists = (list::of_text(old).unwrap(), list::of_text(new).unwrap());
        judge(&Change::between(&lists.0, &lists.1), (1, 1), here, LOG)
    }

    #[test]
    fn the_sources_keep_the_promise() {
        check(&SourceTree::find().unwrap()).unwrap();
    }

    #[test]
    fn what_only_grows_needs_a_version() {
        let old = "pub fn a(x: u8) -> u8 { x } fn hidden() {}";
        let new = "pub fn a(y: u8) -> u8 { y + 1 } fn other() {} pub fn b() {}";
        let error = judged(old, new, "1.1.0").unwrap_err();
        assert!(error.contains("version 1.2.0") && error.ends_with("\n  fn b ()"), "{error}");
        assert_eq!(judged(old, new, "1.2.0"), Ok(()));
        assert_eq!(judged(old, old, "1.1.0"), Ok(()));
        assert!(judged(old, new, "1.3.0").unwrap_err().contains("no section \"## 1.3.0\""));
    }

    #[test]
    fn what_breaks_somebody_is_told_whatever_the_version() {
        for (old, new) in [
            ("pub fn a() {}", "pub(crate) fn a() {}"),
            ("pub fn a() {}", "pub fn a() -> u8 { 1 }"),
            ("pub fn a(x: u8) {}", "pub fn a(x: u16) {}"),
            ("pub use x::{A, B};", "pub use x::A;"),
            ("pub const STEP: &str = \"create\";", "pub const STEP: &str = \"make\";"),
            ("#[derive(Debug, Clone)] pub struct S(u8);", "#[derive(Debug)] pub struct S(u8);"),
            ("pub struct S { pub a: u8 }", "pub struct S { pub a: u8, pub b: u8 }"),
            ("pub enum E { A }", "pub enum E { A, B }"),
            ("pub enum E { A, B(u8) }", "pub enum E { A, B(u16) }"),
            ("pub trait T { fn a(&self); }", "pub trait T { fn a(&self); fn b(&self); }"),
            ("pub trait T { fn a(&self) {} }", "pub trait T { fn a(&self); }"),
            ("pub struct S; impl S { pub fn a(&self) {} }", "pub struct S; impl S { fn a(&self) {} }"),
            ("pub struct S; impl Drop for S {}", "pub struct S;"),
            (
                "#[macro_export] macro_rules! m { (a) => {}; (b) => {} }",
                "#[macro_export] macro_rules! m { (a) => {} }",
            ),
            (
                "#[derive(Serialize)] pub struct S { a: u8 }",
                "#[derive(Serialize)] pub struct S { #[serde(rename = \"b\")] a: u8 }",
            ),
            (
                "#[derive(Deserialize)] #[non_exhaustive] pub struct S { a: u8 }",
                "#[derive(Deserialize)] #[non_exhaustive] pub struct S { a: u8, b: u8 }",
            ),
        ] {
            let error = judged(old, new, "1.2.0").expect_err(new);
            assert!(error.contains("may no longer build or work"), "{new}: {error}");
            assert_eq!(
                judged(old, new, "2.0.0"),
                Err("plugin-api/CHANGELOG.md has no section \"## 2.0.0\": say what changed".to_owned())
            );
        }
    }

    #[test]
    fn what_may_grow_within_a_major_version_is_no_break() {
        for (old, new) in [
            ("pub trait T { fn a(&self); }", "pub trait T { fn a(&self); fn b(&self) {} }"),
            ("#[non_exhaustive] pub enum E { A }", "#[non_exhaustive] pub enum E { A, B }"),
            ("pub enum E { #[serde(other)] U }", "pub enum E { A, #[serde(other)] U }"),
            (
                "#[sabi_trait] pub trait T { fn a(&self); }",
                "#[sabi_trait] pub trait T { fn a(&self); fn b(&self) {} }",
            ),
            (
                "#[derive(Deserialize)] #[non_exhaustive] pub struct S { a: u8 }",
                "#[derive(Deserialize)] #[non_exhaustive] pub struct S { a: u8, #[serde(default)] b: u8 }",
            ),
            ("pub mod m { pub fn a() {} }", "pub mod m { pub fn a() {} pub mod n { pub const X: u8 = 1; } }"),
            ("", "#[derive(Deserialize)] #[non_exhaustive] pub struct New { a: u8 }"),
            ("#[cfg(test)] pub fn a() {} #[doc(hidden)] pub fn b() {}", ""),
        ] {
            assert_eq!(judged(old, new, "1.2.0"), Ok(()), "{new}");
        }
    }
}
