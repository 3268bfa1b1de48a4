//! A web server of a repository that wants a login, in the test itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use camino::Utf8Path;

/// Serves a directory to who knows the password, and counts those turned away.
pub(super) struct Server {
    pub(super) address: String,
    stop: Arc<AtomicBool>,
    pub(super) refused: Arc<Mutex<u32>>,
}

/// The password of `bob`, for tests that give it on a command line.
pub(super) const SECRET: &str = "clear-secret-8812";
/// Another, for the test that looks whether a command line of any process has it.
pub(super) const QUIET: &str = "quiet-secret-4471";
/// `bob` with either, as HTTP wants it.
const BASIC: [&str; 2] = ["Basic Ym9iOmNsZWFyLXNlY3JldC04ODEy", "Basic Ym9iOnF1aWV0LXNlY3JldC00NDcx"];

impl Server {
    pub(super) fn start(dir: &Utf8Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            stop: Arc::default(),
            refused: Arc::default(),
        };
        let (dir, stop, refused) = (dir.to_owned(), server.stop.clone(), server.refused.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().take_while(|_| !stop.load(Ordering::Relaxed)) {
                let (dir, refused) = (dir.clone(), refused.clone());
                std::thread::spawn(move || answer(&mut stream.unwrap(), &dir, &refused));
            }
        });
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address); // wakes it
    }
}

fn answer(stream: &mut TcpStream, dir: &Utf8Path, refused: &Mutex<u32>) {
    let mut asked = Vec::new();
    while !asked.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        asked.push(byte[0]);
    }
    let asked = String::from_utf8_lossy(&asked).into_owned();
    let path = asked.split(' ').nth(1).unwrap_or_default();
    let known = asked
        .lines()
        .any(|line| BASIC.iter().any(|login| line.eq_ignore_ascii_case(&format!("authorization: {login}"))));
    let head = |status: &str, length: usize| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n"
        )
    };
    let (status, body) = match std::fs::read(dir.join(path.trim_start_matches('/'))) {
        _ if !known => {
            *refused.lock().unwrap() += 1;
            ("401 Unauthorized", Vec::new())
        }
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let _ = stream.write_all(head(status, body.len()).as_bytes()).and_then(|()| stream.write_all(&body));
}
