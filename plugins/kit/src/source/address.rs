//! Addresses of package repositories. A login in one is kept apart, so that it cannot be shown by accident.

use percent_encoding::percent_decode_str;
use std::{fmt, str::FromStr};
use url::Url;

/// The address of a repository or mirror: `http`, `https` or `file`, in one line, without fragment.
///
/// What is shown and written into an image is the address without its login.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
    login: Option<Login>,
}

/// Who fetches packages: for the private files of package managers only.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// The name.
    pub(super) user: String,
    /// The password; empty when there is none.
    pub(super) password: String,
}

/// Why an address is refused. The address itself is not in it: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The address parser would drop them silently, and package managers would read more than one line.
    #[error("the address of a repository may hold neither blanks nor control characters")]
    Blank,
    /// No address.
    #[error("this is no address of a repository: {0}")]
    Shape(String),
    /// Not fetched by all package managers.
    #[error("repositories are reached by http, https or file, not by {0}")]
    Scheme(String),
    /// It would become part of what is fetched.
    #[error("the address of a repository has neither query nor fragment")]
    Rest,
    /// A login that a private file of a package manager cannot hold.
    #[error("the login in the address of a repository may hold neither blanks nor control characters")]
    Login,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(AddressError::Blank);
        }
        let mut url = Url::parse(text).map_err(|cause| AddressError::Shape(cause.to_string()))?;
        if !["http", "https", "file"].contains(&url.scheme()) {
            return Err(AddressError::Scheme(url.scheme().to_owned()));
        }
        if url.fragment().is_some() || url.query().is_some() {
            return Err(AddressError::Rest);
        }
        if url.scheme() == "file" && url.host().is_some() {
            return Err(AddressError::Shape("file:///PATH names no host".to_owned()));
        }
        let login = take_login(&mut url)?;
        Ok(Self { url, login })
    }
}

fn take_login(url: &mut Url) -> Result<Option<Login>, AddressError> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok(None);
    }
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
    let login = Login {
        user: decoded(url.username()).map_err(|_| AddressError::Login)?,
        password: decoded(url.password().unwrap_or_default()).map_err(|_| AddressError::Login)?,
    };
    let blank = |c: char| c.is_control() || c.is_whitespace();
    if login.user.contains(blank) || login.password.contains(blank) {
        return Err(AddressError::Login);
    }
    let taken = url.set_username("").and_then(|()| url.set_password(None));
    taken.map_err(|()| AddressError::Login)?;
    Ok(Some(login))
}

impl Address {
    /// The login, if there is one.
    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// Whether it lies on this server's own disk.
    pub(super) fn is_local(&self) -> bool {
        self.url.scheme() == "file"
    }

    /// The address of something below this one.
    pub(super) fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_kept_apart_and_never_shown() {
        let address: Address = "https://bob:p%40ss@repo.site:8080/el9/$basearch/os".parse().unwrap();
        assert_eq!(address.to_string(), "https://repo.site:8080/el9/$basearch/os");
        assert!(!format!("{address:?}").contains("bob"));
        let login = address.login().unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str()), ("bob", "p@ss"));
    }

    #[test]
    fn what_would_reach_further_than_an_address_is_refused() {
        for bad in [
            "",
            "/srv/repo",
            "http://a b/",
            "http://a/\nenabled=1",
            "http://a/\tx",
            "ftp://a/",
            "copy:/srv",
            "http://a/?x=1",
            "http://a/#x",
            "file://host/srv",
            "http://u:%0Ax@a/",
            "-o http://a/",
        ] {
            let error = bad.parse::<Address>().expect_err(bad).to_string();
            assert!(!error.contains('\n'), "{error:?}");
        }
    }

    #[test]
    fn addresses_below_have_one_slash() {
        for mirror in ["http://m/rocky", "http://m/rocky/"] {
            assert_eq!(mirror.parse::<Address>().unwrap().below("9/BaseOS"), "http://m/rocky/9/BaseOS");
        }
    }
}
