//! Puts blobs into a layout: so that they share their data with the file they are made of, where that is possible.

use super::{
    Layout, LayoutError,
    incoming_blob::IncomingBlob,
    source::{Known, Source},
};
use crate::names::Digest;
use camino::Utf8Path;
use disklessset_system::durable;

/// How a blob shares its data with the file that it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// The file system shares the data; who writes to one of them changes that one only.
    Reflink,
    /// It is the same file under a second name; who writes to it damages the blob.
    HardLink,
    /// Not at all: another file system, or one that can do neither.
    Copy,
}

/// A blob that is in the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Put {
    /// Its name.
    pub digest: Digest,
    /// Bytes in it.
    pub size: u64,
    /// How its data is shared; nothing when the blob was there already.
    pub sharing: Option<Sharing>,
}

impl Layout {
    /// Puts a file into the layout as a blob, durably. The file is read once, and not at all when its digest is known and no copy is
    /// needed. A damaged blob of that name is replaced.
    ///
    /// A hard link changes the file's ctime: a stamp of it that was made before is not good afterwards.
    ///
    /// # Errors
    /// Anything but a regular file; a file that is written to meanwhile; what the system refuses. The layout is unchanged then.
    pub fn put_file(&self, path: &Utf8Path, known: Option<Known>) -> Result<Put, LayoutError> {
        let source = Source::open(path)?;
        let size = source.stamp.size();
        let known = known.filter(|known| known.stamp == source.stamp).map(|known| known.digest);
        if let Some(digest) = known
            && self.has(&digest)?
        {
            return Ok(Put { digest, size, sharing: None });
        }
        durable::create_dir_all(&self.incoming(), 0o700)?;
        let mut incoming = self.reflink(&source, known)?;
        if incoming.is_none() && self.can_link(&source) {
            let digest = known.map_or_else(|| source.hash(&self.stop), Ok)?;
            // Looked at before it is linked, which would change the ctime of a blob that is this very file.
            if known.is_none() && self.has(&digest)? {
                return Ok(Put { digest, size, sharing: None });
            }
            incoming = self.link(&source, digest)?;
        }
        let incoming = incoming.map_or_else(|| self.copied(&source.file, path), Ok)?;
        source.must_be_same()?;
        self.publish(&incoming, size)
    }

    /// Puts a small blob into the layout, durably: a manifest, a configuration.
    ///
    /// # Errors
    /// What the system refuses. The layout is unchanged then.
    pub fn put_bytes(&self, bytes: &[u8]) -> Result<Put, LayoutError> {
        let (digest, size) = (Digest::of(bytes), bytes.len() as u64);
        if self.has(&digest)? {
            return Ok(Put { digest, size, sharing: None });
        }
        durable::create_dir_all(&self.incoming(), 0o700)?;
        let incoming = self.copied(bytes, &self.blob_path(&digest))?;
        self.publish(&incoming, size)
    }

    /// Gives a whole file aside its name, durably.
    fn publish(&self, incoming: &IncomingBlob, size: u64) -> Result<Put, LayoutError> {
        let digest = incoming.digest;
        if self.has(&digest)? {
            return Ok(Put { digest, size, sharing: None });
        }
        durable::sync_path(&incoming.path)?;
        self.put_in_place(&incoming.path, &digest)?;
        Ok(Put { digest, size, sharing: Some(incoming.sharing) })
    }
}
