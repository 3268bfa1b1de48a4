//! SHA-256 digests of files.

use crate::{
    failure,
    system::{FileError, interrupt},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, ErrorKind, Result};
use nix::libc;
use sha2::{Digest as _, Sha256};
use std::{fmt, fs::File, io::Read, os::unix::fs::OpenOptionsExt, str::FromStr};

/// How much is read at once, in bytes: it stays in the processor's own cache.
const PIECE: usize = 1 << 17;
/// How much is read without looking for signals, in bytes.
const UNSTOPPED: usize = 64 << 20;

/// A SHA-256 digest. It prints as 64 small hexadecimal digits, and is read from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of a regular file, read piece by piece; never through a link, never waiting on a FIFO.
    ///
    /// # Errors
    /// When it cannot be read, or a signal asks to stop while more than 64 MiB are read.
    pub fn of_file(path: &Utf8Path) -> Result<Self> {
        let read = |cause| failure::of(FileError::of("read", path)(cause));
        let mut file = File::options()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(read)?;
        if !file.metadata().map_err(read)?.is_file() {
            return Err(Error::failed(format!("cannot read {path}: not a regular file")));
        }
        let (mut hasher, mut piece) = (Sha256::new(), vec![0; PIECE]);
        let mut read_so_far = 0;
        loop {
            // Some gigabytes take seconds; what is small is read to its end, as what is settled after a signal has to be.
            if read_so_far > UNSTOPPED {
                interrupt::check().map_err(|cause| Error::new(ErrorKind::INTERRUPTED, cause.to_string()))?;
            }
            match file.read(&mut piece) {
                Ok(0) => return Ok(Self(hasher.finalize().into())),
                Ok(got) => {
                    hasher.update(&piece[..got]);
                    read_so_far += got;
                }
                Err(cause) if cause.kind() == std::io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(read(cause)),
            }
        }
    }
}

impl From<disklessset_oci::names::Digest> for Digest {
    fn from(other: disklessset_oci::names::Digest) -> Self {
        Self(other.bytes())
    }
}

impl From<Digest> for disklessset_oci::names::Digest {
    fn from(other: Digest) -> Self {
        Self::from_bytes(other.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let bad = "a digest has 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(bad);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| bad)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn the_digest_of_the_standard_is_ours() {
        assert_eq!(Digest::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse::<Digest>().unwrap(), Digest::of(b"abc"));
        assert_eq!(ABC.to_uppercase().parse::<Digest>().unwrap(), Digest::of(b"abc"));
        for bad in ["", "abc", &ABC[1..], &ABC.replace('b', "g"), &"é".repeat(32)] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }

    #[test]
    fn files_are_read_whole_and_only_files() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        let long = vec![7; 3 * PIECE + 5];
        std::fs::write(base.join("long"), &long).unwrap();
        assert_eq!(Digest::of_file(&base.join("long")).unwrap(), Digest::of(&long));
        std::os::unix::fs::symlink("long", base.join("link")).unwrap();
        nix::unistd::mkfifo(base.join("fifo").as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
        for bad in ["link", "fifo", "nothing", "."] {
            assert!(Digest::of_file(&base.join(bad)).is_err(), "{bad}");
        }
    }

    /// What `sha2` makes of this processor; prints the speed with `--nocapture`.
    #[test]
    #[ignore = "a measurement"]
    #[allow(clippy::print_stderr, reason = "a measurement")]
    fn speed() {
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(dir.path()).unwrap().join("file");
        std::fs::write(&file, vec![7; 1 << 30]).unwrap();
        let began = std::time::Instant::now();
        Digest::of_file(&file).unwrap();
        eprintln!("{:.2} GiB/s", 1.0 / began.elapsed().as_secs_f64());
    }
}
