//! Measures a tree, on all processors: it is looked at before an image is packed, while nothing else can be done.

use super::{Content, LEFT_OUT};
use crate::side_by_side;
use std::{
    collections::HashSet,
    fs::Metadata,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Targets of symbolic links of so many bytes have no room in an inode of ext4 and take a block.
const LONG_LINK: u64 = 60;
/// How many files with ACLs are named.
const NAMED: usize = 5;

/// Measures a tree without what [`LEFT_OUT`] names, not following links.
///
/// # Errors
/// When a directory cannot be read; the message names it.
pub fn measure(tree: &Path) -> io::Result<Content> {
    let measuring = Measuring { tree, links: Mutex::default() };
    let mut whole = Part::default();
    measuring.count(tree, &tree.symlink_metadata()?, &mut whole);
    let read = |directory: &PathBuf, part: &mut Part| measuring.read(directory, part);
    let mut content = whole.content;
    for part in side_by_side::walk(tree.to_owned(), read, || Ok(()))? {
        content.add(part.content);
    }
    content.acl_samples.sort();
    content.acl_samples.truncate(NAMED);
    Ok(content)
}

/// What all threads know.
struct Measuring<'t> {
    tree: &'t Path,
    /// What has more names than one, by device and inode.
    links: Mutex<HashSet<(u64, u64)>>,
}

/// What one thread counted.
#[derive(Default)]
struct Part {
    content: Content,
    /// Room for names of attributes.
    names: Vec<u8>,
}

impl Measuring<'_> {
    /// Counts what is in a directory; gives those below it that are to be read.
    fn read(&self, directory: &Path, part: &mut Part) -> io::Result<Vec<PathBuf>> {
        let named =
            |cause: io::Error| io::Error::new(cause.kind(), format!("{}: {cause}", directory.display()));
        let mut below = Vec::new();
        for entry in std::fs::read_dir(directory).map_err(named)? {
            let entry = entry.map_err(named)?;
            let (path, metadata) = (entry.path(), entry.metadata().map_err(named)?);
            self.count(&path, &metadata, part);
            if metadata.is_dir() && !self.leaves_out(&path) {
                below.push(path);
            }
        }
        Ok(below)
    }

    fn leaves_out(&self, directory: &Path) -> bool {
        directory.parent() == Some(self.tree)
            && directory.file_name().is_some_and(|name| LEFT_OUT.iter().any(|out| name == *out))
    }

    fn count(&self, path: &Path, metadata: &Metadata, Part { content, names }: &mut Part) {
        let has_more_names = !metadata.is_dir() && metadata.nlink() > 1;
        if metadata.is_symlink() && metadata.len() >= LONG_LINK {
            content.blocks += 4096;
        }
        let is_known = || {
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            !links.insert((metadata.dev(), metadata.ino()))
        };
        if has_more_names && is_known() {
            content.more_names_of_links += u64::from(metadata.is_symlink());
            return;
        }
        content.inodes += 1;
        if metadata.is_file() {
            content.bytes += metadata.len();
            content.blocks += metadata.len().min(metadata.blocks() * 512).next_multiple_of(4096);
        } else if metadata.is_dir() {
            content.blocks += metadata.len().next_multiple_of(4096).max(4096);
        }
        if !metadata.is_symlink() && has_acl(path, names) {
            content.with_acl += 1;
            if content.acl_samples.len() < NAMED {
                let inside = Path::new("/").join(path.strip_prefix(self.tree).unwrap_or(path));
                content.acl_samples.push(inside.display().to_string());
            }
        }
    }
}

impl Content {
    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.blocks += other.blocks;
        self.inodes += other.inodes;
        self.more_names_of_links += other.more_names_of_links;
        self.with_acl += other.with_acl;
        self.acl_samples.extend(other.acl_samples);
    }
}

/// Whether a file has an ACL beyond its mode. A file system without xattrs has none.
fn has_acl(path: &Path, names: &mut Vec<u8>) -> bool {
    names.resize(names.len().max(4096), 0);
    let length = match rustix::fs::llistxattr(path, &mut names[..]) {
        Ok(length) => length,
        Err(rustix::io::Errno::RANGE) => {
            names.resize(65_536, 0);
            rustix::fs::llistxattr(path, &mut names[..]).unwrap_or(0)
        }
        Err(_) => 0,
    };
    names[..length].split(|byte| *byte == 0).any(|name| name.starts_with(b"system.posix_acl_"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn hard_links_count_once_holes_take_no_blocks_and_system_directories_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path();
        let file = |name: &str, size: u64| {
            let path = tree.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::File::create(&path).unwrap().set_len(size).unwrap();
            path
        };
        let first = file("etc/sparse", 10 << 20);
        std::fs::hard_link(&first, tree.join("etc/second")).unwrap();
        file("boot/vmlinuz", 5 << 20);
        file("home/boot/kept", 100);
        std::os::unix::fs::symlink("/nowhere", tree.join("etc/dangling")).unwrap();
        std::fs::create_dir(tree.join(std::ffi::OsStr::from_bytes(b"caf\xe9"))).unwrap();
        std::os::unix::fs::symlink("x".repeat(60), tree.join("etc/long")).unwrap();
        std::fs::hard_link(tree.join("etc/long"), tree.join("home/long-again")).unwrap();
        let content = measure(tree).unwrap();
        assert_eq!((content.more_names_of_links, content.most_inodes()), (1, 11));
        assert_eq!(content.bytes, (10 << 20) + 100);
        assert_eq!(content.mebibytes(), 11);
        // root, etc, sparse, dangling, long, boot, home, home/boot, kept, caf\xe9
        assert_eq!(content.inodes, 10);
        assert!(content.blocks < 1 << 20, "{}", content.blocks);
        assert_eq!(content.with_acl, 0);
    }

    #[test]
    fn a_large_tree_is_counted_whole_by_several_threads_and_a_directory_that_is_no_more_is_told() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..300 {
            let below = dir.path().join(format!("{}/{number}/deep", number % 7));
            std::fs::create_dir_all(&below).unwrap();
            std::fs::File::create(below.join("file")).unwrap().set_len(1000).unwrap();
        }
        let content = measure(dir.path()).unwrap();
        assert_eq!((content.inodes, content.bytes), (1 + 7 + 300 * 3, 300 * 1000));
        let gone = dir.path().join("gone");
        assert!(measure(&gone).is_err());
        let measuring = Measuring { tree: &gone, links: Mutex::default() };
        let cause = measuring.read(&gone, &mut Part::default()).unwrap_err();
        assert!(cause.to_string().starts_with(&gone.display().to_string()));
    }
}
