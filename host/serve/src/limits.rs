//! What a client may take of the server, and how long.

use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};

/// The most connections at once, where the system gives descriptors for them.
const CONNECTIONS: u64 = 16_384;
/// Descriptors for all else: listeners, logs, directories.
const OTHER_DESCRIPTORS: u64 = 64;
/// A connection has its socket and the file that is sent.
const DESCRIPTORS_EACH: u64 = 2;

/// What a client may take of the server, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// Without any request.
    pub idle: Duration,
    /// Without taking a byte of an answer.
    pub stall: Duration,
    /// For answers under way when the server stops.
    pub grace: Duration,
    /// Connections at once. Further ones wait until one of these ends.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            grace: Duration::from_secs(5),
            connections: 1024,
        }
    }
}

impl Limits {
    /// As many connections as the process may have descriptors for, whose limit is raised as far as it can be.
    #[must_use]
    pub fn of_this_process() -> Self {
        let mut limit = getrlimit(Resource::Nofile);
        let had = limit.current;
        limit.current = limit.maximum;
        // Where it cannot be raised, there are fewer connections.
        let may = if setrlimit(Resource::Nofile, limit).is_ok() { limit.maximum } else { had };
        let descriptors = may.unwrap_or(u64::MAX).saturating_sub(OTHER_DESCRIPTORS);
        let connections = (descriptors / DESCRIPTORS_EACH).clamp(1, CONNECTIONS);
        Self { connections: usize::try_from(connections).unwrap_or(1), ..Self::default() }
    }
}
