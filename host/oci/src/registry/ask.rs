//! A request with all that lies between it and its answer: a login that is wanted, places where a registry sends us.

use super::{Registry, RegistryError, challenge::Challenge, tokens::Access, wire::Asked};
use jiff::fmt::rfc2822::DateTimeParser;
use serde::Deserialize;
use std::{io::Read, time::Duration};
use ureq::{
    Body,
    http::{Method, Response, header},
};

/// How often we are sent elsewhere for one request.
const MOST_REDIRECTS: u32 = 5;
/// How much of an answer is read that says why not.
const MOST_MESSAGE: u64 = 8 << 10;

/// What a registry says about an error.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Registry {
    /// Asks for something, and goes where the registry sends us. The answer may have any status but those of logins and of other places.
    pub(super) fn ask(
        &self,
        mut asked: Asked,
        access: Access,
        tick: &mut dyn FnMut(),
    ) -> Result<Response<Body>, RegistryError> {
        let (mut sent_on, mut identified) = (0, false);
        loop {
            let ours = asked.place.origin.same_as(&self.origin);
            let authorization = if ours { self.tokens.get(access) } else { None };
            let answer = self.wire.send(&asked, authorization.as_ref(), tick)?;
            match answer.status().as_u16() {
                401 if ours && !identified => {
                    identified = true;
                    self.identify(&challenges(&answer), access, &what(&asked))?;
                }
                401 | 403 if ours => return Err(self.denied(&asked, authorization.is_some())),
                301 | 302 | 303 | 307 | 308 if [Method::GET, Method::HEAD].contains(&asked.method) => {
                    sent_on += 1;
                    let to = self.header(&answer, header::LOCATION, &asked)?;
                    if sent_on > MOST_REDIRECTS {
                        return Err(self.wrong(&asked, "it sends us on and on"));
                    }
                    asked.place = self.follow(&asked, &to)?;
                }
                _ => return Ok(answer),
            }
        }
    }

    /// The place that an answer names, if we go there.
    pub(super) fn follow(&self, asked: &Asked, to: &str) -> Result<super::OriginPath, RegistryError> {
        let there = asked.place.follow(to)?;
        let host = there.origin.host();
        let astray = |why| RegistryError::Astray {
            host: self.host().to_owned(),
            place: crate::names::shown(host.as_str()),
            why,
        };
        if there.origin.same_as(&self.origin) {
            return Ok(there);
        }
        // What is on this machine is not for a registry elsewhere to reach.
        if host.is_loopback() && !self.origin.host().is_loopback() {
            return Err(astray("that is this machine itself"));
        }
        let named = self.options.plain_http_hosts.contains(host);
        if there.origin.is_plain() && !named && !(self.options.plain_http && host.is_loopback()) {
            return Err(astray("that is plain HTTP, which is not allowed for it"));
        }
        Ok(there)
    }

    /// Takes an answer of one of these statuses; another one becomes an error with what the registry says.
    pub(super) fn expect(
        &self,
        answer: Response<Body>,
        asked: &Asked,
        statuses: &[u16],
    ) -> Result<Response<Body>, RegistryError> {
        let status = answer.status().as_u16();
        if statuses.contains(&status) {
            return Ok(answer);
        }
        if (200..400).contains(&status) {
            return Err(self.wrong(asked, format!("the status {status} means nothing here")));
        }
        let retry_after =
            answer.headers().get(header::RETRY_AFTER).and_then(|value| pause(value.to_str().ok()?));
        let text =
            self.wire.on_thread(move || bounded(answer, MOST_MESSAGE).unwrap_or_default(), &mut || {})?;
        let said = serde_json::from_slice::<Errors>(&text).ok().and_then(|all| all.errors.into_iter().next());
        let message = said.map_or_else(String::new, |one| match one.message {
            message if message.is_empty() => one.code,
            message => message,
        });
        Err(RegistryError::Status {
            host: asked.place.origin.host().to_string(),
            what: what(asked),
            status,
            message,
            retry_after,
        })
    }

    /// A header that must be there.
    pub(super) fn header(
        &self,
        answer: &Response<Body>,
        name: header::HeaderName,
        asked: &Asked,
    ) -> Result<String, RegistryError> {
        let value = answer.headers().get(&name).and_then(|value| value.to_str().ok());
        value.map(str::to_owned).ok_or_else(|| self.wrong(asked, format!("it has no header {name}")))
    }

    pub(super) fn wrong(&self, asked: &Asked, why: impl Into<String>) -> RegistryError {
        RegistryError::wrong(asked.place.origin.host().as_str(), &what(asked), why)
    }

    fn denied(&self, asked: &Asked, identified: bool) -> RegistryError {
        let why = if self.options.logins.find(&self.name, Some(&self.repository)).is_some() {
            "the login for it does not do".to_owned()
        } else if identified {
            format!(
                "it is not for everybody, and there is no login for it: skopeo login {} makes one",
                self.host()
            )
        } else {
            format!("there is no login for it: skopeo login {} makes one", self.host())
        };
        RegistryError::Denied { host: self.host().to_owned(), what: what(asked), why }
    }
}

/// What was asked for, for messages.
pub(super) fn what(asked: &Asked) -> String {
    let uri = asked.place.uri();
    let path = uri.splitn(4, '/').nth(3).unwrap_or_default();
    // A query may have what is nobody's business.
    let path = path.split('?').next().unwrap_or_default();
    crate::names::one_line(&format_args!("{} /{path}", asked.method))
}

fn challenges(answer: &Response<Body>) -> Vec<Challenge> {
    let all = answer.headers().get_all(header::WWW_AUTHENTICATE);
    all.iter().filter_map(|value| value.to_str().ok()).flat_map(Challenge::all).collect()
}

/// Seconds, or a date.
fn pause(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(text).ok()?;
    let left = date.as_second() - jiff::Timestamp::now().as_second();
    Some(Duration::from_secs(u64::try_from(left).unwrap_or(0)))
}

/// At most so many bytes of an answer.
pub(super) fn bounded(answer: Response<Body>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    answer.into_body().into_reader().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_seconds_or_a_date() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        let soon = jiff::Timestamp::now() + Duration::from_secs(100);
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&soon).unwrap();
        let left = pause(&date).unwrap();
        assert!((98..=100).contains(&left.as_secs()), "{date}: {left:?}");
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "1.5"] {
            assert_eq!(pause(odd), None, "{odd}");
        }
    }
}
