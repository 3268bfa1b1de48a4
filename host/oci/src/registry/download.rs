//! Blobs from a registry.

use super::{Progress, Registry, RegistryError, ask::bounded, tokens::Access, wire::Asked};
use crate::{
    layout::{Layout, LayoutError, MOST_MANIFEST, Partial},
    names::Digest,
};
use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use ureq::{
    Body,
    http::{Method, Response, header},
};

/// Written at once.
const PIECE: usize = 256 << 10;
/// So many bytes are worth the tries that were needed for them.
const WORTH_TRIES: u64 = 1 << 20;

/// How a blob came into the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulled {
    /// It was there.
    AlreadyThere,
    /// It came from the registry.
    Downloaded {
        /// Bytes of it that an earlier download had brought.
        resumed: u64,
    },
}

/// A blob that is at hand, and not a blob of the layout yet where it came from the registry.
#[derive(Debug)]
pub enum Fetched {
    /// The layout has it.
    AlreadyThere,
    /// It is whole, verified, and waits to be finished: only then it is in the layout.
    Arrived {
        /// All its bytes.
        partial: Partial,
        /// Bytes of it that an earlier download had brought.
        resumed: u64,
    },
}

/// What ended a download.
enum DownloadEnd {
    /// All bytes are there.
    Whole,
    /// The registry begins elsewhere than was asked: from the beginning, then.
    Elsewhere,
    /// The connection ended early.
    BrokeOff(String),
    /// More bytes than the blob has, or a length that is not the blob's.
    Lie(String),
    /// The disk.
    Ours(LayoutError),
}

impl Registry {
    /// Brings a blob into the layout, verified. What an earlier download brought of it is not fetched again.
    ///
    /// # Errors
    /// A registry that does not have it, cannot be reached, or lies. Of a lie nothing is left; of a download that broke off what came stays
    /// for the next time.
    pub fn pull_blob(
        &self,
        digest: &Digest,
        size: u64,
        layout: &Layout,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Pulled, RegistryError> {
        match self.fetch_blob(digest, size, layout, progress)? {
            Fetched::AlreadyThere => Ok(Pulled::AlreadyThere),
            Fetched::Arrived { partial, resumed } => {
                partial.finish(layout)?;
                Ok(Pulled::Downloaded { resumed })
            }
        }
    }

    /// The same, and what came waits aside: for who brings all blobs of something before any of them is in the layout.
    ///
    /// # Errors
    /// As [`Self::pull_blob`].
    pub fn fetch_blob(
        &self,
        digest: &Digest,
        size: u64,
        layout: &Layout,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Fetched, RegistryError> {
        if self.has_already(digest, size, layout)? {
            progress(Progress { digest: *digest, done: size, size });
            return Ok(Fetched::AlreadyThere);
        }
        let partial = layout.begin(digest, size)?;
        let resumed = partial.found();
        let (partial, all_new) = self.download(digest, partial, progress)?;
        if !partial.is_whole() {
            partial.discard()?;
            let why = "what came has another digest";
            return Err(RegistryError::wrong(self.host(), &format!("GET {digest}"), why));
        }
        progress(Progress { digest: *digest, done: size, size });
        Ok(Fetched::Arrived { partial, resumed: if all_new { 0 } else { resumed } })
    }

    /// A small blob, verified, in memory alone.
    ///
    /// # Errors
    /// One of more than [`MOST_MANIFEST`] bytes; as [`Self::pull_blob`].
    pub fn small_blob(&self, digest: &Digest, size: u64) -> Result<Vec<u8>, RegistryError> {
        let asked = Asked::new(Method::GET, self.place(&format!("blobs/{digest}")));
        if size > MOST_MANIFEST {
            return Err(self.wrong(&asked, "it is larger than 4 MiB"));
        }
        self.with_tries(|| {
            let answer = self.ask(asked.clone(), Access::Pull, &mut || {})?;
            let answer = self.expect(answer, &asked, &[200])?;
            let bytes = self.wire.on_thread(move || bounded(answer, size + 1), &mut || {})?;
            let bytes = bytes.map_err(|cause| RegistryError::broke_off(self.host(), &cause))?;
            if (bytes.len() as u64) < size {
                return Err(RegistryError::broke_off(self.host(), &"it ended early"));
            }
            if bytes.len() as u64 != size || Digest::of(&bytes) != *digest {
                return Err(self.wrong(&asked, "what came has another size or digest"));
            }
            Ok(bytes)
        })
    }

    /// Brings all bytes that are missing. `true` when none of an earlier download are among them.
    fn download(
        &self,
        digest: &Digest,
        mut partial: Partial,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Partial, bool), RegistryError> {
        let mut all_new = partial.is_empty();
        let mut tries = self.tries();
        loop {
            if partial.len() == partial.size() {
                // Bytes of an earlier download may be those of a power cut: all of it once more.
                if all_new || partial.is_whole() {
                    return Ok((partial, all_new));
                }
                partial.restart()?;
                all_new = true;
                // A blob of no bytes at all cannot be fetched any better.
                if partial.size() == 0 {
                    return Ok((partial, all_new));
                }
            }
            let before = partial.len();
            let (back, ended) = self.download_rest(digest, partial, progress)?;
            partial = back;
            all_new |= partial.found() == 0;
            let error = match ended {
                Ok(DownloadEnd::Whole) => continue,
                Ok(DownloadEnd::Elsewhere) => {
                    partial.restart()?;
                    all_new = true;
                    RegistryError::broke_off(self.host(), &"it cannot go on where we were")
                }
                Ok(DownloadEnd::BrokeOff(why)) => {
                    if partial.len().saturating_sub(before) >= WORTH_TRIES {
                        tries.reset();
                    }
                    RegistryError::broke_off(self.host(), &why)
                }
                Ok(DownloadEnd::Lie(why)) => {
                    partial.discard()?;
                    return Err(RegistryError::wrong(self.host(), &format!("GET {digest}"), why));
                }
                Ok(DownloadEnd::Ours(error)) => {
                    // Most likely the disk is full: what came gives its space back.
                    let _ = partial.discard();
                    return Err(error.into());
                }
                Err(error) => error,
            };
            if let Err(error) = tries.failed(error) {
                if partial.is_empty() {
                    partial.discard()?
                } else {
                    partial.keep()?
                }
                return Err(error);
            }
        }
    }

    fn has_already(&self, digest: &Digest, size: u64, layout: &Layout) -> Result<bool, RegistryError> {
        match layout.trust(digest) {
            Ok(blob) if blob.size == size => Ok(true),
            Ok(blob) => {
                let why = format!("{digest} has {} bytes, not {size}", blob.size);
                Err(RegistryError::wrong(self.host(), "the manifest", why))
            }
            Err(LayoutError::Missing(_) | LayoutError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// One request for the bytes that are missing. The file comes back, unless it was stopped.
    fn download_rest(
        &self,
        digest: &Digest,
        mut partial: Partial,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Partial, Result<DownloadEnd, RegistryError>), RegistryError> {
        let (from, size) = (partial.len(), partial.size());
        let mut asked = Asked::new(Method::GET, self.place(&format!("blobs/{digest}")));
        if from > 0 {
            asked = asked.header(header::RANGE, format!("bytes={from}-"));
        }
        let done = Arc::new(AtomicU64::new(from));
        let mut tick = || progress(Progress { digest: *digest, done: done.load(Ordering::Relaxed), size });
        let answer = self.ask(asked.clone(), Access::Pull, &mut tick);
        let answer = match answer.and_then(|answer| self.expect(answer, &asked, &[200, 206, 416])) {
            Err(RegistryError::Stopped) => return Err(RegistryError::Stopped),
            Err(error) => return Ok((partial, Err(error))),
            Ok(answer) => answer,
        };
        let begins = match begin(&answer, from, size) {
            Begin::There => Ok(()),
            Begin::Elsewhere if answer.status().as_u16() == 200 => {
                partial.restart()?;
                done.store(0, Ordering::Relaxed);
                Ok(())
            }
            Begin::Elsewhere => Err(DownloadEnd::Elsewhere),
            Begin::Lie(why) => Err(DownloadEnd::Lie(why)),
        };
        if let Err(ended) = begins {
            return Ok((partial, Ok(ended)));
        }
        let counter = done.clone();
        let received = self.wire.on_thread(
            move || {
                let ended = receive(answer, &mut partial, &counter);
                (partial, ended)
            },
            &mut tick,
        )?;
        Ok((received.0, Ok(received.1)))
    }
}

/// Where an answer begins.
enum Begin {
    There,
    Elsewhere,
    Lie(String),
}

fn begin(answer: &Response<Body>, from: u64, size: u64) -> Begin {
    let left = match answer.status().as_u16() {
        206 => match range(answer) {
            Some((first, total)) if first == from && total.is_none_or(|total| total == size) => size - from,
            Some((_, Some(total))) if total != size => {
                return Begin::Lie(format!("it has {total} bytes, not {size}"));
            }
            _ => return Begin::Elsewhere,
        },
        200 => size,
        _ => return Begin::Elsewhere,
    };
    match answer.body().content_length() {
        Some(length) if length > left || length < left && answer.status().as_u16() == 200 => {
            Begin::Lie(format!("it has {length} bytes, not {left}"))
        }
        _ if answer.status().as_u16() == 200 && from > 0 => Begin::Elsewhere,
        _ => Begin::There,
    }
}

/// `bytes FIRST-LAST/TOTAL`
fn range(answer: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let text = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, total.parse().ok()))
}

fn receive(answer: Response<Body>, partial: &mut Partial, done: &AtomicU64) -> DownloadEnd {
    let mut body = answer.into_body().into_reader();
    let mut piece = vec![0; PIECE];
    loop {
        match body.read(&mut piece) {
            Ok(0) if partial.len() == partial.size() => return DownloadEnd::Whole,
            Ok(0) => return DownloadEnd::BrokeOff("it ended early".to_owned()),
            Ok(got) => {
                if got as u64 > partial.size() - partial.len() {
                    return DownloadEnd::Lie(format!("it has more than {} bytes", partial.size()));
                }
                if let Err(error) = partial.write(&piece[..got]) {
                    return DownloadEnd::Ours(error);
                }
                done.store(partial.len(), Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return DownloadEnd::BrokeOff(error.to_string()),
        }
    }
}
