//! What is answered beside files: what nodes report, and pages.

use std::net::SocketAddr;

/// The most bytes of a body that is read.
pub(crate) const MOST_BODY: usize = 1024;

/// An answer that is made, and no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// HTTP status.
    pub status: u16,
    /// What its text is.
    pub content_type: &'static str,
    /// Its text.
    pub text: String,
    /// What was wrong, for the operator.
    pub problem: Option<String>,
}

/// Whoever answers beside files. It is asked by many threads at once, and must not make them wait.
pub trait Desk: Send + Sync + 'static {
    /// Whether something may be sent to this path with POST.
    fn takes(&self, path: &str) -> bool;

    /// Takes what was sent there: at most 1,024 bytes.
    fn take(&self, peer: SocketAddr, path: &str, body: &[u8]) -> Said;

    /// A page; none of a path that has none. `query` is what follows the question mark.
    fn page(&self, path: &str, query: &str) -> Option<Said>;
}
