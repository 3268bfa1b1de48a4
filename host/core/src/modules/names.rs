//! Names of modules and classes that can only be good ones.

use std::fmt;

use disklessset_plugin_api::BUILT_IN_SOURCES;
use serde::Serialize;

/// First words of the command line that belong to the host; no module may be named like one of them.
pub const HOST_COMMANDS: [&str; 32] = [
    "list",
    "show",
    "diff",
    "log",
    "verify",
    "prove",
    "create",
    "rebuild",
    "apply",
    "remove",
    "clone",
    "versions",
    "release",
    "rollback",
    "tag",
    "prune",
    "push",
    "pull",
    "mirror",
    "clean",
    "clear",
    "kernel",
    "node",
    "pool",
    "assign",
    "boot",
    "module",
    "doctor",
    "serve",
    "completion",
    "manual",
    "help",
];

/// Words that no module may be named like, as the host is going to have commands or pages of help of these names.
const RESERVED: [&str; 11] = [
    "config",
    "configuration",
    "export",
    "files",
    "import",
    "login",
    "logout",
    "parameters",
    "report",
    "status",
    "untag",
];

/// The source of trees for which the kit asks the host. The API was frozen before there was one.
const REGISTRY: &str = "registry";
const MOST_BYTES: usize = 64;
const MOST_BYTES_OF_A_SOURCE: usize = 32;

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} {rule}")]
pub struct NameRefused {
    what: &'static str,
    name: String,
    rule: &'static str,
}

/// The name of a module: its command and the first part of its file name.
///
/// Lower case letters, digits, `-` and `_`, a letter first, at most 64 bytes, and no command of the host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ModuleName(String);

impl ModuleName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`NameRefused`] with the rule that was broken.
    pub fn parse(name: &str) -> Result<Self, NameRefused> {
        let refuse = |rule| Err(refused("module name", name, rule));
        if let Err(rule) = length_and_start(name, |c| c.is_ascii_lowercase()) {
            return refuse(rule.unwrap_or("must start with a lower case letter"));
        }
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_') {
            return refuse("may have lower case letters, digits, - and _ only");
        }
        if HOST_COMMANDS.contains(&name) {
            return refuse("is a command of disklessset itself");
        }
        if RESERVED.contains(&name) {
            return refuse("is kept for disklessset itself");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of the module's file: `NAME_module.so`, with `_` for every `-`.
    pub fn file_name(&self) -> String {
        format!("{}_module.so", self.0.replace('-', "_"))
    }
}

/// The name of a class of images, as it stands in `image_data.yml`.
///
/// ASCII letters, digits and `_`, a letter first, at most 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ClassName(String);

impl ClassName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`NameRefused`] with the rule that was broken.
    pub fn parse(name: &str) -> Result<Self, NameRefused> {
        let refuse = |rule| Err(refused("class name", name, rule));
        if let Err(rule) = length_and_start(name, |c| c.is_ascii_alphabetic()) {
            return refuse(rule.unwrap_or("must start with a letter"));
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return refuse("may have letters, digits and _ only");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ClassName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a source of OS trees, as `--source` has it.
///
/// Lower case letters and digits, a letter first, at most 32 bytes, and no source that every class has. Names of its parameters begin with it
/// and an underscore, so it has none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SourceName(String);

impl SourceName {
    /// Parses a name.
    ///
    /// # Errors
    /// [`NameRefused`] with the rule that was broken.
    pub fn parse(name: &str) -> Result<Self, NameRefused> {
        let refuse = |rule| Err(refused("name of a source", name, rule));
        if let Err(rule) = length_and_start(name, |c| c.is_ascii_lowercase()) {
            return refuse(rule.unwrap_or("must start with a lower case letter"));
        }
        if name.len() > MOST_BYTES_OF_A_SOURCE {
            return refuse("is longer than 32 bytes");
        }
        if !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return refuse("may have lower case letters and digits only");
        }
        if BUILT_IN_SOURCES.contains(&name) || name == REGISTRY {
            return refuse("is a source of disklessset itself");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `Err(None)` stands for a wrong first character, whose rule differs.
fn length_and_start(name: &str, start: impl Fn(char) -> bool) -> Result<(), Option<&'static str>> {
    match name.chars().next() {
        None => Err(Some("is empty")),
        Some(_) if name.len() > MOST_BYTES => Err(Some("is longer than 64 bytes")),
        Some(first) if !start(first) => Err(None),
        Some(_) => Ok(()),
    }
}

fn refused(what: &'static str, name: &str, rule: &'static str) -> NameRefused {
    NameRefused { what, name: name.chars().take(40).collect(), rule }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_commands_will_have_are_kept_for_them() {
        for word in RESERVED {
            let refused = ModuleName::parse(word).unwrap_err().to_string();
            assert_eq!(refused, format!("module name {word:?} is kept for disklessset itself"));
        }
        assert!(ModuleName::parse("nodes").is_ok());
    }

    #[test]
    fn good_names_are_kept_and_name_their_file() {
        for name in ["demo", "nfs", "my-images", "a1_b"] {
            assert_eq!(ModuleName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(ModuleName::parse("my-images").unwrap().file_name(), "my_images_module.so");
        for name in ["DemoImage", "X", "a_1"] {
            assert_eq!(ClassName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn bad_names_are_refused_with_the_rule() {
        for (name, rule) in [
            ("", "is empty"),
            ("Demo", "must start with a lower case letter"),
            ("-x", "must start with"),
            ("1x", "must start with"),
            ("a/b", "letters, digits, - and _ only"),
            ("a.b", "only"),
            ("a\nb", "only"),
            ("list", "is a command of disklessset itself"),
            ("help", "is a command"),
            (&"x".repeat(65), "longer than 64"),
        ] {
            let error = ModuleName::parse(name).unwrap_err().to_string();
            assert!(error.contains(rule), "{name:?}: {error}");
            assert!(!error.contains('\n'), "one line: {error:?}");
        }
        for (name, rule) in [
            ("", "is empty"),
            ("Zypper", "must start with a lower case letter"),
            ("my-source", "lower case letters and digits only"),
            ("a_b", "lower case letters and digits only"),
            ("tree", "is a source of disklessset itself"),
            (&"x".repeat(33), "longer than 32"),
        ] {
            let error = SourceName::parse(name).unwrap_err().to_string();
            assert!(error.contains(rule), "{name:?}: {error}");
        }
        assert_eq!(SourceName::parse("pacman2").unwrap().as_str(), "pacman2");
        for name in ["", "1Image", "_x", "A B", "A-B", "É", "A\u{1b}[2J", &"x".repeat(65)] {
            assert!(ClassName::parse(name).is_err(), "{name:?}");
        }
    }
}
