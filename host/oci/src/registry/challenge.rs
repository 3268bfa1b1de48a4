//! What a server wants to know of us: the header `WWW-Authenticate`.

/// One way in that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from there.
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
    /// User and password.
    Basic,
}

impl Challenge {
    /// All that are known of one header.
    pub(super) fn all(header: &str) -> Vec<Self> {
        let mut found = Vec::new();
        for (scheme, parameters) in schemes(header) {
            let get = |key: &str| {
                parameters
                    .iter()
                    .find(|(name, _)| name.eq_ignore_ascii_case(key))
                    .map(|(_, value)| value.clone())
            };
            if scheme.eq_ignore_ascii_case("basic") {
                found.push(Self::Basic);
            } else if scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = get("realm")
            {
                found.push(Self::Bearer { realm, service: get("service"), scope: get("scope") });
            }
        }
        found
    }
}

type Scheme = (String, Vec<(String, String)>);

/// `Bearer realm="…",service="…", Basic realm="…"`: words with a value belong to the last word without one.
fn schemes(header: &str) -> Vec<Scheme> {
    let mut found: Vec<Scheme> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let word = &rest[..end];
        if word.is_empty() {
            return found;
        }
        rest = rest[end..].trim_start_matches([' ', '\t']);
        match (rest.strip_prefix('='), found.last_mut()) {
            (Some(after), Some((_, parameters))) => {
                let (value, left) = value(after.trim_start_matches([' ', '\t']));
                parameters.push((word.to_owned(), value));
                rest = left;
            }
            // A value of nothing: no header that anybody means.
            (Some(_), None) => return found,
            (None, _) => found.push((word.to_owned(), Vec::new())),
        }
    }
}

/// A word, or text in quotes, and what comes after it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(letters.next().map(|(_, letter)| letter)),
            _ => value.push(letter),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_in_are_read_from_the_header() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
            scope: scope.map(str::to_owned),
        };
        assert_eq!(
            Challenge::all(r#"Bearer realm="https://a/t",service="r.io",scope="repository:x:pull,push""#),
            [bearer("https://a/t", Some("r.io"), Some("repository:x:pull,push"))]
        );
        assert_eq!(
            Challenge::all(r#"bearer Realm = "a\"b" , error=x , Basic realm="y""#),
            [bearer("a\"b", None, None), Challenge::Basic]
        );
        assert_eq!(Challenge::all("Negotiate, BASIC"), [Challenge::Basic]);
        for odd in ["", "=", "Bearer", "Bearer =", "Bearer realm", "\"", ",,,", "a=b=c", "é=\"é"] {
            assert_eq!(Challenge::all(odd), [], "{odd}");
        }
        assert_eq!(Challenge::all("Bearer realm=\"open"), [bearer("open", None, None)]);
    }
}
