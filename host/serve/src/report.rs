//! What became of each request, for whoever wants to know.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a caller may want to know of the server.
pub trait Observer: Send + Sync + 'static {
    /// A request was answered and its body is over.
    fn finished(&self, report: RequestReport);

    /// There are as many connections as there may be: new ones wait.
    fn full(&self, _connections: usize) {}
}

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct RequestReport {
    /// Who asked; behind a trusted proxy, whom it asked for.
    pub peer: SocketAddr,
    /// The proxy that asked for another.
    pub via: Option<IpAddr>,
    /// `GET`, `HEAD`, …; empty when the request could not be understood.
    pub method: String,
    /// The path as asked for, without leading slashes and query.
    pub path: String,
    /// The same below the served directory, without escapes; empty when it is no path.
    pub file: String,
    /// The client's `User-Agent`, empty when it sent none.
    pub agent: String,
    /// What the client called this server (`Host`), empty when it did not say.
    pub host: String,
    /// HTTP status.
    pub status: u16,
    /// Bytes of body sent.
    pub bytes: u64,
    /// Whether that was all of it.
    pub transfer: Transfer,
    /// From the request's head to the end of the answer.
    pub took: Duration,
    /// Why a path was refused or failed, for people.
    pub problem: Option<String>,
}

/// Whether a body went out whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// All bytes announced were sent.
    Complete,
    /// The client went away, or the file could not be read to its end.
    CutShort,
}

/// An answer that is being sent. However it ends, it is reported, once.
pub(crate) struct Underway {
    observer: Arc<dyn Observer>,
    report: Option<RequestReport>,
    begun: Instant,
    announced: u64,
    sent: u64,
}

impl Underway {
    /// One of whose body so many bytes were announced.
    pub(crate) fn new(observer: Arc<dyn Observer>, report: RequestReport, announced: u64) -> Self {
        Self { observer, report: Some(report), begun: Instant::now(), announced, sent: 0 }
    }

    /// So many bytes of the body went out.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.sent += bytes;
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let transfer = if self.sent >= self.announced { Transfer::Complete } else { Transfer::CutShort };
        if let Some(report) = self.report.take() {
            let took = self.begun.elapsed();
            self.observer.finished(RequestReport { bytes: self.sent, transfer, took, ..report });
        }
    }
}
