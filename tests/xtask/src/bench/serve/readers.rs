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

/// Has so many readers get the first `each` bytes of a file, all at once; the seconds until the last one has them.
pub(super) fn read(server: SocketAddr, path: &str, readers: usize, each: u64) -> Result<f64, Failure> {
    let ready = Arc::new(Barrier::new(readers + 1));
    let threads: Vec<_> = (0..readers)
        .map(|_| {
            let (ready, path) = (Arc::clone(&ready), path.to_owned());
            let work = move || {
                let connected = TcpStream::connect(server);
                ready.wait();
                one(connected?, &path, each)
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

fn one(mut stream: TcpStream, path: &str, each: u64) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(120)))?;
    let last = each - 1;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: bench\r\nRange: bytes=0-{last}\r\nConnection: close\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if !head.starts_with(b"HTTP/1.1 206") {
        return Err(io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    let mut left = each;
    // With MSG_TRUNC, TCP throws the bytes away instead of copying them.
    let mut none = vec![0; PIECE];
    while left > 0 {
        match recv(stream.as_raw_fd(), &mut none, MsgFlags::MSG_TRUNC)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left = left.saturating_sub(count as u64),
        }
    }
    Ok(())
}
