//! Bytes on their way out. A client that takes nothing for too long is given up.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::time::Duration;

use rustix::net::{SendFlags, sockopt};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The most of a file that one call sends: a socket holds no more by itself, and another connection wants its turn.
const PIECE: u64 = 4 << 20;

/// Sends all of `bytes`, telling how many went out each time. With `more`, the last packet waits for what follows.
pub(crate) async fn memory(
    stream: &TcpStream,
    mut bytes: &[u8],
    more: bool,
    stall: Duration,
    mut sent: impl FnMut(u64),
) -> io::Result<()> {
    let flags = if more { SendFlags::MORE | SendFlags::NOSIGNAL } else { SendFlags::NOSIGNAL };
    while !bytes.is_empty() {
        let count =
            progress(stall, stream, || Ok(rustix::net::send(stream, bytes, flags | SendFlags::DONTWAIT)?))
                .await?;
        sent(count as u64);
        bytes = &bytes[count..];
    }
    Ok(())
}

/// Sends a range of a file from the page cache, without the bytes passing through this process. What needs several calls leaves in whole
/// packets: each packet that is not filled would wake the reader for less, which costs a fifth of the time of a single reader.
pub(crate) async fn file(
    stream: &TcpStream,
    file: &File,
    range: Range<u64>,
    stall: Duration,
    sent: impl FnMut(u64),
) -> io::Result<()> {
    if range.end - range.start <= PIECE {
        return pieces(stream, file, range, stall, sent).await;
    }
    sockopt::set_tcp_cork(stream, true)?;
    let outcome = pieces(stream, file, range, stall, sent).await;
    sockopt::set_tcp_cork(stream, false)?;
    outcome
}

async fn pieces(
    stream: &TcpStream,
    file: &File,
    range: Range<u64>,
    stall: Duration,
    mut sent: impl FnMut(u64),
) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let most = usize::try_from((range.end - at).min(PIECE)).unwrap_or(usize::MAX);
        let count = progress(stall, stream, || {
            let mut offset = at;
            Ok(rustix::fs::sendfile(stream, file, Some(&mut offset), most)?)
        })
        .await?;
        if count == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter"));
        }
        at += count as u64;
        sent(count as u64);
    }
    Ok(())
}

/// One piece of work on a socket that takes bytes again, within the time.
async fn progress(
    stall: Duration,
    stream: &TcpStream,
    mut work: impl FnMut() -> io::Result<usize>,
) -> io::Result<usize> {
    match timeout(stall, stream.async_io(Interest::WRITABLE, &mut work)).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
