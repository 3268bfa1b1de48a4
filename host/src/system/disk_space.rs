//! How much room there is, for messages that say so before a long job runs out of it.

use camino::Utf8Path;
use nix::sys::statvfs::statvfs;

use crate::system::FileError;

/// Bytes that can still be written at a place by those who are not root; of the nearest directory above it that exists.
///
/// # Errors
/// What the system refuses.
pub fn free_bytes(path: &Utf8Path) -> Result<u64, FileError> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Utf8Path::new("."));
    let space = statvfs(existing.as_std_path()).map_err(FileError::of("tell the free space at", existing))?;
    Ok(space.blocks_available() * space.fragment_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_there_yet_has_the_room_of_the_directory_above() {
        let temp = tempfile::tempdir().unwrap();
        let above = Utf8Path::from_path(temp.path()).unwrap();
        let (here, there) = (free_bytes(above).unwrap(), free_bytes(&above.join("not/yet")).unwrap());
        assert!(here > 0 && here.abs_diff(there) < here / 2, "{here} {there}");
        assert_eq!(free_bytes("/proc".into()).unwrap(), 0);
    }
}
