//! Files in `.incoming` that are about to become blobs.

use super::{
    Layout, LayoutError, Sharing,
    hashing::{copy, hash},
    source::Source,
};
use crate::names::Digest;
use camino::Utf8PathBuf;
use disklessset_system::{FileError, beneath, durable};
use rustix::{
    fs::{AtFlags, CWD, linkat},
    io::Errno,
};
use std::{
    fs::File,
    os::unix::fs::MetadataExt,
    sync::atomic::{AtomicU32, Ordering},
};

/// A whole file that has no place yet. Dropped before it is published, it is removed.
pub(super) struct IncomingBlob {
    pub(super) path: Utf8PathBuf,
    pub(super) digest: Digest,
    pub(super) sharing: Sharing,
}

impl Drop for IncomingBlob {
    fn drop(&mut self) {
        // Ours alone, or published and not there any more; what led here is what is told.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Layout {
    /// A reflink of the source; nothing where the file system has none.
    pub(super) fn reflink(
        &self,
        source: &Source<'_>,
        known: Option<Digest>,
    ) -> Result<Option<IncomingBlob>, LayoutError> {
        let (path, file) = durable::create_temporary(&self.incoming().join("blob"), 0o644)?;
        // The digest is told below: until then it is removed if anything fails.
        let mut incoming = IncomingBlob { path, digest: Digest::of(b""), sharing: Sharing::Reflink };
        use Errno as E;
        match rustix::fs::ioctl_ficlone(&file, &source.file) {
            Ok(()) => {}
            Err(E::OPNOTSUPP | E::XDEV | E::INVAL | E::NOTTY | E::NOSYS | E::PERM | E::TXTBSY) => {
                return Ok(None);
            }
            Err(error) => return Err(FileError::of("clone", source.path)(error).into()),
        }
        incoming.digest = match known {
            Some(digest) => digest,
            // What was cloned is ours: nobody writes to it any more.
            None => hash(&file, &self.stop).map_err(FileError::of("read", &incoming.path))?.0,
        };
        Ok(Some(incoming))
    }

    /// Whether a blob can be a hard link of the source. It would have its mode: what not everybody may read is copied, since web servers
    /// read blobs.
    pub(super) fn can_link(&self, source: &Source<'_>) -> bool {
        let same = self.blobs().metadata().is_ok_and(|found| found.dev() == source.device);
        same && source.mode & 0o444 == 0o444
    }

    /// A second name for the source; nothing where it can have none.
    pub(super) fn link(
        &self,
        source: &Source<'_>,
        digest: Digest,
    ) -> Result<Option<IncomingBlob>, LayoutError> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let open = beneath::own_path(&source.file);
        loop {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = self.incoming().join(format!(".link.{}-{number}.new", std::process::id()));
            use Errno as E;
            return match linkat(CWD, open.as_str(), CWD, path.as_std_path(), AtFlags::SYMLINK_FOLLOW) {
                Err(E::EXIST) => continue,
                Ok(()) => Ok(Some(IncomingBlob { path, digest, sharing: Sharing::HardLink })),
                Err(E::XDEV | E::PERM | E::MLINK | E::OPNOTSUPP | E::ACCESS | E::NOENT) => Ok(None),
                Err(error) => Err(FileError::of("link", source.path)(error).into()),
            };
        }
    }

    /// A copy of what is read, hashed on its way; `of` is for messages.
    pub(super) fn copied(
        &self,
        from: impl std::io::Read,
        of: &camino::Utf8Path,
    ) -> Result<IncomingBlob, LayoutError> {
        let (path, mut file) = durable::create_temporary(&self.incoming().join("blob"), 0o644)?;
        let mut incoming = IncomingBlob { path, digest: Digest::of(b""), sharing: Sharing::Copy };
        let copied = copy(from, &mut file, &self.stop).map_err(FileError::of("read", of))?;
        incoming.digest = copied.map_err(FileError::of("write", &incoming.path))?;
        Ok(incoming)
    }

    /// Renames a file that is on disk to the name of its blob, and records how it looks.
    pub(super) fn put_in_place(&self, path: &camino::Utf8Path, digest: &Digest) -> Result<(), LayoutError> {
        let blob = self.blob_path(digest);
        let look = |file: &File| super::Stamp::of(file).map_err(FileError::of("inspect", path));
        let file = File::open(path).map_err(FileError::of("open", path))?;
        let before = look(&file)?;
        durable::rename_replacing(path, &blob)?;
        let after = look(&file)?;
        if after.same_content(&before) {
            return self.record_stamp(digest, &after);
        }
        self.forget_stamp(digest)?;
        Err(LayoutError::Changing { path: blob })
    }
}
