//! Where requests go: addresses whose origin is known.

use super::RegistryError;
use crate::names::{Host, shown};
use std::fmt;
use ureq::http::{Uri, uri::Scheme};

/// Scheme, host and port: what a login is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    host: Host,
}

impl Origin {
    pub(super) fn new(plain: bool, host: Host) -> Self {
        Self { scheme: if plain { Scheme::HTTP } else { Scheme::HTTPS }, host }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.scheme == Scheme::HTTP
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    /// The same with a port that is told, so that `h` and `h:443` are one.
    fn with_port(&self) -> (String, u16) {
        let default = if self.is_plain() { 80 } else { 443 };
        let port = self.host.as_str().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        (self.host.name().to_owned(), port.unwrap_or(default))
    }

    /// Whether what is for one is for the other.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.with_port() == other.with_port()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)
    }
}

/// An address in an origin.
#[derive(Debug, Clone)]
pub(super) struct OriginPath {
    pub(super) origin: Origin,
    /// Begins with `/`; with the query.
    path: String,
}

impl OriginPath {
    /// A path that we made ourselves, of names that need no escapes.
    pub(super) fn new(origin: &Origin, path: String) -> Self {
        Self { origin: origin.clone(), path }
    }

    /// An address that a server gave, relative to the one that it was asked for.
    pub(super) fn follow(&self, to: &str) -> Result<Self, RegistryError> {
        let astray =
            |why| RegistryError::Astray { host: self.origin.host.to_string(), place: shown(to), why };
        let origin = match to.split_once("://") {
            _ if to.starts_with('/') && !to.starts_with("//") => self.origin.clone(),
            Some(("https", _)) | Some(("http", _)) => {
                let uri: Uri = to.parse().map_err(|_| astray("that is no address"))?;
                let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
                if authority.contains('@') {
                    return Err(astray("an address has no login in it"));
                }
                let host = authority.parse().map_err(|_| astray("that is no address"))?;
                Origin::new(uri.scheme() == Some(&Scheme::HTTP), host)
            }
            _ => return Err(astray("that is no address")),
        };
        let whole: Uri = match to.starts_with('/') {
            true => format!("{origin}{to}").parse(),
            false => to.parse(),
        }
        .map_err(|_| astray("that is no address"))?;
        let path = whole.path_and_query().map_or("/", |path| path.as_str());
        Ok(Self { origin, path: path.to_owned() })
    }

    /// The same with one more part of the query, whose value is escaped.
    pub(super) fn with_query(mut self, key: &str, value: &str) -> Self {
        self.path.push(if self.path.contains('?') { '&' } else { '?' });
        self.path.push_str(key);
        self.path.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~:/,".contains(&byte) {
                self.path.push(char::from(byte));
            } else {
                self.path.push_str(&format!("%{byte:02X}"));
            }
        }
        self
    }

    /// For the request itself.
    pub(super) fn uri(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> OriginPath {
        OriginPath::new(&Origin::new(false, "r.example".parse().unwrap()), "/v2/a".to_owned())
    }

    #[test]
    fn addresses_of_servers_are_followed_from_where_they_were_given() {
        for (to, whole, same) in [
            ("/v2/x?_state=a%2Fb", "https://r.example/v2/x?_state=a%2Fb", true),
            ("https://r.example:443/x", "https://r.example:443/x", true),
            ("https://R.example/x", "https://r.example/x", true),
            ("https://r.example", "https://r.example/", true),
            ("https://r.example:444/x", "https://r.example:444/x", false),
            ("http://r.example/x", "http://r.example/x", false),
            ("https://evil.example/r.example", "https://evil.example/r.example", false),
        ] {
            let there = place().follow(to).unwrap();
            assert_eq!(there.uri(), whole);
            assert_eq!(there.origin.same_as(&place().origin), same, "{to}");
        }
        for bad in [
            "",
            "x",
            "//evil/x",
            "ftp://h/x",
            "https://u:p@h/x",
            "https://",
            "https:///x",
            "file:///etc/passwd",
            "/a b",
            "/a\nb",
        ] {
            assert!(place().follow(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn values_of_queries_are_escaped() {
        let whole = place().with_query("scope", "repository:a/b:pull,push").with_query("service", "a&b=c d%");
        assert_eq!(
            whole.uri(),
            "https://r.example/v2/a?scope=repository:a/b:pull,push&service=a%26b%3Dc%20d%25"
        );
    }
}
