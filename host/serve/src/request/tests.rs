use super::*;

fn head(text: &str) -> Result<Request, Refusal> {
    parse(text.as_bytes())
}

fn status(text: &str) -> u16 {
    head(text).map_or_else(|refusal| refusal.status, |_| 200)
}

fn path(target: &str) -> Option<String> {
    Target::parse(target).ok().map(|target| target.path().to_string())
}

#[test]
fn a_plain_request_is_read() {
    let request =
        head("GET /a/b?x=1 HTTP/1.1\r\nHost: s\r\nUser-Agent: iPXE/1\r\nRange: bytes=0-1\r\n\r\n").unwrap();
    assert_eq!((request.method.as_str(), request.target.asked()), ("GET", "a/b"));
    assert_eq!((request.agent.as_str(), request.host.as_str(), request.keep_alive), ("iPXE/1", "s", true));
    assert_eq!(request.conditions.range.as_deref(), Some("bytes=0-1"));
    assert!(!head("GET / HTTP/1.0\r\n\r\n").unwrap().keep_alive);
    assert!(head("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").unwrap().keep_alive);
    assert!(!head("GET / HTTP/1.1\r\nHost: s\r\nConnection: te, close\r\n\r\n").unwrap().keep_alive);
}

#[test]
fn what_could_be_understood_in_two_ways_is_refused() {
    let with = |headers: &str| status(&format!("GET / HTTP/1.1\r\nHost: s\r\n{headers}\r\n"));
    assert_eq!(with(""), 200);
    assert_eq!(with("Content-Length: 0\r\n"), 200);
    for (headers, expected) in [
        ("Content-Length: 5\r\n", 413),
        ("Content-Length: 0\r\nContent-Length: 0\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        ("Content-Length: 0, 5\r\n", 400),
        ("Content-Length: +0\r\n", 400),
        ("Content-Length:\r\n", 400),
        ("Transfer-Encoding: chunked\r\n", 501),
        ("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", 400),
        ("Content-Length: 0\r\nTransfer-Encoding: identity\r\n", 400),
        ("Host: other\r\n", 400),
        ("X: a\r\n folded\r\n", 400),
        ("X : a\r\n", 400),
        (": a\r\n", 400),
        ("X: a\nY: b\r\n", 400),
        ("X: a\rY: b\r\n", 400),
        ("X: a\0b\r\n", 400),
        ("Range: bytes=0-1\r\nRange: bytes=2-3\r\n", 400),
    ] {
        assert_eq!(with(headers), expected, "{headers:?}");
    }
    for (text, expected) in [
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/2.0\r\nHost: s\r\n\r\n", 505),
        ("GET /\r\n\r\n", 400),
        ("GET / HTTP/1.1\nHost: s\n\n", 400),
        ("GET  / HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: s\r\n\r\n", 400),
        ("G\u{7f}T / HTTP/1.1\r\nHost: s\r\n\r\n", 400),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ] {
        assert_eq!(status(text), expected, "{text:?}");
    }
}

#[test]
fn a_hundred_headers_are_read_and_more_are_refused() {
    let with = |count: usize| {
        let headers: String = (1..count).map(|n| format!("X-{n}: y\r\n")).collect();
        status(&format!("GET / HTTP/1.1\r\nHost: s\r\n{headers}\r\n"))
    };
    assert_eq!((with(100), with(101)), (200, 431));
    assert_eq!(Refusal::too_long(b"GET /aaaa").status, 414);
    assert_eq!(Refusal::too_long(b"GET / HTTP/1.1\r\nX: aaaa").status, 431);
}

#[test]
fn paths_are_read_without_slashes_and_escapes() {
    for (target, expected) in [
        ("/a/b", "a/b"),
        ("//a///b", "a/b"),
        ("/a%2Fb", "a/b"),
        ("/sha256%3A0", "sha256:0"),
        ("/%C3%A4", "\u{e4}"),
        ("http://server/a", "a"),
        ("HTTP://server:80//a?b", "a"),
        ("http://server", ""),
        ("/", ""),
        ("/a?..", "a"),
    ] {
        assert_eq!(path(target).as_deref(), Some(expected), "{target}");
    }
    for target in [
        "",
        "a",
        "*",
        "/..",
        "/a/../b",
        "/%2e%2e/a",
        "/a/.%2e",
        "/./a",
        "/%",
        "/%4",
        "/%zz",
        "/%00",
        "/%ff",
        "http:///a",
        "https://server/a",
        "/a/%2E%2E%2fb",
    ] {
        assert_eq!(path(target), None, "{target}");
    }
    assert!(Target::parse("/a/").unwrap().names_directory());
    assert!(!Target::parse("/a").unwrap().names_directory());
}

#[test]
fn the_end_of_a_head_is_found_wherever_its_pieces_end() {
    let text = b"\r\nGET / HTTP/1.1\r\nHost: s\r\n\r\nGET";
    let whole = text.len() - 3;
    for split in 0..text.len() {
        let expected = (split >= whole).then_some(whole);
        let found = (0..=split)
            .fold((None, 0), |(found, seen), end| (found.or_else(|| end_of_head(&text[..end], seen)), end));
        assert_eq!(found.0, expected, "{split}");
    }
    assert_eq!(end_of_head(b"GET / HTTP/1.1\n\nx", 0), Some(16));
    assert_eq!(end_of_head(b"\r\n\r\n", 0), None);
}
