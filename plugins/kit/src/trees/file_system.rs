//! What a path lies on.

use crate::mounts;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Result};

/// The number by which the kernel tells btrfs.
const BTRFS: i64 = 0x9123_683e;
/// The one of XFS.
const XFS: i64 = 0x5846_5342;
/// The one of ext2, ext3 and ext4.
const EXT: i64 = 0xef53;
/// The one of tmpfs.
const MEMORY: i64 = 0x0102_1994;

/// A file system as far as copying is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Shares data, makes snapshots, may compress.
    Btrfs,
    /// Shares data.
    Xfs,
    /// ext2, ext3 or ext4.
    Ext,
    /// tmpfs.
    Memory,
    /// Any other.
    Other,
}

/// The kind of file system a path lies on.
///
/// # Errors
/// What the system refuses.
pub fn kind(path: &Utf8Path) -> Result<Kind> {
    let stat = rustix::fs::statfs(path.as_std_path())
        .map_err(|cause| Error::failed(format!("cannot look at the file system of {path}")).because(cause))?;
    // The type of this field differs between architectures; the numbers fit 32 bits.
    Ok(match i64::from(stat.f_type as u32) {
        BTRFS => Kind::Btrfs,
        XFS => Kind::Xfs,
        EXT => Kind::Ext,
        MEMORY => Kind::Memory,
        _ => Kind::Other,
    })
}

/// The name of the file system a path lies on, such as `ext4`, for messages.
pub(super) fn name(path: &Utf8Path) -> String {
    let real = path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned());
    let mounts = mounts::at_or_below(Utf8Path::new("/")).unwrap_or_default();
    // What covers a place comes after what it covers.
    let depth = |target: &Utf8PathBuf| target.components().count();
    let above = mounts.into_iter().filter(|mount| real.starts_with(&mount.target));
    above.max_by_key(|mount| depth(&mount.target)).map_or_else(|| "of an unknown type".to_owned(), |m| m.kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_deepest_mount_above_names_it() {
        assert_eq!(name(Utf8Path::new("/proc/self")), "proc");
        assert_eq!(kind(Utf8Path::new("/proc")).unwrap(), Kind::Other);
    }
}
