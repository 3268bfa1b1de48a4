//! Where packages come from when it is not from what the server itself uses.

use super::{Source, address::Address};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Arguments, Error, Image, Result};
use std::{fmt, io::Write as _, os::unix::fs::OpenOptionsExt, str::FromStr};

/// The most that is read of a repository file or a key.
const MOST: u64 = 1 << 20;

/// One repository: an address, and for apt the suite and its components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repo {
    /// Where it is.
    pub address: Address,
    /// `bookworm main contrib`, or `./` for a repository without suites; empty for dnf.
    pub suite: Vec<String>,
}

impl FromStr for Repo {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.chars().any(char::is_control) {
            return Err(Error::usage("a repository is one line without control characters"));
        }
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        let address = words.next().unwrap_or_default().parse::<Address>();
        let suite: Vec<String> = words.map(str::to_owned).collect();
        let mark = |c: char| c.is_ascii_alphanumeric() || "./_+-".contains(c);
        let first = |c: char| c.is_ascii_alphanumeric() || c == '.';
        if let Some(bad) = suite.iter().find(|word| !word.starts_with(first) || !word.chars().all(mark)) {
            return Err(Error::usage(format!("{bad:?} is neither a suite nor a component of a repository")));
        }
        Ok(Self { address: address.map_err(|cause| Error::usage(cause.to_string()))?, suite })
    }
}

impl fmt::Display for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        self.suite.iter().try_for_each(|word| write!(f, " {word}"))
    }
}

/// A file of the user's and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct TextFile {
    /// Where it was read.
    pub path: Utf8PathBuf,
    /// What it says.
    pub text: String,
}

impl fmt::Debug for TextFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A repository file may hold a password.
        write!(f, "TextFile({})", self.path)
    }
}

impl TextFile {
    /// Reads a small regular file.
    fn read(path: Utf8PathBuf, what: &str) -> Result<Self> {
        let fault =
            |cause: &dyn fmt::Display| Error::usage(format!("cannot read {what} {path}")).because(cause);
        let metadata = path.metadata().map_err(|cause| fault(&cause))?;
        if !metadata.is_file() || metadata.len() > MOST {
            return Err(fault(&"it is not a file of at most 1 MiB"));
        }
        let text = std::fs::read_to_string(&path).map_err(|cause| fault(&cause))?;
        Ok(Self { text, path })
    }

    fn read_key(path: Utf8PathBuf) -> Result<Self> {
        let key = Self::read(path, "the signing key")?;
        if !key.text.trim_start().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
            return Err(Error::usage(format!("{} is no public key in armoured form", key.path))
                .hint("gpg --armor --export KEY makes one"));
        }
        Ok(key)
    }
}

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

    /// Refuses what this source could not use, before anything is made.
    ///
    /// # Errors
    /// What cannot be used, and what could.
    pub fn check(&self, source: &Source) -> Result<()> {
        match source {
            Source::Apt => self.check_files(&["sources", "list"], "apt"),
            Source::Dnf => {
                super::dnf::check_repositories(self)?;
                if let Some(repo) = self.repos.iter().find(|repo| !repo.suite.is_empty()) {
                    return Err(Error::usage(format!(
                        "a repository for dnf is an address and nothing else: {repo}"
                    )));
                }
                self.check_files(&["repo"], "dnf")?;
                super::dnf::check_trust(self)
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

    /// Whether apt refused a repository on this server's disk that has an index of packages, and nothing that could be signed: elsewhere a
    /// missing index looks the same.
    fn index_is_unsigned(&self, error: &Error) -> bool {
        let refused = |place: &Utf8Path| {
            let says = |line: &String| {
                line.contains("does not have a Release file") && line.contains(place.as_str())
            };
            error.causes.iter().any(says)
        };
        self.repos.iter().filter(|repo| repo.suite.first().is_some_and(|suite| suite.starts_with('.'))).any(
            |repo| {
                let address = repo.address.to_string();
                let Some(place) = address.strip_prefix("file://") else { return false };
                let place = Utf8Path::new(place.trim_end_matches('/'));
                let has = |name: &str| place.join(name).is_file();
                let index = ["Packages", "Packages.gz", "Packages.xz", "Packages.bz2"].into_iter().any(has);
                index && !has("Release") && !has("InRelease") && refused(place)
            },
        )
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

fn has_login(word: &str) -> bool {
    let authority = word.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// What a tool says of packages and indexes that nobody has signed, in its own words. apt says so, too, when it could not check a signature
/// for whatever reason ([`NOT_CHECKED`]).
const UNSIGNED: [&str; 2] = ["is not signed", "isn't signed"];
/// What apt says then.
const NOT_CHECKED: [&str; 1] = ["GPG error"];
/// What it says when somebody has, and the key is not at hand or not the right one. That is no reason to give up signatures.
const OTHER_KEY: [&str; 7] = [
    "NO_PUBKEY",
    "GPG check FAILED",
    "public key is not available",
    "Public key for",
    "are not correct for this package",
    "signatures couldn't be verified",
    "signatures were invalid",
];
/// What apt says when an address has no release, or nothing at all.
const NO_RELEASE: [&str; 3] = ["does not have a Release file", "no longer has a Release file", "404 "];

/// Adds what to do when a tool refused packages: unsigned ones are offered only where it said exactly that they are not signed.
pub(super) fn with_hint(error: Error, repositories: &Repositories) -> Error {
    let says = |words: &[&str]| error.causes.iter().any(|line| words.iter().any(|word| line.contains(word)));
    let signed = repositories.trust == Trust::Signed;
    if repositories.are_the_servers() {
        return match says(&NO_RELEASE) {
            true => {
                error.hint("see whether --release names a release that the server's own package sources have")
            }
            false => error,
        };
    }
    let unsigned = says(&UNSIGNED) && !says(&NOT_CHECKED);
    if signed && (unsigned || repositories.index_is_unsigned(&error)) {
        error.hint("name the key that signs the packages with --signing-key FILE, or accept unsigned ones with --unsigned")
    } else if signed && says(&OTHER_KEY) {
        error.hint("name the key that signs the packages with --signing-key FILE")
    } else if says(&NO_RELEASE) {
        error.hint("see whether the addresses of --repo and --mirror are right, and have the release that --release names")
    } else {
        error
    }
}

/// Writes a new file that only its owner reads: repositories may have logins.
pub(super) fn write_private(file: &Utf8Path, text: &str) -> Result<()> {
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    made.and_then(|mut made| made.write_all(text.as_bytes()))
        .map_err(|cause| Error::failed(format!("cannot write {file}")).because(cause))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<Repositories> {
        Repositories::from_arguments(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn a_repository_cannot_bring_options_along() {
        let repo: Repo = "http://u:p@a/debian bookworm main non-free-firmware".parse().unwrap();
        assert_eq!(repo.to_string(), "http://a/debian bookworm main non-free-firmware");
        assert_eq!("file:///srv/repo ./".parse::<Repo>().unwrap().suite, ["./"]);
        for bad in
            ["", "[trusted=yes] http://a/ x", "http://a/ x\nTrusted: yes", "http://a/ -x", "http://a/ [x]"]
        {
            assert!(bad.parse::<Repo>().is_err(), "{bad:?}");
        }
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

    /// A hint is followed: it must not give up signatures for what has another cause.
    #[test]
    fn unsigned_packages_are_offered_only_where_nobody_signed() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().to_str().unwrap();
        std::fs::File::create(dir.path().join("Packages")).unwrap();
        let flat = format!("file://{place} ./");
        let missing = format!("E: The repository 'file:{place} ./ Release' does not have a Release file.");
        let nowhere = "E: The repository 'http://a nosuch Release' does not have a Release file.";
        let key = "name the key that signs the packages with --signing-key FILE";
        for (given, said, hint) in [
            (json!({"repositories": ["http://a/ nosuch main"]}), nowhere, Some("addresses of --repo")),
            (
                json!({"mirror": "http://a/"}),
                "404  Not Found [IP: 127.0.0.1 80]",
                Some("addresses of --repo"),
            ),
            (json!({}), nowhere, Some("whether --release")),
            (json!({"repositories": [flat]}), missing.as_str(), Some("accept unsigned ones with --unsigned")),
            (json!({"repositories": ["http://a/"]}), "Package x.rpm is not signed", Some("--unsigned")),
            (json!({"repositories": ["http://a/ x"]}), "InRelease: NO_PUBKEY 0123", Some(key)),
            (
                json!({"repositories": ["http://a/ x"]}),
                "The following signatures were invalid: BADSIG 01",
                Some(key),
            ),
            (
                json!({"mirror": "http://a/"}),
                "E: The repository 'x' is not signed: W: GPG error: cannot create a file",
                None,
            ),
            (json!({"repositories": ["http://a/"]}), "Curl error: signature of the universe", None),
            (json!({"repositories": ["http://a/"], "unsigned": true}), "Package x.rpm is not signed", None),
        ] {
            let error = with_hint(Error::failed("dnf failed").because(said), &read(given.clone()).unwrap());
            match hint {
                None => assert_eq!(error.hint, None, "{said}"),
                Some(hint) => assert!(error.hint.clone().unwrap().contains(hint), "{said}: {error:?}"),
            }
            let loosens = error.hint.is_some_and(|hint| hint.contains("--unsigned"));
            assert_eq!(loosens, hint.is_some_and(|hint| hint.contains("--unsigned")), "{given}: {said}");
        }
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
