//! A file on its way over TFTP, which is reported when it is over.

use std::fs::File;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::AsyncRead;
use tokio::sync::OwnedSemaphorePermit;

use crate::report::Underway;

/// A file that is read block by block. What was read counts as sent: the last blocks may be missing.
pub(crate) struct Transfer {
    file: File,
    underway: Underway,
    _place: OwnedSemaphorePermit,
}

impl Transfer {
    pub(super) fn new(file: File, underway: Underway, place: OwnedSemaphorePermit) -> Self {
        Self { file, underway, _place: place }
    }
}

impl AsyncRead for Transfer {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // Loaders are small, and in the page cache from the second node on.
        let read = self.file.read(into);
        if let Ok(count) = read {
            self.underway.sent(count as u64);
        }
        Poll::Ready(read)
    }
}
