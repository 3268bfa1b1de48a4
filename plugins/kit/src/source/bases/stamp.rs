//! What the files of a tree look like: with its number and its time of change, no file can be written to and look the same.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, OFlags, Statx, StatxFlags, openat, statx},
    io::Errno,
};
use sha2::{Digest, Sha256};
use std::ffi::CString;

/// Deeper than a tree of packages is.
const LEVELS: usize = 100;

/// What a tree looks like.
pub(super) struct Stamp {
    /// A digest of names, modes, owners, sizes, times and numbers.
    pub(super) digest: String,
    /// The bytes of its files.
    pub(super) bytes: u64,
}

/// That of a tree as it is.
///
/// # Errors
/// When something of it cannot be looked at.
pub(super) fn of(tree: &Utf8Path) -> Result<Stamp> {
    let fault = |cause: Errno| Error::failed(format!("cannot look at the files of {tree}")).because(cause);
    let top = rustix::fs::open(tree.as_std_path(), OPENED, Mode::empty()).map_err(fault)?;
    let mut looked = Looked { hash: Sha256::new(), bytes: 0 };
    looked.directory(&top, LEVELS).map_err(fault)?;
    let digest = looked.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Stamp { digest, bytes: looked.bytes })
}

const OPENED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

struct Looked {
    hash: Sha256,
    bytes: u64,
}

impl Looked {
    fn directory(&mut self, directory: &OwnedFd, levels: usize) -> rustix::io::Result<()> {
        let below = levels.checked_sub(1).ok_or(Errno::LOOP)?;
        for name in names(directory)? {
            let found = statx(directory, &*name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
            self.hash.update(name.as_bytes_with_nul());
            self.entry(&found);
            if FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory {
                let entered = openat(directory, &*name, OPENED, Mode::empty())?;
                self.directory(&entered, below)?;
                // Else a name could belong to the directory above.
                self.hash.update([0]);
            }
        }
        Ok(())
    }

    fn entry(&mut self, found: &Statx) {
        let times = [found.stx_mtime, found.stx_ctime];
        for number in [
            u64::from(found.stx_mode),
            found.stx_uid.into(),
            found.stx_gid.into(),
            found.stx_rdev_major.into(),
            found.stx_rdev_minor.into(),
            found.stx_ino,
            found.stx_size,
        ] {
            self.hash.update(number.to_le_bytes());
        }
        for time in times {
            self.hash.update(time.tv_sec.to_le_bytes());
            self.hash.update(time.tv_nsec.to_le_bytes());
        }
        if FileType::from_raw_mode(found.stx_mode.into()) == FileType::RegularFile {
            self.bytes += found.stx_size;
        }
    }
}

fn names(directory: &OwnedFd) -> rustix::io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory.as_fd())? {
        let name = entry?.file_name().to_owned();
        if ![c".", c".."].contains(&name.as_c_str()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::disallowed_methods, reason = "somebody else writes to the tree")]
    fn whatever_is_done_to_a_file_shows() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir(tree.join("etc")).unwrap();
        let file = tree.join("etc/motd");
        std::fs::write(&file, "hello").unwrap();
        let digest = || of(tree).unwrap().digest;
        let first = digest();
        assert_eq!(first, digest());
        assert_eq!(of(tree).unwrap().bytes, 5);
        let times = file.metadata().unwrap().modified().unwrap();
        // Of the same size, and with the time it had.
        std::fs::write(&file, "hullo").unwrap();
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(times).unwrap();
        let second = digest();
        assert_ne!(first, second);
        std::fs::rename(&file, tree.join("motd")).unwrap();
        assert_ne!(second, digest());
    }
}
