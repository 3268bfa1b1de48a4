//! The address of the HTTP root, as it stands in boot files.

use fluent_uri::Uri;
use serde::Deserialize;

/// `http://HOST[:PORT][/PATH]` or the same with https, without slashes at its end; settings of iPXE may stand in it (`${next-server}`).
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HttpBaseUrl(String);

impl HttpBaseUrl {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HttpBaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let refuse = |why: &str| {
            Err(format!(
                "{text:?} is no address such as http://${{next-server}} or http://10.0.0.1:8080: {why}"
            ))
        };
        let Some(resolved) = without_settings(&text) else {
            return refuse("a $ is there for a setting of iPXE, such as ${next-server}");
        };
        let uri = match Uri::parse(resolved.as_str()) {
            Ok(uri) => uri,
            Err(cause) => return refuse(&cause.to_string()),
        };
        if !["http", "https"].contains(&uri.scheme().as_str()) {
            return refuse("nodes fetch by http or https");
        }
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return refuse("it names no host");
        };
        if authority.has_port() && !matches!(authority.port_to_u16(), Ok(Some(1..))) {
            return refuse("its port is no number from 1 to 65535");
        }
        if uri.has_query() || uri.has_fragment() {
            return refuse("paths are put behind it: it can have no ? and no #");
        }
        // iPXE and the command line of a kernel would each read these in their own way.
        if let Some(odd) = text.chars().find(|c| "!&'()*+,;=".contains(*c)) {
            return refuse(&format!("boot files cannot have a {odd:?} there"));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

/// The address as it could be on a node: a 1 for each setting, which may stand for a host, a port or a part of a path.
fn without_settings(text: &str) -> Option<String> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        let (name, after) = after.strip_prefix('{')?.split_once('}')?;
        let mark = |c: char| c.is_ascii_alphanumeric() || "-._:/".contains(c);
        if name.is_empty() || !name.chars().all(mark) {
            return None;
        }
        resolved.push_str(before);
        resolved.push('1');
        rest = after;
    }
    resolved.push_str(rest);
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_with_and_without_settings_of_the_boot_loader() {
        for (good, kept) in [
            ("http://10.0.0.1:8080/", "http://10.0.0.1:8080"),
            ("https://boot.site/a/b//", "https://boot.site/a/b"),
            ("http://[fd00::1]:80", "http://[fd00::1]:80"),
            ("http://${next-server}", "http://${next-server}"),
            (
                "http://${net0/next-server:ipv4}:${port}/x/${hostname}/",
                "http://${net0/next-server:ipv4}:${port}/x/${hostname}",
            ),
            ("http://user@h/%20", "http://user@h/%20"),
        ] {
            assert_eq!(HttpBaseUrl::try_from(good.to_owned()).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn what_no_node_could_fetch_from_is_refused() {
        for bad in [
            "",
            "http://",
            "https:////////",
            "http:///path",
            "http://:80/",
            "http://@/",
            "http://h:",
            "http://h:0",
            "http://h:99999",
            "http://h:x",
            "http://[",
            "http://h/?a",
            "http://h/#a",
            "http://h/a b",
            "http://h\nboot",
            "ftp://h/",
            "h/x",
            "http://${",
            "http://${}",
            "http://$next",
            "http://${a b}",
            "http://h/%",
            "http://h/;x",
            "http://{h}/",
        ] {
            let error = HttpBaseUrl::try_from(bad.to_owned()).expect_err(bad);
            assert!(error.contains("is no address") && !error.contains('\n'), "{error:?}");
        }
    }
}
