//! Memory does not grow with the size of a blob. A program of its own, because the most that a process ever had is measured.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_oci::{
    layout::Layout,
    names::{Digest, Hasher},
    registry::{Options, Registry},
};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::Arc,
};

/// Three times what may be taken.
const SIZE: u64 = 192 << 20;
const BOUND: u64 = 64 << 20;

#[test]
fn memory_stays_below_64_mib_whatever_the_size_of_a_blob() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string().parse().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(move || talk(stream.unwrap()));
        }
    });
    let place = tempfile::tempdir().unwrap();
    let path = camino::Utf8Path::from_path(place.path()).unwrap();
    let layout = Layout::open_or_create(&path.join("oci"), &path.join("stamps")).unwrap();
    let options = Options { plain_http: true, ..Options::default() };
    let registry = Registry::new(&host, &"a".parse().unwrap(), options, Arc::default()).unwrap();
    let digest = digest();
    registry.pull_blob(&digest, SIZE, &layout, &mut |_| {}).unwrap();
    registry.push_blob(&digest, &layout, &mut |_| {}).unwrap();
    layout.put_file(&layout.blob_path(&digest), None).unwrap();
    let most = most_resident();
    assert!(most > 1 << 20 && most < BOUND, "{} MiB", most >> 20);
}

fn digest() -> Digest {
    let mut hasher = Hasher::default();
    while hasher.count() < SIZE {
        hasher.update(&[7; 1 << 16]);
    }
    hasher.finish()
}

/// Bytes that this process had at most.
fn most_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

/// Serves the blob, and takes one and forgets it.
fn talk(mut stream: TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut asked, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|got| *got > 0)?;
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            match line.as_str() {
                "" => break,
                line if asked.is_empty() => asked = line.to_owned(),
                _ => {}
            }
        }
        let head = |status: &str, length: u64| {
            format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nLocation: /u\r\n\r\n")
        };
        match asked.split(' ').next()? {
            "get" => {
                stream.write_all(head("200 x", SIZE).as_bytes()).ok()?;
                for _ in 0..SIZE >> 16 {
                    stream.write_all(&[7; 1 << 16]).ok()?;
                }
            }
            "head" => stream.write_all(head("404 x", 0).as_bytes()).ok()?,
            "post" => stream.write_all(head("202 x", 0).as_bytes()).ok()?,
            _ => {
                stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
                std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink()).ok()?;
                stream.write_all(head("201 x", 0).as_bytes()).ok()?;
            }
        }
    }
}
