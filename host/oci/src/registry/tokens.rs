//! Who we are to a registry: tokens that it hands out, or user and password. They go to the registry alone, and user and password also to
//! where tokens are handed out, when that is the registry itself or a host that has a login of its own.

use super::{
    OriginPath, Registry, RegistryError, ask::bounded, challenge::Challenge, secret::Secret, wire::Asked,
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Mutex};
use ureq::http::Method;

/// What is to be done in the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Pull,
    Push,
}

/// The largest answer that has a token.
const MOST: u64 = 256 << 10;

/// Values for the header `Authorization`, by what they are good for.
#[derive(Default)]
pub(super) struct Tokens(Mutex<BTreeMap<Access, Secret>>);

impl Tokens {
    pub(super) fn get(&self, access: Access) -> Option<Secret> {
        self.0.lock().ok()?.get(&access).cloned()
    }

    fn set(&self, access: Access, secret: Secret) {
        if let Ok(mut all) = self.0.lock() {
            all.insert(access, secret);
        }
    }
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// Gets what the registry wants to know of us.
    pub(super) fn identify(
        &self,
        challenges: &[Challenge],
        access: Access,
        what: &str,
    ) -> Result<(), RegistryError> {
        let denied =
            |why: String| RegistryError::Denied { host: self.host().to_owned(), what: what.to_owned(), why };
        let login = self.options.logins.find(&self.name, Some(&self.repository));
        for challenge in challenges {
            let secret = match (challenge, login) {
                (Challenge::Bearer { realm, service, scope }, _) => {
                    self.token(realm, service.as_deref(), scope.as_deref(), access)?
                }
                (Challenge::Basic, Some(login)) => login.basic(),
                (Challenge::Basic, None) => continue,
            };
            self.tokens.set(access, secret);
            return Ok(());
        }
        Err(denied(if challenges.contains(&Challenge::Basic) {
            format!("there is no login for it: skopeo login {} makes one", self.host())
        } else {
            "it wants a kind of login that is not known here".to_owned()
        }))
    }

    fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
        access: Access,
    ) -> Result<Secret, RegistryError> {
        let here = Asked::new(Method::GET, OriginPath::new(&self.origin, "/v2/".to_owned()));
        let mut place = self.follow(&here, realm)?;
        let own = format!(
            "repository:{}:{}",
            self.repository,
            if access == Access::Push { "pull,push" } else { "pull" }
        );
        if let Some(service) = service {
            place = place.with_query("service", service);
        }
        place = place.with_query("scope", scope.unwrap_or(&own));
        let login = if self.is_own_realm(&place) {
            self.options.logins.find(&self.name, Some(&self.repository))
        } else {
            self.options.logins.find(place.origin.host(), None)
        };
        let asked = Asked::new(Method::GET, place);
        let answer = self.wire.send(&asked, login.map(|login| login.basic()).as_ref(), &mut || {})?;
        if let 401 | 403 = answer.status().as_u16() {
            let host = asked.place.origin.host();
            let why = match login {
                Some(_) => "the login for it does not do".to_owned(),
                None => format!("there is no login for it: skopeo login {host} makes one"),
            };
            let what = format!("a token for {}", self.host());
            return Err(RegistryError::Denied { host: host.to_string(), what, why });
        }
        let answer = self.expect(answer, &asked, &[200])?;
        let text = self.wire.on_thread(move || bounded(answer, MOST), &mut || {})?;
        let text =
            text.map_err(|cause| RegistryError::broke_off(asked.place.origin.host().as_str(), &cause))?;
        // The parser's message could show the token.
        let answer: Answer =
            serde_json::from_slice(&text).map_err(|_| self.wrong(&asked, "it is no token"))?;
        let token = answer.token.or(answer.access_token).unwrap_or_default();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.wrong(&asked, "it is no token"));
        }
        Ok(Secret::new(format!("Bearer {token}")))
    }

    /// Whether the registry's own login is for the host that hands out its tokens.
    fn is_own_realm(&self, place: &OriginPath) -> bool {
        let docker = self.name.as_str() == "docker.io" && place.origin.host().as_str() == "auth.docker.io";
        place.origin.same_as(&self.origin) || docker
    }
}
