//! A server of HTTP that does what a test tells it, the wrong things above all.

use super::Host;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A request that came in.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    /// With the query.
    pub(super) path: String,
    /// In lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// How many requests came before it.
    pub(super) before: usize,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is(&self, method: &str, part: &str) -> bool {
        self.method == method && self.path.contains(part)
    }

    /// The first byte that is asked for.
    pub(super) fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.and_then(|range| range.strip_suffix('-')).map_or(0, |from| from.parse().unwrap())
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    then: Then,
}

/// What comes after the body that an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    End,
    /// The connection ends.
    Close,
    /// The same again and again, as one body without a length.
    Again,
    /// Nothing, for a long time.
    Silence,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self { status, headers: Vec::new(), then: Then::End, body }.with("Content-Length", "")
    }

    /// A header; one of that name is replaced. The length that stands there is the right one, unless it is told.
    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Of a body, the part from there, if that is asked for.
    pub(super) fn part(seen: &Seen, body: &[u8]) -> Self {
        match seen.from() {
            0 => Self::new(200, body),
            from => Self::new(206, &body[from..])
                .with("Content-Range", &format!("bytes {from}-{}/{}", body.len() - 1, body.len())),
        }
    }

    /// The body ends after so many bytes, and the connection with it.
    pub(super) fn cut(mut self, after: usize) -> Self {
        let length = self.body.len().to_string();
        self.body.truncate(after);
        self.then = Then::Close;
        self.with("Content-Length", &length)
    }

    /// The body never ends.
    pub(super) fn endless(mut self) -> Self {
        self.headers.retain(|(key, _)| key != "Content-Length");
        self.then = Then::Again;
        self
    }

    /// After so many bytes of the body nothing comes any more.
    pub(super) fn silent(self, after: usize) -> Self {
        Self { then: Then::Silence, ..self.cut(after) }
    }
}

/// A server on a port of this machine.
pub(super) struct Server {
    address: String,
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(super) fn start(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap().to_string(),
            stop: Arc::default(),
            seen: Arc::default(),
        };
        let (answer, stop, seen) = (Arc::new(answer), server.stop.clone(), server.seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().take_while(|_| !stop.load(Ordering::Relaxed)) {
                let (answer, stop, seen) = (answer.clone(), stop.clone(), seen.clone());
                // A client that goes away ends its thread.
                std::thread::spawn(move || talk(stream.unwrap(), &*answer, &stop, &seen));
            }
        });
        server
    }

    pub(super) fn host(&self) -> Host {
        self.address.parse().unwrap()
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.address); // wakes it
    }
}

fn talk(
    stream: TcpStream,
    answer: &dyn Fn(&Seen) -> Reply,
    stop: &AtomicBool,
    all: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    while !stop.load(Ordering::Relaxed) {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|got| *got > 0)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let mut words = lines.first()?.split(' ');
        let mut seen = Seen {
            method: words.next()?.to_owned(),
            path: words.next()?.to_owned(),
            headers: lines[1..]
                .iter()
                .filter_map(|line| line.split_once(':'))
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
            before: 0,
        };
        if seen.header("expect").is_some() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
        }
        let length = seen.header("content-length").map_or(0, |length| length.parse().unwrap());
        seen.body = vec![0; length];
        reader.read_exact(&mut seen.body).ok()?;
        {
            let mut all = all.lock().unwrap();
            seen.before = all.len();
            all.push(seen.clone());
        }
        let reply = answer(&seen);
        write(&mut stream, &reply, seen.method == "HEAD", stop)?;
    }
    Some(())
}

fn write(stream: &mut TcpStream, reply: &Reply, head: bool, stop: &AtomicBool) -> Option<()> {
    let mut text = format!("HTTP/1.1 {} x\r\n", reply.status);
    for (name, value) in &reply.headers {
        let length = reply.body.len().to_string();
        let value = if name == "Content-Length" && value.is_empty() { &length } else { value };
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{text}\r\n").as_bytes()).ok()?;
    if head {
        return Some(());
    }
    stream.write_all(&reply.body).ok()?;
    match reply.then {
        Then::End => Some(()),
        Then::Close => None,
        Then::Again => loop {
            stream.write_all(&reply.body).ok()?;
        },
        Then::Silence => {
            while !stop.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(20));
            }
            None
        }
    }
}
