//! What a source could not use of what was said, refused before anything is made.

use super::Repositories;
use crate::source::{Source, dnf};
use disklessset_plugin_api::{Error, Result};

impl Repositories {
    /// Refuses what this source could not use, before anything is made.
    ///
    /// # Errors
    /// What cannot be used, and what could.
    pub fn check(&self, source: &Source) -> Result<()> {
        match source {
            Source::Apt => self.check_files(&["sources", "list"], "apt"),
            Source::Dnf => {
                dnf::check_repositories(self)?;
                if let Some(repo) = self.repos.iter().find(|repo| !repo.suite.is_empty()) {
                    return Err(Error::usage(format!(
                        "a repository for dnf is an address and nothing else: {repo}"
                    )));
                }
                self.check_files(&["repo"], "dnf")?;
                dnf::check_trust(self)
            }
            Source::Module(module) if !self.are_silent() => Err(Error::usage(format!(
                "--repo, --mirror, --repo-file, --signing-key and --unsigned are for apt and dnf: the source {} has parameters of its own",
                module.name()
            ))),
            _ => Ok(()),
        }
    }

    fn check_files(&self, endings: &[&str], tool: &str) -> Result<()> {
        for file in &self.files {
            if !file.path.extension().is_some_and(|ending| endings.contains(&ending)) {
                return Err(Error::usage(format!(
                    "{} is no repository file of {tool}: its name must end in .{}",
                    file.path,
                    endings.join(" or .")
                )));
            }
            // It would be shown by the tool, and with apt be part of the image.
            if file.text.split_whitespace().any(has_login) {
                return Err(Error::usage(format!("{} has a password in an address", file.path)).hint(
                    "a .repo file has username= and password= for it; for apt give the address with --repo",
                ));
            }
        }
        Ok(())
    }
}

fn has_login(word: &str) -> bool {
    let authority = word.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<Repositories> {
        Repositories::from_arguments(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn what_a_source_cannot_use_is_refused_early() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), text.as_bytes()).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let list = path("a.list", "deb http://a/ x main\n");
        let login = path("login.sources", "URIs: http://u:p@a/\n");
        for (source, given, said) in [
            (
                Source::Dnf,
                json!({"repositories": ["http://a/ bookworm main"]}),
                "an address and nothing else",
            ),
            (Source::Dnf, json!({"repository_files": [list]}), "must end in .repo"),
            (Source::Apt, json!({"repository_files": [login]}), "a password in an address"),
            (Source::Dnf, json!({"repositories": ["http://a/"]}), "no signing key"),
        ] {
            let error = read(given).unwrap().check(&source).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        assert!(
            read(json!({"repositories": ["http://a/"], "unsigned": true}))
                .unwrap()
                .check(&Source::Dnf)
                .is_ok()
        );
        assert!(read(json!({"unsigned": true})).is_err());
        let error = read(json!({"signing_keys": [path("key", "binary")]})).unwrap_err();
        assert!(error.to_string().contains("armoured"), "{error}");
    }
}
