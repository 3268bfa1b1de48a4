//! Who may mount: the forms that nfs-utils tells apart, each as strict as the one that reads it.

use std::net::{IpAddr, Ipv4Addr};

/// Security services that a whole line can be for.
const GSS: [&str; 3] = ["krb5", "krb5i", "krb5p"];
const LONGEST_NAME: usize = 253;

/// Whether this is a client as exports(5) has them. What only looks like an address is none: nfs-utils would take `10` or `10.0.0` for
/// another one than was meant, and drop the line of `10.0.0.0/33` with a message in a log.
pub(super) fn is_client(text: &str) -> bool {
    if text == "*" || text.parse::<IpAddr>().is_ok() {
        return true;
    }
    if let Some(netgroup) = text.strip_prefix('@') {
        return is_netgroup(netgroup);
    }
    if let Some((address, mask)) = text.split_once('/') {
        return match address.parse() {
            Ok(address) => is_mask(address, mask),
            Err(_) => address == "gss" && GSS.contains(&mask),
        };
    }
    match text.contains(['*', '?', '[', ']']) {
        true => is_pattern(text),
        false => is_host_name(text),
    }
}

fn is_netgroup(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 255
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

fn is_mask(address: IpAddr, mask: &str) -> bool {
    let most = if address.is_ipv4() { 32 } else { 128 };
    if !mask.is_empty() && mask.len() <= 3 && mask.bytes().all(|byte| byte.is_ascii_digit()) {
        return mask.parse::<u16>().is_ok_and(|bits| bits <= most);
    }
    // A mask with holes is read, and lets in whom nobody meant.
    let whole = |mask: Ipv4Addr| (!mask.to_bits()).checked_add(1).is_none_or(u32::is_power_of_two);
    address.is_ipv4() && mask.parse().is_ok_and(whole)
}

/// Names with `*`, `?` and ranges like `[0-9]`.
fn is_pattern(text: &str) -> bool {
    let mut open = None;
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('[', None) => open = Some(at),
            // An empty range matches nothing.
            (']', Some(begun)) if at > begun + 1 => open = None,
            ('[' | ']', _) => return false,
            (c, _) if c.is_ascii_alphanumeric() || "._-*?".contains(c) => {}
            _ => return false,
        }
    }
    open.is_none() && !text.starts_with('-') && text.len() <= LONGEST_NAME
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // Where the last part is a number, the whole is read as an address.
    let last = text.rsplit('.').next().unwrap_or_default();
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
    text.len() <= LONGEST_NAME && text.split('.').all(label) && !number
}

/// What is taken, for the tests of what the real tool takes.
#[cfg(test)]
pub(super) const GOOD: [&str; 18] = [
    "*",
    "*.x.y",
    "c?",
    "c[1-3].x",
    "node_1",
    "c001.cluster.local",
    "10.0.0.1",
    "10.1.0.0/16",
    "10.1.0.5/16",
    "10.1.0.0/255.255.0.0",
    "0.0.0.0/0",
    "10.0.0.1/255.255.255.255",
    "10.0.0.1/0.0.0.0",
    "fd00::1",
    "fe80::/10",
    "::/0",
    "@nodes",
    "gss/krb5p",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_what_nfs_utils_takes_as_it_was_meant() {
        for good in GOOD {
            assert!(is_client(good), "{good}");
        }
        for bad in [
            "",
            "10.0.0.0/33",
            "/16",
            "@",
            "10.1.0.0/",
            "300.1.1.1",
            "fd00::/200",
            "10.0.0",
            "10",
            "0x7f.1",
            "10.1.0.0/255.0.255.0",
            "10.1.0.0/255.255.0",
            "10.0.0.0/+8",
            "10.0.0.0/8/9",
            "10.0.0.0/a",
            "fd00::/255.0.0.0",
            "c1/24",
            "*/8",
            "a/b",
            "gss/foo",
            "@*",
            "[fd00::1]",
            "c[1",
            "c]1",
            "c[]",
            "c[[1]]",
            "x:y",
            "a..b",
            ".host",
            "host.",
            "-a",
            "a-",
            "fe80::1%eth0",
            "a b",
            "a(rw)",
            "a\nb",
            "#",
            "\"",
            "a,b",
            "\u{e9}",
            "=public",
        ] {
            assert!(!is_client(bad), "{bad:?}");
        }
        assert!(!is_client(&"a".repeat(64)) && !is_client(&"a.".repeat(127)));
    }
}
