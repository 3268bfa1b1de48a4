//! Reading one layer: decompressed, measured, member by member.

use super::{
    digest::{Meter, Metered},
    layout::Layer,
    members::{Member, Members},
    store::Store,
    unpack_error::UnpackError,
};
use crate::source::compression::{Compression, unpacked};
use disklessset_plugin_api::Host;
use std::io::{BufRead, BufReader, Read};

const BUFFER: usize = 1 << 17;
/// Unpacked bytes between two looks at whether the user has had enough.
const STRIDE: u64 = 8 << 20;

/// What is checked while a layer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// Digest of the blob, digest of what is in it, and that it unpacks to at most so many bytes.
    All { most_bytes: u64 },
    /// The digest of the blob again: it lies where others may write.
    Blob,
}

/// A layer that can be read, more than once.
pub(super) struct Source<'s, 'h> {
    pub(super) store: &'s Store,
    pub(super) layer: &'s Layer,
    pub(super) host: &'s Host<'h>,
}

impl Source<'_, '_> {
    /// Hands every member with its data to `visit`, then checks the digests.
    pub(super) fn read(
        &self,
        label: &str,
        check: Check,
        visit: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let read = self.stream(label, check, visit);
        if matches!(read, Err(UnpackError::Damaged(_))) {
            // A blob that is not the one that was meant is the better reason.
            self.verify()?;
        }
        read
    }

    fn stream(
        &self,
        label: &str,
        check: Check,
        visit: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), UnpackError>,
    ) -> Result<(), UnpackError> {
        let (blob, diff_id) = (&self.layer.blob, &self.layer.diff_id);
        let (packed, content) = (Meter::like(blob.digest())?, Meter::like(diff_id)?);
        let mut input =
            BufReader::with_capacity(BUFFER, Metered { inner: self.store.blob(blob)?, meter: &packed });
        if Compression::of(input.fill_buf()?) == Compression::Xz {
            return Err(UnpackError::Refused("it is compressed with xz, which layers never are".to_owned()));
        }
        let paced = |inner| Paced {
            inner,
            host: self.host,
            label,
            done: &packed,
            total: blob.size(),
            most_bytes: if let Check::All { most_bytes } = check { most_bytes } else { u64::MAX },
            seen: 0,
            next: 0,
        };
        let unpacked = unpacked(input)?;
        match check {
            Check::All { .. } => {
                walk(
                    BufReader::with_capacity(
                        BUFFER,
                        paced(Box::new(Metered { inner: unpacked, meter: &content })),
                    ),
                    visit,
                )?;
            }
            Check::Blob => walk(BufReader::with_capacity(BUFFER, paced(unpacked)), visit)?,
        }
        packed.check(blob.digest(), "the layer")?;
        match check {
            Check::All { .. } => content.check(diff_id, "what is in it"),
            Check::Blob => Ok(()),
        }
    }

    /// Fails unless the blob has its digest.
    fn verify(&self) -> Result<(), UnpackError> {
        let blob = &self.layer.blob;
        let meter = Meter::like(blob.digest())?;
        std::io::copy(&mut Metered { inner: self.store.blob(blob)?, meter: &meter }, &mut std::io::sink())?;
        meter.check(blob.digest(), "the layer")
    }
}

/// All members, and then whatever follows the end of the archive: digests are of that too.
fn walk<R: Read>(
    input: BufReader<R>,
    visit: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), UnpackError>,
) -> Result<(), UnpackError> {
    let mut members = Members::new(input);
    while let Some(member) = members.next()? {
        visit(&member, &mut members)?;
    }
    std::io::copy(members.input(), &mut std::io::sink())?;
    Ok(())
}

/// Tells how far the reading is, stops when the user asks for it, and before a layer fills the disk.
struct Paced<'p, 'h> {
    inner: Box<dyn Read + 'p>,
    host: &'p Host<'h>,
    label: &'p str,
    done: &'p Meter,
    total: u64,
    most_bytes: u64,
    seen: u64,
    next: u64,
}

impl Read for Paced<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.inner.read(buffer)?;
        self.seen += got as u64;
        if self.seen > self.most_bytes {
            let most_bytes = self.most_bytes >> 20;
            let text = format!("it unpacks to more than the {most_bytes} MiB that are free");
            return Err(std::io::Error::new(std::io::ErrorKind::StorageFull, text));
        }
        if self.seen >= self.next {
            self.next = self.seen + STRIDE;
            self.host.progress(self.label, self.done.count(), self.total);
            self.host.checkpoint().map_err(std::io::Error::other)?;
        }
        Ok(got)
    }
}
