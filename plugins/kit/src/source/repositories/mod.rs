//! Where packages come from when it is not from what the server itself uses.

mod hint;
mod repo;
mod text_file;
mod usable;

pub(super) use hint::with_hint;
pub use repo::Repo;
pub use text_file::TextFile;

use super::address::Address;
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Arguments, Error, Image, Result};

/// Whether packages must be signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trust {
    /// They must.
    #[default]
    Signed,
    /// The user said that they need not be.
    Unsigned,
}

/// All that a user can say about where packages come from. When nothing is said, they come from the server's own sources.
#[derive(Debug, Clone, Default)]
pub struct Repositories {
    /// Repositories by address.
    pub repos: Vec<Repo>,
    /// A mirror of the distribution.
    pub mirror: Option<Address>,
    /// Files in the package manager's own form.
    pub files: Vec<TextFile>,
    /// Keys that sign the repositories and the mirror.
    pub keys: Vec<TextFile>,
    /// Whether signatures are demanded.
    pub trust: Trust,
}

impl Repositories {
    /// Reads the parameters of [`crate::os_tree::params::repositories`].
    ///
    /// # Errors
    /// When one of them cannot be used, or a file cannot be read.
    pub fn from_arguments(args: &Arguments) -> Result<Self> {
        let list = |name: &str| args.get::<Vec<String>>(name).map(Option::unwrap_or_default);
        let paths = |name: &str| list(name).map(|paths| paths.into_iter().map(Utf8PathBuf::from));
        let mirror = args.get::<String>("mirror")?.map(|text| text.parse::<Address>()).transpose();
        let wished = Self {
            repos: list("repositories")?.iter().map(|text| text.parse()).collect::<Result<_>>()?,
            mirror: mirror.map_err(|cause| Error::usage(cause.to_string()))?,
            files: paths("repository_files")?
                .map(|path| TextFile::read(path, "the repository file"))
                .collect::<Result<_>>()?,
            keys: paths("signing_keys")?.map(TextFile::read_key).collect::<Result<_>>()?,
            trust: if args.flag("unsigned") { Trust::Unsigned } else { Trust::Signed },
        };
        if wished.trust == Trust::Unsigned && !wished.keys.is_empty() {
            return Err(Error::usage("--unsigned and --signing-key exclude each other")
                .hint("a --repo-file can say for each of its repositories whether it is signed"));
        }
        if wished.are_the_servers() && !wished.are_silent() {
            return Err(Error::usage(
                "--signing-key and --unsigned are about --repo, --mirror and --repo-file: none is given",
            )
            .hint("for the server's own sources its own configuration says what is signed"));
        }
        Ok(wished)
    }

    /// Whether packages come from what the server itself uses.
    pub fn are_the_servers(&self) -> bool {
        self.repos.is_empty() && self.mirror.is_none() && self.files.is_empty()
    }

    /// Whether nothing was said at all.
    pub fn are_silent(&self) -> bool {
        self.are_the_servers() && self.keys.is_empty() && self.trust == Trust::Signed
    }

    /// What an image's record says of it; no login is in it.
    pub fn record(&self, image: &mut Image) {
        let list = |image: &mut Image, name: &str, all: Vec<String>| {
            if !all.is_empty() {
                image.set(name, all);
            }
        };
        let paths = |files: &[TextFile]| files.iter().map(|file| file.path.to_string()).collect();
        list(image, "repositories", self.repos.iter().map(ToString::to_string).collect());
        list(image, "repository_files", paths(&self.files));
        list(image, "signing_keys", paths(&self.keys));
        if let Some(mirror) = &self.mirror {
            image.set("mirror", mirror.to_string());
        }
        if self.trust == Trust::Unsigned {
            image.set("unsigned", true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<Repositories> {
        Repositories::from_arguments(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn no_login_gets_into_a_record() {
        let given = json!({"repositories": ["http://bob:secret@a/"], "mirror": "https://bob:secret@m/", "unsigned": true});
        let name = disklessset_plugin_api::ImageName::parse("web").unwrap();
        let mut image = Image::new(name, "C", std::collections::BTreeMap::new(), "/nowhere");
        let repositories = read(given).unwrap();
        repositories.record(&mut image);
        let kept = format!("{:?} {repositories:?}", image.attributes());
        assert!(kept.contains("http://a/") && kept.contains("https://m/"), "{kept}");
        assert!(!kept.contains("secret") && !kept.contains("bob"), "{kept}");
    }
}
