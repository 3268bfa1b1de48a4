use super::*;
use crate::request::parse;
use camino::Utf8Path;
use disklessset_oci::names::Digest;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

struct Site {
    _outer: tempfile::TempDir,
    tree: ServedTree,
    blob: String,
}

#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
fn site() -> Site {
    let outer = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(outer.path()).unwrap().join("html");
    let blob = format!("oci/blobs/sha256/{}", Digest::of(b"0123456789").hex());
    for file in ["images/web/boot.ipxe", &blob] {
        let file = root.join(file);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, b"0123456789").unwrap();
        set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        for directory in file.ancestors().skip(1).take_while(|above| above.starts_with(&root)) {
            set_permissions(directory, Permissions::from_mode(0o755)).unwrap();
        }
    }
    Site { tree: ServedTree::new(&root).unwrap(), _outer: outer, blob }
}

impl Site {
    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let head = format!("{method} /{path} HTTP/1.1\r\nHost: s\r\n{headers}\r\n");
        answer(&self.tree, &parse(head.as_bytes()).unwrap())
    }
}

fn header(answer: &Answer, name: &str) -> String {
    let found = answer.headers.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

const BOOT: &str = "images/web/boot.ipxe";

#[test]
fn blobs_are_kept_for_ever_and_boot_files_are_asked_for_again() {
    let site = site();
    let blob = site.ask("GET", &site.blob, "");
    assert_eq!(header(&blob, "Cache-Control"), IMMUTABLE);
    assert_eq!(header(&blob, "ETag"), format!("\"{}\"", Digest::of(b"0123456789")));
    let boot = site.ask("GET", BOOT, "");
    assert_eq!(header(&boot, "Cache-Control"), ASK_AGAIN);
    assert_eq!(header(&site.ask("GET", "none", ""), "Cache-Control"), KEEP_NOT);
}

#[test]
fn conditions_decide_what_is_sent() {
    let site = site();
    let known = site.ask("GET", BOOT, "");
    let (tag, date) = (header(&known, "ETag"), header(&known, "Last-Modified"));
    let old = "Thu, 01 Jan 1998 00:00:00 GMT";
    let range = "Range: bytes=2-3\r\n";
    for (headers, expected) in [
        (format!("If-None-Match: {tag}\r\n"), 304),
        (format!("If-None-Match: \"x\", W/{tag}\r\n"), 304),
        ("If-None-Match: *\r\n".to_owned(), 304),
        ("If-None-Match: \"x\"\r\n".to_owned(), 200),
        (format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {date}\r\n"), 200),
        (format!("If-Modified-Since: {date}\r\n"), 304),
        (format!("If-Modified-Since: {old}\r\n"), 200),
        ("If-Modified-Since: yesterday\r\n".to_owned(), 200),
        (format!("If-Match: {tag}\r\n"), 200),
        (format!("If-Match: W/{tag}\r\n"), 412),
        (format!("If-Unmodified-Since: {old}\r\n"), 412),
        (format!("If-Match: \"x\"\r\nIf-None-Match: {tag}\r\n"), 412),
        (format!("{range}If-Range: {tag}\r\n"), 206),
        (format!("{range}If-Range: {date}\r\n"), 206),
        (format!("{range}If-Range: W/{tag}\r\n"), 200),
        (format!("{range}If-Range: \"x\"\r\n"), 200),
        (format!("{range}If-Range: {old}\r\n"), 200),
        (format!("{range}If-None-Match: {tag}\r\n"), 304),
        ("Range: bytes=10-\r\n".to_owned(), 416),
    ] {
        let answer = site.ask("GET", BOOT, &headers);
        assert_eq!(answer.status, expected, "{headers}");
        let body = match expected {
            200 => 10,
            206 => 2,
            _ => 0,
        };
        assert_eq!(answer.length(), body, "{headers}");
    }
    // HEAD tells of the whole file.
    let head = site.ask("HEAD", BOOT, range);
    assert_eq!((head.status, head.length()), (200, 10));
}

#[test]
fn several_ranges_are_several_parts() {
    let site = site();
    let answer = site.ask("GET", BOOT, "Range: bytes=0-1,8-\r\n");
    assert_eq!((answer.status, answer.body.len()), (206, 5));
    assert!(header(&answer, "Content-Type").starts_with("multipart/byteranges; boundary="));
    let Piece::Memory(first) = &answer.body[0] else { panic!("a head comes first") };
    assert!(String::from_utf8_lossy(first).contains("Content-Range: bytes 0-1/10"));
}

#[test]
fn other_methods_and_directories_are_refused() {
    let site = site();
    let post = site.ask("POST", BOOT, "");
    assert_eq!((post.status, header(&post, "Allow")), (405, "GET, HEAD".to_owned()));
    for path in ["", "images", "images/", "images/web/boot.ipxe/"] {
        assert_eq!(site.ask("GET", path, "").status, 404, "{path}");
    }
}

#[test]
fn the_head_of_an_answer_has_its_length_and_ends() {
    let site = site();
    let head = String::from_utf8(site.ask("GET", BOOT, "").head(true)).unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("\r\nContent-Length: 10\r\n") && head.contains("\r\nConnection: keep-alive\r\n"));
    let head = String::from_utf8(Answer::too_slow().head(false)).unwrap();
    assert!(head.contains("\r\nContent-Length: 0\r\nConnection: close\r\n"), "{head}");
}
