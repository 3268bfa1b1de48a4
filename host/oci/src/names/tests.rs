//! What the names of OCI are and are not.

use super::*;

const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// The grammar of the image specification for reference names, by itself.
fn is_ref_name(text: &str) -> bool {
    text.split('/').all(|part| {
        let mut rest = part.as_bytes();
        loop {
            let word = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            if word == 0 {
                return false;
            }
            rest = &rest[word..];
            match rest {
                [] => return true,
                [b'-', b'-', ..] => rest = &rest[2..],
                [byte, ..] if b"-._:@+".contains(byte) => rest = &rest[1..],
                _ => return false,
            }
        }
    })
}

#[test]
fn digests_are_sha256_in_lower_case_only() {
    assert_eq!(Digest::of(b"abc"), ABC.parse().unwrap());
    assert_eq!(Digest::of(b"abc").to_string(), ABC);
    assert_eq!(serde_json::to_string(&Digest::of(b"abc")).unwrap(), format!("{ABC:?}"));
    for bad in ["", "sha256:", "sha512:00", &ABC.to_uppercase(), &ABC[..70], &format!("{ABC}0"), &ABC[7..]] {
        assert!(bad.parse::<Digest>().is_err(), "{bad}");
        assert!(serde_json::from_str::<Digest>(&format!("{bad:?}")).is_err(), "{bad}");
    }
    assert!(format!("sha256:{}", "é".repeat(32)).parse::<Digest>().is_err());
}

#[test]
fn tags_of_versions_are_no_numbers_and_not_current() {
    for good in ["stable", "v7", "_", "2026-11", "a".repeat(128).as_str(), "Current"] {
        assert_eq!(good.parse::<Tag>().unwrap().as_str(), good);
        assert_eq!(RegistryTag::from(&good.parse::<Tag>().unwrap()).as_str(), good);
    }
    for bad in ["", "7", "007", "current", ".a", "-a", "a b", "a/b", "a:b", "a\n", "é", &"a".repeat(129)] {
        assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
    }
    for registry in ["7", "current"] {
        assert!(registry.parse::<RegistryTag>().is_ok());
    }
}

#[test]
fn numbers_of_versions_begin_at_one_and_have_one_way_to_be_written() {
    assert_eq!("1".parse::<VersionNumber>().unwrap(), VersionNumber::FIRST);
    assert_eq!(VersionNumber::FIRST.next().unwrap().get(), 2);
    assert_eq!(VersionNumber::new(u64::MAX).unwrap().next(), None);
    for bad in ["", "0", "01", "+1", "-1", "1 ", "١", "18446744073709551616"] {
        assert!(bad.parse::<VersionNumber>().is_err(), "{bad:?}");
    }
}

#[test]
fn names_of_versions_are_split_at_the_last_at() {
    let name: VersionName = "a@b@7".parse().unwrap();
    assert_eq!((name.name(), name.number().get(), name.to_string().as_str()), ("a@b", 7, "a@b@7"));
    for bad in ["a", "@1", "a@", "a@0", "a@x", "a/b@1", "a\nb@1", "a@1@"] {
        assert!(bad.parse::<VersionName>().is_err(), "{bad:?}");
    }
}

#[test]
fn ref_names_of_plain_names_are_the_names_and_others_are_escaped() {
    for (name, text) in [
        ("web01", "web01"),
        ("a-b.c_d--e", "a-b.c_d--e"),
        ("a..b", "a_x2e_x2eb"),
        ("web-", "web_x2d"),
        ("_x2e", "x_x5fx2e"),
        ("x_x2e", "x_x78_x5fx2e"),
        ("a_x2e", "a_x5fx2e"),
        ("x", "x"),
        ("x-y", "x-y"),
        ("a@b", "a_x40b"),
        ("é", "x_xc3_xa9"),
    ] {
        assert_eq!(to_ref_name(name), text, "{name}");
        assert_eq!(from_ref_name(text).unwrap(), name);
    }
    for bad in ["a..b", "_x2e", "a_x61", "a@b", "a_xff"] {
        assert!(from_ref_name(bad).is_err(), "{bad}");
    }
    let name: VersionName = "a..b@7".parse().unwrap();
    assert_eq!(name.ref_name(), "a_x2e_x2eb@7");
    assert_eq!(VersionName::from_ref_name("a_x2e_x2eb@7").unwrap(), name);
}

#[test]
fn ref_names_of_any_names_are_valid_and_lead_back_to_them() {
    let mut random = fastrand::Rng::with_seed(7);
    let letters = ["x", "_", "2", "e", "f", "-", ".", "@", "a", "A", "+", ":", " ", "/", "é", "_x2e", "x_x"];
    let mut seen = std::collections::HashMap::new();
    for _ in 0..200_000 {
        let length = random.usize(1..9);
        let name: String = (0..length).map(|_| letters[random.usize(..letters.len())]).collect();
        let text = to_ref_name(&name);
        assert!(is_ref_name(&text) && !text.contains(['@', '/']), "{name:?} became {text:?}");
        assert_eq!(from_ref_name(&text).unwrap(), name);
        let before = seen.insert(text, name.clone());
        assert!(before.is_none_or(|before| before == name));
        // What nobody wrote is refused or means one name only.
        if let Ok(meant) = from_ref_name(&name) {
            assert_eq!(to_ref_name(&meant), name);
        }
    }
}

#[test]
fn addresses_in_registries_are_read_and_written() {
    let text = format!("Registry.Example:5000/images/web01@{ABC}");
    let reference: RegistryReference = text.parse().unwrap();
    assert_eq!(reference.host.as_str(), "registry.example:5000");
    assert_eq!(reference.target, Some(Target::Digest(Digest::of(b"abc"))));
    assert_eq!(reference.to_string(), text.to_lowercase());
    for good in
        ["h/a", "h/a:7", "h/a:current", "127.0.0.1:5000/a/b-c__d.e--f:v1", "[::1]:80/a", "localhost/x1"]
    {
        assert_eq!(good.parse::<RegistryReference>().unwrap().to_string(), good);
    }
    for bad in [
        "",
        "a",
        "/a",
        "h/",
        "h/A",
        "h/a/",
        "h//a",
        "h/a:",
        "h/a@",
        "h/a@sha256:0",
        "h/a..b",
        "h/-a",
        "h/a-",
        "h/a.-b",
        "h/a___b",
        "h:0/a",
        "h:99999/a",
        "h:/a",
        "h:+1/a",
        "-h/a",
        "h_/a",
        "[::g]/a",
        "[::1]x/a",
        "[::1]:/a",
        "https://h/a",
        "u:p@h/a",
        "h/../a",
        "h/a?b",
        "h/a#b",
        "h/a b",
        "h/a\n",
        "h/a%2f",
        "h/.",
        &format!("h/a:v1@{ABC}"),
    ] {
        assert!(bad.parse::<RegistryReference>().is_err(), "{bad:?}");
    }
    for (host, loopback) in [
        ("localhost:1", true),
        ("127.8.0.1", true),
        ("[::1]:2", true),
        ("10.0.0.1", false),
        ("localhost.evil", false),
    ] {
        assert_eq!(host.parse::<Host>().unwrap().is_loopback(), loopback, "{host}");
    }
}

#[test]
fn messages_have_one_line_whatever_the_text() {
    let error = format!("a\n{}", "b".repeat(10_000)).parse::<Tag>().unwrap_err().to_string();
    assert!(!error.contains('\n') && error.len() < 300, "{error}");
}
