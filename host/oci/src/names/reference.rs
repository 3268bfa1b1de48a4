//! What a registry has, by its address: `HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]`.

use super::{Digest, NameError, RegistryTag, text_type};
use std::{fmt, net::Ipv6Addr, str::FromStr};

/// A host with its port, if one is told: `registry.example:5000`, `[::1]:5000`. Letters are lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host(String);

impl Host {
    /// The host with its port, as it stands in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without its port, and without the brackets of an IPv6 address.
    pub fn name(&self) -> &str {
        match self.0.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, _)) => address,
            None => self.0.split(':').next().unwrap_or_default(),
        }
    }

    /// Whether it is this very machine, by its name alone.
    pub fn is_loopback(&self) -> bool {
        self.name() == "localhost"
            || self.name().parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Host {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = |why| Err(NameError::new("host", text, why));
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) if address.parse::<Ipv6Addr>().is_ok() => {
                (None, rest.strip_prefix(':').or((!rest.is_empty()).then_some("")))
            }
            Some(_) => return refuse("what is in brackets is no IPv6 address"),
            None => match text.split_once(':') {
                Some((name, port)) => (Some(name), Some(port)),
                None => (Some(text), None),
            },
        };
        let is_label = |label: &str| {
            let good = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            good && !label.is_empty() && label.len() < 64 && !label.starts_with('-') && !label.ends_with('-')
        };
        if name.is_some_and(|name| name.len() > 253 || !name.split('.').all(is_label)) {
            return refuse("a host has words of letters, digits and - with dots between them");
        }
        let is_port = |port: &str| !port.starts_with(['0', '+']) && port.parse::<u16>().is_ok();
        if port.is_some_and(|port| !is_port(port)) {
            return refuse("what is after : must be a port, 1 to 65535");
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// A repository of a registry: `images/web01`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RepositoryName(String);

text_type!(RepositoryName, check_repository);

fn check_repository(text: &str) -> Result<(), NameError> {
    let is_part = |part: &str| {
        let mut words = part.split(|c: char| "._-".contains(c));
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let edges = [words.next(), words.next_back()];
        let doubled = part.contains("..") || part.contains("___");
        let mixed = ["._", "_.", ".-", "-.", "_-", "-_"].iter().any(|pair| part.contains(pair));
        !part.is_empty() && part.chars().all(good) && !edges.contains(&Some("")) && !doubled && !mixed
    };
    if text.len() > 255 || !text.split('/').all(is_part) {
        return Err(NameError::new(
            "repository",
            text,
            "it has lower-case letters and digits, with one of . _ - between two of them, in parts with / between them",
        ));
    }
    Ok(())
}

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    /// The one that has this tag now.
    Tag(RegistryTag),
    /// The one that has this digest.
    Digest(Digest),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// A repository in a registry, or a manifest in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegistryReference {
    /// The registry.
    pub host: Host,
    /// The repository in it.
    pub repository: RepositoryName,
    /// The manifest, if one is told.
    pub target: Option<Target>,
}

impl FromStr for RegistryReference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let wrong = |why| NameError::new("address in a registry", text, why);
        if text.contains("://") {
            return Err(wrong("it is written without http:// and https://"));
        }
        let (host, rest) =
            text.split_once('/').ok_or_else(|| wrong("it must be HOST[:PORT]/REPOSITORY[:TAG|@DIGEST]"))?;
        let (repository, target) = if let Some((repository, digest)) = rest.split_once('@') {
            (repository, Some(Target::Digest(digest.parse()?)))
        } else if let Some((repository, tag)) = rest.split_once(':') {
            (repository, Some(Target::Tag(tag.parse()?)))
        } else {
            (rest, None)
        };
        if repository.contains(':') {
            return Err(wrong("it may have a tag or a digest, not both"));
        }
        Ok(Self { host: host.parse()?, repository: repository.parse()?, target })
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.repository)?;
        match &self.target {
            Some(Target::Tag(tag)) => write!(f, ":{tag}"),
            Some(Target::Digest(digest)) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}
