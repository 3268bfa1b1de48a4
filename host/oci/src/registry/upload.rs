//! Blobs to a registry.

use super::{
    Progress, Registry, RegistryError,
    tokens::Access,
    wire::{Asked, Content},
};
use crate::{layout::Layout, names::Digest};
use std::{
    fs::File,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use ureq::http::{Method, header};

/// Larger ones are announced first, so that a registry that wants none does not get them.
const ANNOUNCED: u64 = 1 << 20;

/// How a blob came into the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It was there.
    AlreadyThere,
    /// It was sent.
    Uploaded,
}

impl Registry {
    /// Sends a blob of the layout, unless the registry has it. One that breaks off is begun again.
    ///
    /// # Errors
    /// A blob that is missing or damaged in the layout, and a registry that does not take it.
    pub fn push_blob(
        &self,
        digest: &Digest,
        layout: &Layout,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Pushed, RegistryError> {
        let blob = layout.trust(digest)?;
        let (file, size) = (Arc::new(blob.file), blob.size);
        let pushed = self.with_tries(|| {
            if self.has_blob(digest, size)? {
                return Ok(Pushed::AlreadyThere);
            }
            self.upload(digest, &file, size, progress).map(|()| Pushed::Uploaded)
        })?;
        progress(Progress { digest: *digest, done: size, size });
        Ok(pushed)
    }

    /// Sends a small blob from memory, unless the registry has it.
    ///
    /// # Errors
    /// A registry that does not take it.
    pub fn push_bytes(&self, bytes: &[u8]) -> Result<Pushed, RegistryError> {
        let digest = Digest::of(bytes);
        let content = Content::Bytes(Arc::from(bytes));
        self.with_tries(|| {
            if self.has_blob(&digest, bytes.len() as u64)? {
                return Ok(Pushed::AlreadyThere);
            }
            self.send_content(&digest, content.clone(), false, &mut || {}).map(|()| Pushed::Uploaded)
        })
    }

    /// Whether the registry has a blob of this size.
    ///
    /// # Errors
    /// A registry that cannot be reached, or has another one under this digest.
    pub fn has_blob(&self, digest: &Digest, size: u64) -> Result<bool, RegistryError> {
        let asked = Asked::new(Method::HEAD, self.place(&format!("blobs/{digest}")));
        let answer = self.ask(asked.clone(), Access::Push, &mut || {})?;
        if answer.status().as_u16() == 404 {
            return Ok(false);
        }
        let answer = self.expect(answer, &asked, &[200])?;
        let length = answer.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        match length.and_then(|length| length.parse::<u64>().ok()) {
            Some(length) if length != size => {
                Err(self.wrong(&asked, format!("it has {length} bytes there, not {size}")))
            }
            _ => Ok(true),
        }
    }

    fn upload(
        &self,
        digest: &Digest,
        file: &Arc<File>,
        size: u64,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), RegistryError> {
        let sent = Arc::new(AtomicU64::new(0));
        let content = Content::File { file: file.clone(), size, sent: sent.clone() };
        let mut tick = || progress(Progress { digest: *digest, done: sent.load(Ordering::Relaxed), size });
        self.send_content(digest, content, size > ANNOUNCED, &mut tick)
    }

    fn send_content(
        &self,
        digest: &Digest,
        content: Content,
        announced: bool,
        tick: &mut dyn FnMut(),
    ) -> Result<(), RegistryError> {
        let mut begin = Asked::new(Method::POST, self.place("blobs/uploads/"));
        begin.content = Content::Bytes(Arc::from([].as_slice()));
        let answer = self.ask(begin.clone(), Access::Push, &mut || {})?;
        let answer = self.expect(answer, &begin, &[202])?;
        let place = self.follow(&begin, &self.header(&answer, header::LOCATION, &begin)?)?;
        let mut asked = Asked::new(Method::PUT, place.with_query("digest", &digest.to_string()))
            .header(header::CONTENT_TYPE, "application/octet-stream");
        if announced {
            asked = asked.header(header::EXPECT, "100-continue");
        }
        asked.content = content;
        let answer = self.ask(asked.clone(), Access::Push, tick)?;
        let answer = self.expect(answer, &asked, &[201])?;
        self.must_be(&answer, digest, &asked)
    }
}
