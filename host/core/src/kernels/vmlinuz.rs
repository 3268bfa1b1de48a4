//! What a kernel file says of itself.

use crate::system::FileError;
use camino::Utf8Path;
use disklessset_plugin_api::KernelVersion;
use std::{fs::File, io::Read};

/// The version inside a bzImage, from the boot protocol's header (offset of the version string at 0x20E, relative to the
/// end of the boot sector, valid when the magic `HdrS` stands at 0x202).
fn version_inside(start: &[u8]) -> Option<KernelVersion> {
    if start.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let offset = usize::from(u16::from_le_bytes(start.get(0x20E..0x210)?.try_into().ok()?)) + 0x200;
    let text = start.get(offset..)?;
    let end = text.iter().take(200).position(|byte| *byte == 0 || *byte == b' ')?;
    KernelVersion::parse(std::str::from_utf8(&text[..end]).ok()?).ok()
}

/// How much of a file is needed to find its version.
const HEAD_BYTES: u64 = 0x1_0400;

/// The version inside a kernel file; `None` when it has none that we can find.
///
/// # Errors
/// When it cannot be read.
pub(super) fn version_of_file(file: &Utf8Path) -> Result<Option<KernelVersion>, FileError> {
    let mut head = Vec::new();
    let read = File::open(file).and_then(|open| open.take(HEAD_BYTES).read_to_end(&mut head));
    read.map_err(FileError::of("read", file))?;
    Ok(version_inside(&head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_string_is_found() {
        let mut image = vec![0; 0x4000];
        image[0x202..0x206].copy_from_slice(b"HdrS");
        image[0x20E..0x210].copy_from_slice(&0x3000u16.to_le_bytes());
        image[0x3200..0x3200 + 22].copy_from_slice(b"6.1.0-37-cloud (x@y) 1");
        assert_eq!(version_inside(&image).unwrap().as_str(), "6.1.0-37-cloud");
        assert!(version_inside(&image[..0x100]).is_none());
        assert!(version_inside(b"#!/bin/sh").is_none());
    }
}
