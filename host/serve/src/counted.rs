//! A response body that reports, once it is over, how many bytes of it went out.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::server::Transfer;

/// Called once with the bytes sent and whether that was all of them.
type Done = Box<dyn FnOnce(u64, Transfer) + Send>;

pub(super) struct Counted<B> {
    inner: B,
    sent: u64,
    announced: u64,
    done: Option<Done>,
}

impl<B> Counted<B> {
    /// Wraps `inner`, of which `announced` bytes were promised (0 when none will be asked for).
    ///
    /// The promise decides what complete means: hyper drops a body as soon as its announced length
    /// is out, without asking it for an end.
    pub(super) fn new(inner: B, announced: u64, done: impl FnOnce(u64, Transfer) + Send + 'static) -> Self {
        Self { inner, sent: 0, announced, done: Some(Box::new(done)) }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            let transfer = match self.sent >= self.announced {
                true => Transfer::Complete,
                false => Transfer::CutShort,
            };
            done(self.sent, transfer);
        }
    }
}
