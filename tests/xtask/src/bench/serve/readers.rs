//! Readers that take bytes and look at none: what is measured is the server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use nix::sys::socket::{MsgFlags, recv};

use crate::failure::Failure;

/// The stack of a reader's thread.
const STACK: usize = 128 * 1024;
/// The most taken at once.
const PIECE: usize = 1 << 20;

/// What each reader gets: so many bytes, by requests for no more than the file has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Portion {
    pub(super) bytes: u64,
    pub(super) of_a_request: u64,
}

/// Has so many readers get their portion of a file, all at once; the seconds until the last one has it.
pub(super) fn read(server: SocketAddr, path: &str, readers: usize, portion: Portion) -> Result<f64, Failure> {
    let ready = Arc::new(Barrier::new(readers + 1));
    let threads: Vec<_> = (0..readers)
        .map(|_| {
            let (ready, path) = (Arc::clone(&ready), path.to_owned());
            let work = move || {
                let connected = TcpStream::connect(server);
                ready.wait();
                all(connected?, &path, portion)
            };
            std::thread::Builder::new().stack_size(STACK).spawn(work)
        })
        .collect::<io::Result<_>>()
        .map_err(|cause| Failure::Plain(format!("cannot have {readers} threads: {cause}")))?;
    ready.wait();
    let begun = Instant::now();
    for thread in threads {
        let read = thread.join().unwrap_or_else(|_| Err(io::Error::other("a reader panicked")));
        read.map_err(|cause| Failure::Plain(format!("a reader of {server} failed: {cause}")))?;
    }
    Ok(begun.elapsed().as_secs_f64())
}

fn all(mut stream: TcpStream, path: &str, portion: Portion) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    // With MSG_TRUNC, TCP throws the bytes away instead of copying them.
    let mut none = vec![0; PIECE];
    let mut left = portion.bytes;
    while left > 0 {
        let now = left.min(portion.of_a_request);
        one(&mut stream, path, now, &mut none)?;
        left -= now;
    }
    Ok(())
}

fn one(stream: &mut TcpStream, path: &str, bytes: u64, none: &mut [u8]) -> io::Result<()> {
    let last = bytes - 1;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: bench\r\nRange: bytes=0-{last}\r\n\r\n")?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 206") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    let mut left = bytes;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(none.len());
        match recv(stream.as_raw_fd(), &mut none[..most], MsgFlags::MSG_TRUNC)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left -= count as u64,
        }
    }
    Ok(())
}
