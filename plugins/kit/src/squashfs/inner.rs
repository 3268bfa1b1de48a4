//! What the file system in a classic image says of itself: whether its maker made it, and all of it.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result, Size};
use std::os::unix::fs::FileExt;

/// Where the superblock of ext4 begins.
const SUPERBLOCK: u64 = 1024;
/// Inodes that ext4 keeps for itself; the root directory is one of them.
const RESERVED: u64 = 10;

/// Asserts that a file is an ext4 file system of a size with so many files in it, the root directory counted.
///
/// # Errors
/// When it is none, or lacks some.
pub(super) fn must_hold(file: &Utf8Path, size: Size, inodes: u64) -> Result<()> {
    let fault =
        |cause: std::io::Error| Error::failed(format!("cannot read the file system {file}")).because(cause);
    let opened = std::fs::File::open(file).map_err(fault)?;
    let length = opened.metadata().map_err(fault)?.len();
    let mut head = [0u8; 64];
    opened.read_exact_at(&mut head, SUPERBLOCK).map_err(fault)?;
    let wrong = |what: String| Err(Error::failed(format!("mkfs.ext4 ended well, and {file} {what}")));
    let Some(made) = Made::parse(&head) else { return wrong("is no ext4 file system".to_owned()) };
    if length != size.as_bytes() || made.bytes > length {
        return wrong(format!("has {length} bytes, its file system {}, wanted are {size}", made.bytes));
    }
    // `lost+found` is one more, unless the tree brings one.
    let expected = RESERVED + inodes.saturating_sub(1);
    if made.used < expected {
        return wrong(format!("has {} inodes in use of {expected}", made.used));
    }
    Ok(())
}

struct Made {
    bytes: u64,
    used: u64,
}

impl Made {
    /// The fields at their places, little endian. Sizes beyond 32 bits of blocks are beyond those of images.
    fn parse(head: &[u8; 64]) -> Option<Self> {
        let at = |at: usize| Some(u64::from(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?)));
        if head[56..58] != [0x53, 0xEF] {
            return None;
        }
        let block = 1024u64.checked_shl(u32::try_from(at(24)?).ok()?)?;
        Some(Self { bytes: at(4)?.checked_mul(block)?, used: at(0)?.checked_sub(at(16)?)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    /// A file system of one mebibyte, with so many inodes, so many of them free.
    fn made(place: &tempfile::TempDir, inodes: u32, free: u32) -> Utf8PathBuf {
        let mut head = [0u8; 64];
        for (at, value) in [(0, inodes), (4, 256), (16, free), (24, 2)] {
            head[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        head[56..58].copy_from_slice(&[0x53, 0xEF]);
        let path = Utf8PathBuf::from_path_buf(place.path().join("rootfs.img")).unwrap();
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(&head, SUPERBLOCK).unwrap();
        path
    }

    #[test]
    fn a_whole_one_is_told_from_one_that_lacks_something() {
        let place = tempfile::tempdir().unwrap();
        let size = Size::mebibytes(1);
        let file = made(&place, 100, 80);
        must_hold(&file, size, 10).unwrap();
        must_hold(&file, size, 11).unwrap();
        assert!(must_hold(&file, size, 12).is_err());
        assert!(must_hold(&file, Size::mebibytes(2), 10).is_err());
        std::fs::File::create(&file).unwrap().set_len(1 << 20).unwrap();
        let error = must_hold(&file, size, 1).unwrap_err().to_string();
        assert!(error.contains("is no ext4 file system"), "{error}");
    }
}
