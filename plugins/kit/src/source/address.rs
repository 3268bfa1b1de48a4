//! Addresses of package repositories. A login in one is kept apart, so that it cannot be shown by accident.

use fluent_uri::{Uri, component::Authority};
use std::{fmt, str::FromStr};

/// The address of a repository or mirror: `http`, `https` or `file`, in one line, without fragment.
///
/// What is shown and written into an image is the address without its login.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Everything but the login.
    shown: String,
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
    /// Package managers would read more than one line, or an option.
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
        let uri = Uri::parse(text).map_err(|cause| AddressError::Shape(cause.to_string()))?;
        let scheme = uri.scheme().as_str().to_ascii_lowercase();
        if !["http", "https", "file"].contains(&scheme.as_str()) {
            return Err(AddressError::Scheme(scheme));
        }
        if uri.fragment().is_some() || uri.query().is_some() {
            return Err(AddressError::Rest);
        }
        let local = scheme == "file";
        let authority = uri.authority();
        let host = authority.map_or("", |authority| authority.host());
        if local != host.is_empty() || (local && !uri.path().as_str().starts_with('/')) {
            return Err(AddressError::Shape(
                "write http://HOST/PATH, https://HOST/PATH or file:///PATH".to_owned(),
            ));
        }
        let port =
            authority.and_then(|authority| authority.port()).map_or(String::new(), |port| format!(":{port}"));
        let login = authority.map(login_of).transpose()?.flatten();
        Ok(Self { shown: format!("{scheme}://{host}{port}{}", uri.path()), login })
    }
}

fn login_of(authority: Authority<'_>) -> Result<Option<Login>, AddressError> {
    let Some(info) = authority.userinfo() else { return Ok(None) };
    let (user, password) =
        info.split_once(':').map_or((info, None), |(user, password)| (user, Some(password)));
    let decoded = |text: &fluent_uri::pct_enc::EStr<_>| {
        let text = text.decode().to_string().map_err(|_| AddressError::Login)?.into_owned();
        let blank = text.contains(|c: char| c.is_control() || c.is_whitespace());
        if blank { Err(AddressError::Login) } else { Ok(text) }
    };
    Ok(Some(Login { user: decoded(user)?, password: password.map(decoded).transpose()?.unwrap_or_default() }))
}

impl Address {
    /// Whether somebody's name or password is in it.
    pub fn has_login(&self) -> bool {
        self.login.is_some()
    }

    /// The login, if there is one.
    pub(super) fn login(&self) -> Option<&Login> {
        self.login.as_ref()
    }

    /// The address of something below this one.
    pub(super) fn below(&self, path: &str) -> String {
        format!("{}/{path}", self.shown.trim_end_matches('/'))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.shown)
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
