//! Logins in the addresses of sources: they go to a private file, for the sources are shown and become a part of images.

use fluent_uri::pct_enc::{EStr, encoder::Userinfo};

/// The text of sources without the logins in its addresses, and those in the form of `auth.conf`. Addresses are what has `://` in it.
pub(in super::super) fn without_logins(text: &str) -> (String, String) {
    let (mut clean, mut logins) = (String::new(), String::new());
    for piece in text.split_inclusive(|c: char| c.is_whitespace()) {
        let word = piece.trim_end();
        let Some((scheme, rest)) = word.split_once("://") else {
            clean.push_str(piece);
            continue;
        };
        let end = rest.find('/').unwrap_or(rest.len());
        let Some((info, host)) = rest[..end].rsplit_once('@') else {
            clean.push_str(piece);
            continue;
        };
        let address = format!("{scheme}://{host}{}", &rest[end..]);
        let (user, password) = info.split_once(':').unwrap_or((info, ""));
        logins.push_str(&format!(
            "machine {address} login {} password {}\n",
            decoded(user),
            decoded(password)
        ));
        clean.push_str(&address);
        clean.push_str(&piece[word.len()..]);
    }
    (clean, logins)
}

/// Without percent signs. A blank or a line's end has no place in that file: then it stays as it is written.
fn decoded(text: &str) -> String {
    let plain =
        EStr::<Userinfo>::new(text).and_then(|text| Some(text.decode().to_string().ok()?.into_owned()));
    let fits = |text: &String| !text.contains(|c: char| c.is_whitespace() || c.is_control());
    plain.filter(fits).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_go_to_the_private_file_and_nothing_else_changes() {
        let text =
            "URIs: https://bob:p%40ss@m.site:8080/debian http://a/x@y\nSigned-By:\n -----BEGIN\n a+b/c@d\n";
        let (clean, logins) = without_logins(text);
        assert_eq!(
            clean,
            "URIs: https://m.site:8080/debian http://a/x@y\nSigned-By:\n -----BEGIN\n a+b/c@d\n"
        );
        assert_eq!(logins, "machine https://m.site:8080/debian login bob password p@ss\n");
        assert_eq!(
            without_logins("deb http://a b main\n"),
            ("deb http://a b main\n".to_owned(), String::new())
        );
    }
}
