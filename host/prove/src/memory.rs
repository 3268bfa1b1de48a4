//! How much memory an image needs, told from the files that a node fetches.

use std::fmt;

use camino::Utf8Path;

use super::boot_file::BootFile;
use super::boot_file::FlatOverlay;
use super::error::ProveError;
use super::request::Mebibytes;

/// An initramfs unpacked, times its size.
const UNPACKED: u64 = 4;
/// What a system has beside the files, in mebibytes: the kernel, its services, and what these write.
const SYSTEM: u64 = 192;
/// What is proven to be enough for small images, in mebibytes.
const LEAST: u64 = 512;
/// Amounts are multiples of this, in mebibytes.
const STEP: u64 = 64;

/// The memory that a node with an image is expected to need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeededMemory {
    /// The amount.
    pub memory: Mebibytes,
    root: Root,
    initramfs: u64,
}

/// What a node does with its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// Fetched into memory, in mebibytes.
    Fetched(u64, FlatOverlay),
    /// On a server.
    Mounted,
    /// What the initramfs unpacks.
    Unpacked,
}

impl NeededMemory {
    /// Reads the sizes of what the boot file names below `http_root`.
    ///
    /// # Errors
    /// When the boot file names no files that are here.
    pub(super) fn of(boot_file: &BootFile, http_root: &Utf8Path) -> Result<Self, ProveError> {
        let size = |path: &Utf8Path| {
            let path = http_root.join(path);
            let bytes = std::fs::metadata(&path).map_err(ProveError::io(format!("look at {path}")))?.len();
            Ok(bytes.div_ceil(1 << 20))
        };
        let initramfs: u64 = boot_file
            .initramfs
            .iter()
            .map(|path| size(path))
            .collect::<Result<Vec<_>, ProveError>>()?
            .iter()
            .sum();
        let root = match &boot_file.root_image {
            Some(path) => Root::Fetched(size(path)?, boot_file.overlay()),
            None if boot_file.root_is_nfs => Root::Mounted,
            None if boot_file.root.is_none() => Root::Unpacked,
            None => {
                let what = "its boot file does not tell the size of its root: say how much memory it needs";
                return Err(ProveError::Unsupported { what: what.to_owned() });
            }
        };
        Ok(Self { memory: needed(root, initramfs), root, initramfs })
    }
}

/// An initramfs may fill half of the memory: that half takes what it is made of, and what it fetches. A classic root image is
/// copied to be written to.
fn needed(root: Root, initramfs: u64) -> Mebibytes {
    let unpacked = initramfs * UNPACKED;
    let (fetched, writes) = match root {
        Root::Fetched(size, FlatOverlay::Asked) => (size, 0),
        Root::Fetched(size, FlatOverlay::NotAsked) => (size, size),
        Root::Mounted | Root::Unpacked => (0, 0),
    };
    let files = unpacked + fetched + writes;
    let whole = (files + SYSTEM).max(2 * files).max(LEAST);
    Mebibytes(u32::try_from(whole.div_ceil(STEP) * STEP).unwrap_or(u32::MAX))
}

impl fmt::Display for NeededMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: the initramfs has {} MiB, ", self.memory, self.initramfs)?;
        match self.root {
            Root::Fetched(size, FlatOverlay::Asked) => write!(f, "the flat root image {size} MiB"),
            Root::Fetched(size, FlatOverlay::NotAsked) => write!(f, "the classic root image {size} MiB"),
            Root::Mounted => f.write_str("and the root is mounted over NFS"),
            Root::Unpacked => f.write_str("and the root is in it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot_file(root: &str) -> BootFile {
        let text =
            format!("#!ipxe\nkernel http://${{next-server}}/k {root}\ninitrd http://${{next-server}}/i\n");
        BootFile::parse("boot.ipxe", &text)
    }

    fn of(root: &str, size: u64) -> Result<NeededMemory, ProveError> {
        let dir = tempfile::tempdir().unwrap();
        let http_root = Utf8Path::from_path(dir.path()).unwrap();
        for (name, mebibytes) in [("i", 34), ("r", size)] {
            std::fs::File::create(http_root.join(name)).unwrap().set_len(mebibytes << 20).unwrap();
        }
        NeededMemory::of(&boot_file(root), http_root)
    }

    const FLAT: &str = "root=live:http://${next-server}/r rd.live.overlay.overlayfs=1";
    const CLASSIC: &str = "root=live:http://${next-server}/r";

    #[test]
    fn memory_grows_with_the_root_and_a_classic_one_needs_more() {
        let memory = |root, size| of(root, size).unwrap().memory;
        assert_eq!(memory(FLAT, 120), Mebibytes(512));
        assert!(memory(CLASSIC, 120) > memory(FLAT, 120));
        assert!(memory(FLAT, 2000) > Mebibytes(4000));
        assert_eq!(memory("root=nfs:${next-server}:/t,rw", 2000), Mebibytes(512));
        assert_eq!(memory("console=ttyS0", 2000), Mebibytes(512));
    }

    #[test]
    fn what_is_needed_is_explained() {
        let told = of(FLAT, 120).unwrap().to_string();
        assert_eq!(told, "512 MiB: the initramfs has 34 MiB, the flat root image 120 MiB");
    }

    #[test]
    fn a_root_that_is_not_known_is_not_guessed() {
        assert!(matches!(of("root=live:http://elsewhere/r", 1), Err(ProveError::Unsupported { .. })));
    }
}
