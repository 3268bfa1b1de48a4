//! How much room there is, for messages that say so before a long job runs out of it, and for those that say so afterwards.

use std::collections::HashSet;
use std::fmt;
use std::os::unix::fs::MetadataExt;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::statvfs::{FsFlags, statvfs};

use crate::system::{FileError, mountinfo};

/// What a file system has and has left, for root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Where it is mounted.
    pub mounted_at: Utf8PathBuf,
    /// Its type.
    pub kind: String,
    /// Bytes that root can still write, at most: some file systems keep a little for themselves.
    pub free: u64,
    /// Bytes it has in all.
    pub all: u64,
    /// Files that can still be made, and those it can hold in all; nothing where it has no limit of its own.
    pub files: Option<(u64, u64)>,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

impl Room {
    /// Whether what is left is next to nothing.
    pub fn is_full(&self) -> bool {
        self.free < (self.all / 200).max(64 * 1024) || self.is_out_of_files()
    }

    /// Whether no file can be made any more, whatever room there is.
    pub fn is_out_of_files(&self) -> bool {
        self.files.is_some_and(|(free, _)| free == 0)
    }
}

impl fmt::Display for Room {
    /// `0 of 96M`, as it reads before "free".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", Bytes(self.free), Bytes(self.all))
    }
}

/// A number of bytes for people, in binary units: `700M`, `1.8G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 40, "T"), (1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        match units.into_iter().find(|(unit, _)| self.0 >= *unit) {
            None => write!(f, "{}", self.0),
            Some((unit, name)) if self.0 >= 10 * unit => write!(f, "{}{name}", self.0 / unit),
            Some((unit, name)) => write!(f, "{}.{}{name}", self.0 / unit, self.0 % unit * 10 / unit),
        }
    }
}

/// The room at a place; of the nearest directory above it where it is not there.
///
/// # Errors
/// What the system refuses.
pub fn room_at(path: &Utf8Path) -> Result<Room, FileError> {
    let there = path.ancestors().find(|above| above.symlink_metadata().is_ok()).unwrap_or(Utf8Path::new("."));
    let space = statvfs(there.as_std_path()).map_err(FileError::of("tell the free space at", there))?;
    let real = there.canonicalize_utf8().map_err(FileError::of("locate", there))?;
    let mounts = mountinfo::mounts()?;
    // What covers a place comes after what it covers.
    let mount = mounts
        .into_iter()
        .filter(|mount| real.starts_with(&mount.target))
        .max_by_key(|mount| mount.target.components().count());
    let (mounted_at, kind) =
        mount.map_or_else(|| ("/".into(), String::new()), |mount| (mount.target, mount.kind));
    let blocks = match kind.starts_with("ext") {
        // Root may use what is kept back for it, but not what the file system keeps for itself: a fiftieth, at most 4096.
        true => space.blocks_free().saturating_sub((space.blocks() / 50).min(4096)),
        false => space.blocks_available(),
    };
    Ok(Room {
        mounted_at,
        kind,
        free: blocks * space.fragment_size(),
        all: space.blocks() * space.fragment_size(),
        files: (space.files() > 0).then(|| (space.files_free(), space.files())),
        read_only: space.flags().contains(FsFlags::ST_RDONLY),
    })
}

/// Bytes that the files of a directory take at the least in a copy: holes and further names of a file take nothing. No link is followed;
/// what cannot be read is not counted.
pub fn bytes_below(directory: &Utf8Path) -> u64 {
    let mut known = HashSet::new();
    let mut bytes = 0;
    let mut todo = vec![directory.to_owned()];
    while let Some(directory) = todo.pop() {
        let Ok(entries) = directory.read_dir_utf8() else { continue };
        for entry in entries.flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => todo.push(entry.into_path()),
                Ok(found) if found.is_file() && known.insert((found.dev(), found.ino())) => {
                    bytes += found.len().min(found.blocks() * 512);
                }
                _ => {}
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_not_there_yet_has_the_room_of_the_directory_above() {
        let temp = tempfile::tempdir().unwrap();
        let above = Utf8Path::from_path(temp.path()).unwrap();
        let (here, there) = (room_at(above).unwrap(), room_at(&above.join("not/yet")).unwrap());
        assert!(here.free > 0 && here.free.abs_diff(there.free) < here.free / 2, "{here:?} {there:?}");
        assert_eq!((&here.mounted_at, &here.kind), (&there.mounted_at, &there.kind));
        let proc = room_at("/proc/self".into()).unwrap();
        assert_eq!((proc.mounted_at.as_str(), proc.kind.as_str(), proc.all), ("/proc", "proc", 0));
    }

    #[test]
    fn names_of_one_file_and_holes_take_nothing_more() {
        let temp = tempfile::tempdir().unwrap();
        let here = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::create_dir(here.join("below")).unwrap();
        std::fs::File::create(here.join("hole")).unwrap().set_len(1 << 30).unwrap();
        let mut file = std::fs::File::create(here.join("below/file")).unwrap();
        std::io::Write::write_all(&mut file, &[1; 50_000]).unwrap();
        file.sync_all().unwrap();
        std::fs::hard_link(here.join("below/file"), here.join("again")).unwrap();
        std::os::unix::fs::symlink("/", here.join("root")).unwrap();
        assert_eq!(bytes_below(here), 50_000);
    }

    #[test]
    fn bytes_are_told_as_people_tell_them() {
        let told = [0, 1023, 1024, 700 << 20, (3 << 30) / 2, 12 << 30, 2 << 40].map(|n| Bytes(n).to_string());
        assert_eq!(told, ["0", "1023", "1.0K", "700M", "1.5G", "12G", "2.0T"]);
    }
}
