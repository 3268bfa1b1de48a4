//! The files of an OCI layout: in a directory, or in a tar archive that is read where it lies.

use super::{
    digest::Meter,
    members::{Kind, Members},
    section::{Section, Seekable},
    unpack_error::UnpackError,
};
use crate::source::compression::{Compression, unpacked};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Host;
use oci_spec::image::{Descriptor, Digest};
use std::{
    collections::BTreeMap,
    io::{BufReader, Read, Write},
};

/// More files than any layout has.
const MOST_FILES: usize = 1 << 16;
/// Manifests and configurations are some kilobytes; tools allow four megabytes.
const MOST_TEXT: u64 = 4 << 20;

/// Where the files of a layout are.
pub(super) enum Store {
    Directory(Utf8PathBuf),
    Archive { file: Section, index: BTreeMap<String, (u64, u64)> },
}

impl Store {
    /// The layout at a path. `None` for a compressed archive: that must be [unpacked](Self::unpack) first.
    pub(super) fn open(path: &Utf8Path) -> Result<Option<Self>, UnpackError> {
        let metadata = path.metadata().map_err(|cause| UnpackError::Refused(cause.to_string()))?;
        if metadata.is_dir() {
            return Ok(Some(Self::Directory(path.to_owned())));
        }
        let file = Section::of_file(path).map_err(|cause| UnpackError::Refused(cause.to_string()))?;
        let mut start = Vec::new();
        file.clone().take(6).read_to_end(&mut start)?;
        match Compression::of(&start) {
            Compression::Plain => Self::of_archive(file).map(Some),
            Compression::Bzip2 => {
                Err(UnpackError::Refused("it is compressed with bzip2: decompress it first".to_owned()))
            }
            _ => Ok(None),
        }
    }

    /// A compressed archive, unpacked into `scratch` as its blobs are not read in the order they lie in.
    pub(super) fn unpack(path: &Utf8Path, scratch: &Utf8Path, host: &Host<'_>) -> Result<Self, UnpackError> {
        host.info(format!("decompressing {path}"));
        let target = scratch.join("oci-archive.tar");
        let packed = Section::of_file(path)?;
        let total = packed.left();
        let mut input = unpacked(BufReader::with_capacity(1 << 17, packed))?;
        let mut out = std::fs::File::create_new(&target)?;
        let mut buffer = vec![0; 1 << 17];
        for turn in 0u64.. {
            if turn.is_multiple_of(64) {
                host.checkpoint().map_err(UnpackError::Stopped)?;
                host.progress("decompressing the archive", 0, total);
            }
            match input.read(&mut buffer)? {
                0 => break,
                got => out.write_all(&buffer[..got])?,
            }
        }
        drop(out);
        let store = Self::of_archive(Section::of_file(&target)?)?;
        // Open, it is still there for us, and its room is given back when we are done.
        std::fs::remove_file(&target)?;
        Ok(store)
    }

    fn of_archive(file: Section) -> Result<Self, UnpackError> {
        let total = file.left();
        let mut members = Members::new(Seekable::new(file.clone()));
        let mut index = BTreeMap::new();
        let not_tar = |fault| match fault {
            UnpackError::Damaged(text) => UnpackError::Damaged(format!("it is no whole tar archive: {text}")),
            other => other,
        };
        while let Some(member) = members.next().map_err(not_tar)? {
            let Ok(name) = std::str::from_utf8(&member.path) else { continue };
            let name = name.trim_start_matches("./");
            let wanted =
                ["oci-layout", "index.json", "manifest.json"].contains(&name) || name.starts_with("blobs/");
            if member.kind != Kind::File || !wanted || member.sparse.is_some() {
                continue;
            }
            if index.len() == MOST_FILES {
                return Err(UnpackError::Refused(format!("it has more than {MOST_FILES} files")));
            }
            let at = total - members.input().left();
            if file.part(at, member.stored).is_none() {
                return Err(UnpackError::Damaged("it ends in the middle of a file".to_owned()));
            }
            index.insert(name.to_owned(), (at, member.stored));
        }
        Ok(Self::Archive { file, index })
    }

    fn file(&self, name: &str) -> std::io::Result<Section> {
        match self {
            Self::Directory(path) => Section::of_file(&path.join(name)),
            Self::Archive { file, index } => {
                let found = index.get(name).and_then(|(at, length)| file.part(*at, *length));
                found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))
            }
        }
    }

    /// Whether it is a directory, and no archive.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self, Self::Directory(_))
    }

    /// Whether it has a file of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.file(name).is_ok()
    }

    /// A small file of the layout itself, which no digest vouches for.
    pub(super) fn text(&self, name: &str) -> Result<Vec<u8>, UnpackError> {
        let fault = |cause: &dyn std::fmt::Display| {
            UnpackError::Damaged(format!("its file {name} cannot be read: {cause}"))
        };
        let file = self.file(name).map_err(|cause| fault(&cause))?;
        read_small(file, name)
    }

    /// The blob that a descriptor tells of, its size checked and its digest not.
    pub(super) fn blob(&self, descriptor: &Descriptor) -> Result<Section, UnpackError> {
        let digest = descriptor.digest();
        let file = self.file(&name_of(digest)).map_err(|cause| match cause.kind() {
            std::io::ErrorKind::NotFound => UnpackError::Damaged(format!("its blob {digest} is missing")),
            _ => UnpackError::Damaged(format!("its blob {digest} cannot be read: {cause}")),
        })?;
        if file.left() == descriptor.size() {
            return Ok(file);
        }
        let (is, should) = (file.left(), descriptor.size());
        Err(UnpackError::Damaged(format!("its blob {digest} has {is} bytes, not {should}")))
    }

    /// A small blob, verified.
    pub(super) fn verified(&self, descriptor: &Descriptor) -> Result<Vec<u8>, UnpackError> {
        let digest = descriptor.digest();
        let meter = Meter::like(digest)?;
        let bytes = read_small(self.blob(descriptor)?, digest.as_ref())?;
        meter.update(&bytes);
        meter.check(digest, &format!("its blob {digest}"))?;
        Ok(bytes)
    }
}

/// A digest holds no slash and no dots alone: its type sees to that.
fn name_of(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.digest())
}

fn read_small(file: Section, name: &str) -> Result<Vec<u8>, UnpackError> {
    if file.left() > MOST_TEXT {
        return Err(UnpackError::Refused(format!("its {name} is larger than 4 MiB")));
    }
    let mut bytes = Vec::new();
    file.take(MOST_TEXT).read_to_end(&mut bytes)?;
    Ok(bytes)
}
