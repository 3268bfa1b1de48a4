//! Export options: the words that nfs-utils knows. At one that it does not know it stops reading the file, and withdraws all lines
//! that follow.

/// Words that stand alone.
pub(super) const WORDS: [&str; 30] = [
    "ro",
    "rw",
    "sync",
    "async",
    "secure",
    "insecure",
    "hide",
    "nohide",
    "crossmnt",
    "nocrossmnt",
    "wdelay",
    "no_wdelay",
    "root_squash",
    "no_root_squash",
    "all_squash",
    "no_all_squash",
    "subtree_check",
    "no_subtree_check",
    "auth_nlm",
    "no_auth_nlm",
    "secure_locks",
    "insecure_locks",
    "acl",
    "no_acl",
    "pnfs",
    "no_pnfs",
    "security_label",
    "nordirplus",
    "mp",
    "mountpoint",
];
const FLAVOURS: [&str; 7] = ["sys", "unix", "none", "null", "krb5", "krb5i", "krb5p"];

/// Whether this is one option as exports(5) has them.
pub(super) fn is_option(text: &str) -> bool {
    let Some((name, value)) = text.split_once('=') else { return WORDS.contains(&text) };
    match name {
        "fsid" => value == "root" || value.parse::<u32>().is_ok() && is_number(value) || is_uuid(value),
        "sec" => value.split(':').all(|flavour| FLAVOURS.contains(&flavour)),
        "anonuid" | "anongid" => {
            value.parse::<i64>().is_ok_and(|id| (-2..i64::from(u32::MAX)).contains(&id))
                && is_number(value.strip_prefix('-').unwrap_or(value))
        }
        "mp" | "mountpoint" => is_path(value),
        "refer" | "replicas" => value.split(':').all(is_location),
        // Of nfs-utils 2.6.3 and later; an older one on this server says so when it reads the file.
        "xprtsec" => value.split(':').all(|kind| ["none", "tls", "mtls"].contains(&kind)),
        "reexport" => ["no", "auto-fsidnum", "predefined-fsidnum"].contains(&value),
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A path that ends no word, no option and no list.
fn is_path(text: &str) -> bool {
    text.starts_with('/')
        && text.len() <= 1024
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c))
}

/// `PATH@HOST`, with more hosts behind `+`.
fn is_location(text: &str) -> bool {
    let Some((path, hosts)) = text.split_once('@') else { return false };
    let host =
        |host: &str| !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    is_path(path) && hosts.split('+').all(host)
}

/// What is taken, for the tests of what the real tool takes.
#[cfg(test)]
pub(super) const GOOD: [&str; 12] = [
    "fsid=0",
    "fsid=root",
    "fsid=7",
    "fsid=12345678-1234-1234-1234-123456789012",
    "sec=krb5:krb5i:sys",
    "anonuid=-2",
    "anongid=65534",
    "mp=/srv/x",
    "refer=/a@h",
    "replicas=/a@h1+h2:/b@h3",
    "xprtsec=tls:mtls",
    "reexport=auto-fsidnum",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_the_words_that_nfs_utils_knows() {
        for word in WORDS {
            assert!(is_option(word), "{word}");
        }
        for good in GOOD {
            assert!(is_option(good), "{good}");
        }
        for bad in [
            "",
            "no_root_sqash",
            "RW",
            "rw,",
            "rw,ro",
            "a b",
            ")",
            "rw) *(rw",
            "\n",
            "fsid=",
            "fsid=abc",
            "fsid=+7",
            "fsid=99999999999",
            "sec=",
            "sec=foo",
            "sec=sys:",
            "anonuid=",
            "anonuid=x",
            "anonuid=+1",
            "anonuid=99999999999",
            "mp=",
            "mp=x",
            "refer=x",
            "refer=/a@",
            "async=1",
            "no_hide",
            "map_daemon",
            "replicas",
            "fsid",
            "sec",
            "reexport=x",
            "rw=1",
            "\u{e9}",
        ] {
            assert!(!is_option(bad), "{bad:?}");
        }
    }
}
