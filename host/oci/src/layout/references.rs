//! Which blobs manifests lead to, on record: whoever removes a few versions reads one small file, not the manifests of all others.
//!
//! A manifest has its digest as its name, so what it leads to never changes: a record is right for ever, or damaged, and then its own check
//! tells. Where the file is damaged or gone, the manifests are read again. Who uses it holds the lock under which the layout is changed.

use super::{Entry, Index, Layout, LayoutError, manifests::Kind};
use crate::names::Digest;
use camino::Utf8PathBuf;
use disklessset_system::{FileError, durable};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    io::Write,
    ops::Range,
};

/// The file, in the directory of the records of how blobs looked.
const FILE: &str = "references";
/// The most that is read of it, in bytes: some 300,000 manifests.
const MOST_BYTES: u64 = 64 << 20;
/// The bytes of a digest.
const DIGEST: usize = 32;
/// A record: check, kind, manifest, number of blobs in two bytes; the blobs follow.
const HEAD: usize = CHECK + 1 + DIGEST + 2;
/// The bytes at the beginning of a record that are those of the digest of its rest.
const CHECK: usize = 8;
/// So many records of manifests that are gone may be more than those of the ones that are there.
const SPARE: usize = if cfg!(test) { 20 } else { 1000 };

/// The records, those of the file in front.
struct References {
    bytes: Vec<u8>,
    /// Where the blobs of a manifest are in the bytes.
    known: HashMap<(Digest, Kind), Range<usize>>,
    /// How many of the bytes are in the file.
    in_file: usize,
    /// Whether something else is in the file, too.
    is_damaged: bool,
}

impl Layout {
    /// The blobs that these manifests lead to, and no manifest of the index: what may be removed with them, the manifests themselves at the
    /// end. A blob that no manifest ever named is none of them.
    ///
    /// # Errors
    /// When a manifest that is on record nowhere cannot be read: then it is not known what is needed.
    pub fn blobs_of_these_alone(&self, gone: &[Digest], index: &Index) -> Result<Vec<Digest>, LayoutError> {
        let mut references = References::load(self);
        let mut alone: BTreeSet<Digest> = gone.iter().copied().collect();
        for manifest in gone {
            alone.extend(references.of(self, manifest, Kind::Manifest)?);
        }
        for entry in index.entries() {
            alone.remove(&entry.digest);
            if let Some(kind) = Kind::of(&entry.media_type) {
                for blob in references.of(self, &entry.digest, kind)? {
                    alone.remove(&blob);
                }
            }
        }
        references.save(self, index);
        let (manifests, mut blobs): (Vec<_>, Vec<_>) =
            alone.into_iter().partition(|blob| gone.contains(blob));
        blobs.extend(manifests);
        Ok(blobs)
    }

    fn references_path(&self) -> Utf8PathBuf {
        self.stamps.join(FILE)
    }
}

impl References {
    fn load(layout: &Layout) -> Self {
        let (mut bytes, is_unreadable) = match durable::read_bounded(&layout.references_path(), MOST_BYTES) {
            Ok(bytes) => (bytes, false),
            Err(error) => (Vec::new(), !error.is_not_found()),
        };
        let (mut known, mut at) = (HashMap::new(), 0);
        while let Some((key, blobs)) = record(&bytes, at) {
            at = blobs.end;
            known.insert(key, blobs);
        }
        let is_damaged = is_unreadable || at != bytes.len();
        bytes.truncate(at);
        Self { bytes, known, in_file: at, is_damaged }
    }

    /// The blobs that a manifest leads to, without itself.
    fn of(&mut self, layout: &Layout, manifest: &Digest, kind: Kind) -> Result<Vec<Digest>, LayoutError> {
        let Some(range) = self.known.get(&(*manifest, kind)) else {
            let blobs = layout.blobs_of(manifest, kind)?;
            self.add(manifest, kind, &blobs);
            return Ok(blobs);
        };
        let digest = |bytes: &[u8]| Digest::from_bytes(bytes.try_into().unwrap_or([0; DIGEST]));
        Ok(self.bytes[range.clone()].chunks_exact(DIGEST).map(digest).collect())
    }

    fn add(&mut self, manifest: &Digest, kind: Kind, blobs: &[Digest]) {
        let begin = self.bytes.len();
        // One of more blobs, which no image has, is read each time.
        let Ok(count) = u16::try_from(blobs.len()) else { return };
        let mut rest = vec![kind as u8];
        rest.extend(manifest.bytes());
        rest.extend(count.to_le_bytes());
        rest.extend(blobs.iter().flat_map(Digest::bytes));
        self.bytes.extend(&Digest::of(&rest).bytes()[..CHECK]);
        self.bytes.extend(rest);
        self.known.insert((*manifest, kind), begin + HEAD..self.bytes.len());
    }

    /// Writes what is new to the end of the file, or all of it anew where too much in it is of no use any more. It is a record that costs a
    /// look at manifests when it is not there: nothing is flushed, and what cannot be written is left.
    fn save(&self, layout: &Layout, index: &Index) {
        let path = layout.references_path();
        let wanted: HashSet<(Digest, Kind)> = index.entries().iter().filter_map(key).collect();
        if self.is_damaged || self.known.len() > 2 * wanted.len() + SPARE {
            let kept = self.known.iter().filter(|(key, _)| wanted.contains(key));
            let all: Vec<u8> =
                kept.flat_map(|(_, range)| &self.bytes[range.start - HEAD..range.end]).copied().collect();
            let _ = durable::replace(&path, &all, 0o600);
            return;
        }
        let new: Vec<u8> = {
            let mut ranges: Vec<_> = self.known.values().filter(|range| range.start > self.in_file).collect();
            ranges.sort_by_key(|range| range.start);
            ranges.into_iter().flat_map(|range| &self.bytes[range.start - HEAD..range.end]).copied().collect()
        };
        if !new.is_empty() {
            let opened = durable::open_append(&path, 0o600);
            let _ = opened.and_then(|mut file| file.write_all(&new).map_err(FileError::of("write", &path)));
        }
    }
}

fn key(entry: &Entry) -> Option<(Digest, Kind)> {
    Some((entry.digest, Kind::of(&entry.media_type)?))
}

/// The record that begins there: its manifest, and where its blobs are. None where there is no whole one.
fn record(bytes: &[u8], at: usize) -> Option<((Digest, Kind), Range<usize>)> {
    let head = bytes.get(at..at + HEAD)?;
    let count = u16::from_le_bytes(head[HEAD - 2..].try_into().ok()?);
    let blobs = at + HEAD..at + HEAD + usize::from(count) * DIGEST;
    let rest = bytes.get(at + CHECK..blobs.end)?;
    let kind = [Kind::Index, Kind::Manifest].into_iter().find(|kind| *kind as u8 == rest[0])?;
    let manifest = Digest::from_bytes(rest[1..=DIGEST].try_into().ok()?);
    (Digest::of(rest).bytes()[..CHECK] == head[..CHECK]).then_some(((manifest, kind), blobs))
}
