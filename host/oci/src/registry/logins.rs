//! Logins, from the files in which podman, skopeo and docker keep them.

use super::{RegistryError, secret::Secret};
use crate::names::{Host, RepositoryName};
use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::durable;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The largest file of logins that is read.
const MOST: u64 = 1 << 20;

/// Base64 as these files have it, with or without its padding.
pub(super) const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A user and a password for a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    user: String,
    password: Secret,
}

impl Login {
    /// The value of a header `Authorization`.
    pub(super) fn basic(&self) -> Secret {
        Secret::new(format!("Basic {}", BASE64.encode(format!("{}:{}", self.user, self.password.reveal()))))
    }
}

/// Logins for registries. Printed, it shows no password.
#[derive(Debug, Clone, Default)]
pub struct Logins {
    files: Vec<BTreeMap<String, Login>>,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

impl Logins {
    /// No logins: what anybody may have.
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of the user who runs this: of `REGISTRY_AUTH_FILE`, or `containers/auth.json` in its places, then of docker's
    /// `config.json`. Files that are not there are fine. Helper programs that some of them name are not run.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn of_user() -> Result<Self, RegistryError> {
        Self::in_order(&places(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())))
    }

    /// Those in these files; in the first one that has a login for a registry, it counts.
    ///
    /// # Errors
    /// A file that is there and cannot be read.
    pub fn in_order(paths: &[Utf8PathBuf]) -> Result<Self, RegistryError> {
        let mut files = Vec::new();
        for path in paths {
            // Such a file often is a link to where a user keeps all settings.
            match path.canonicalize_utf8() {
                Ok(real) => files.push(read(path, &real)?),
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
                Err(cause) => return Err(setting(path, cause.kind().to_string())),
            }
        }
        Ok(Self { files })
    }

    /// The login for a repository: one for the repository, for what it lies in, or for the whole registry.
    pub(super) fn find(&self, host: &Host, repository: Option<&RepositoryName>) -> Option<&Login> {
        let whole = match repository {
            Some(repository) => format!("{host}/{repository}"),
            None => host.to_string(),
        };
        self.files.iter().find_map(|file| {
            let mut key = whole.as_str();
            loop {
                let found = file.get(key);
                match key.rsplit_once('/') {
                    _ if found.is_some() => return found,
                    Some((shorter, _)) => key = shorter,
                    // Docker's own registry goes by another name there.
                    None if key == "docker.io" => return file.get("index.docker.io"),
                    None => return None,
                }
            }
        })
    }
}

fn places(variable: &dyn Fn(&str) -> Option<String>) -> Vec<Utf8PathBuf> {
    let home = variable("HOME").map(Utf8PathBuf::from);
    let under = |name: &str, below: &str| variable(name).map(|dir| Utf8PathBuf::from(dir).join(below));
    let at_home = |below: &str| home.as_ref().map(|home| home.join(below));
    let containers = match variable("REGISTRY_AUTH_FILE") {
        Some(file) => vec![Some(file.into())],
        None => vec![
            under("XDG_RUNTIME_DIR", "containers/auth.json")
                .or_else(|| Some(format!("/run/containers/{}/auth.json", rustix::process::getuid()).into())),
            under("XDG_CONFIG_HOME", "containers/auth.json")
                .or_else(|| at_home(".config/containers/auth.json")),
        ],
    };
    let docker = under("DOCKER_CONFIG", "config.json").or_else(|| at_home(".docker/config.json"));
    containers.into_iter().chain([docker]).flatten().collect()
}

fn setting(path: &Utf8Path, why: impl Into<String>) -> RegistryError {
    RegistryError::Setting { path: path.to_owned(), why: why.into() }
}

fn read(path: &Utf8Path, real: &Utf8Path) -> Result<BTreeMap<String, Login>, RegistryError> {
    let text = durable::read_bounded(real, MOST).map_err(|error| setting(path, error.source.to_string()))?;
    // The message of the parser would show what stands there.
    let file: File = serde_json::from_slice(&text)
        .map_err(|cause| setting(path, format!("line {} is not as such a file has it", cause.line())))?;
    let mut logins = BTreeMap::new();
    for (key, entry) in file.auths {
        let broken = || setting(path, "one of its logins is no USER:PASSWORD in base64");
        let login = match (entry.auth.filter(|auth| !auth.is_empty()), entry.username, entry.password) {
            (Some(auth), ..) => {
                let text = BASE64.decode(auth.trim()).map_err(|_| broken())?;
                let text = String::from_utf8(text).map_err(|_| broken())?;
                let (user, password) = text.split_once(':').ok_or_else(broken)?;
                // Docker once wrote NUL characters behind it.
                Login {
                    user: user.to_owned(),
                    password: Secret::new(password.trim_end_matches('\0').to_owned()),
                }
            }
            (None, Some(user), Some(password)) => Login { user, password: Secret::new(password) },
            // A helper program has it.
            _ => continue,
        };
        logins.insert(registry_of(&key), login);
    }
    Ok(logins)
}

/// `https://index.docker.io/v1/` is `index.docker.io`.
fn registry_of(key: &str) -> String {
    let key = key.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    key.trim_end_matches("/v1").trim_end_matches("/v2").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> (tempfile::TempDir, Utf8PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(place.path()).unwrap().join("auth.json");
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        (place, path)
    }

    fn login(user: &str, password: &str) -> Login {
        Login { user: user.to_owned(), password: Secret::new(password.to_owned()) }
    }

    #[test]
    fn the_most_exact_login_of_the_first_file_counts() {
        let encoded = |text: &str| BASE64.encode(text);
        let (_one, first) = file(&format!(
            r#"{{"auths": {{"r.example/team": {{"auth": "{}"}}, "r.example": {{"auth": "{}"}}, "h.example": {{}}}}, "credsStore": "x"}}"#,
            encoded("team:pass:word"),
            encoded("all:p").trim_end_matches('='),
        ));
        let (_two, second) = file(
            r#"{"auths": {"https://index.docker.io/v1/": {"username": "d", "password": "w"}, "r.example": {"auth": "eDp5"}, "h.example": {"auth": "eDp5"}}}"#,
        );
        let logins = Logins::in_order(&[first, "/nowhere/auth.json".into(), second]).unwrap();
        let find = |host: &str, repository: &str| {
            logins.find(&host.parse().unwrap(), Some(&repository.parse().unwrap())).cloned()
        };
        assert_eq!(find("r.example", "team/a/b"), Some(login("team", "pass:word")));
        assert_eq!(find("r.example", "teamster"), Some(login("all", "p")));
        assert_eq!(find("h.example", "a"), Some(login("x", "y")));
        assert_eq!(find("docker.io", "library/a"), Some(login("d", "w")));
        for other in ["example", "r.example:5000", "xr.example"] {
            assert_eq!(find(other, "team"), None, "{other}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_named_without_what_they_have() {
        for text in [
            r#"{"auths": "hunter2"}"#,
            r#"{"auths": {"h": {"auth": "hunter2!"}}}"#,
            r#"{"auths": {"h": {"auth": {"hunter2": 1}}}}"#,
            r#"{"auths": {"h": {"auth": "aHVudGVyMg=="}}}"#,
            "hunter2",
        ] {
            let (_place, path) = file(text);
            let error = Logins::in_order(std::slice::from_ref(&path)).unwrap_err();
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(shown.contains(path.as_str()) && !shown.contains("hunter2"), "{shown}");
            }
        }
    }

    #[test]
    fn nothing_that_is_printed_has_a_password() {
        let (_place, path) =
            file(&format!(r#"{{"auths": {{"h": {{"auth": "{}"}}}}}}"#, BASE64.encode("me:hunter2")));
        let logins = Logins::in_order(&[path]).unwrap();
        let shown = format!("{logins:?} {:?}", logins.find(&"h".parse().unwrap(), None).unwrap().basic());
        assert!(
            shown.contains("me")
                && !shown.contains("hunter2")
                && !shown.contains(&BASE64.encode("me:hunter2")),
            "{shown}"
        );
    }

    #[test]
    fn files_are_looked_for_where_podman_and_docker_keep_them() {
        let of = |variables: &[(&str, &str)]| {
            let all: BTreeMap<String, String> =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            places(&|name| all.get(name).cloned()).into_iter().map(String::from).collect::<Vec<_>>()
        };
        let uid = rustix::process::getuid();
        assert_eq!(
            of(&[("HOME", "/root")]),
            [
                format!("/run/containers/{uid}/auth.json").as_str(),
                "/root/.config/containers/auth.json",
                "/root/.docker/config.json"
            ]
        );
        assert_eq!(of(&[("REGISTRY_AUTH_FILE", "/a"), ("DOCKER_CONFIG", "/d")]), ["/a", "/d/config.json"]);
        assert_eq!(
            of(&[("XDG_RUNTIME_DIR", "/r"), ("XDG_CONFIG_HOME", "/c")]),
            ["/r/containers/auth.json", "/c/containers/auth.json"]
        );
    }
}
