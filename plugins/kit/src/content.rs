//! What a tree holds: its size, how many files, and what squashfs cannot keep of them.

use serde::{Deserialize, Serialize};
use std::{collections::HashSet, os::unix::fs::MetadataExt, path::Path};

/// Directories of a tree whose content is no part of an image: file systems of a running node, and the kernel, which nodes get
/// beside the image. The directories themselves stay.
pub const LEFT_OUT: [&str; 6] = ["boot", "dev", "proc", "run", "sys", "tmp"];

/// Targets of symbolic links of so many bytes have no room in an inode of ext4 and take a block.
const LONG_LINK: u64 = 60;

/// How many files with ACLs are named.
const NAMED: usize = 5;

/// The content of a tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Bytes of all regular files, hard links once, holes included.
    pub bytes: u64,
    /// Bytes that data, directories and long symbolic links take in blocks of 4 KiB, holes not included.
    pub blocks: u64,
    /// Files of all kinds and directories, hard links once: the inodes of a file system that holds them.
    pub inodes: u64,
    /// Names that symbolic links have beyond the first. Not every file system can give a link two names, nor does every packer: there may
    /// be as many inodes more.
    #[serde(default)]
    pub more_names_of_links: u64,
    /// How many have a POSIX ACL.
    pub with_acl: u64,
    /// Some of those, as paths in the tree, for the message.
    pub acl_samples: Vec<String>,
}

impl Content {
    /// The size of `bytes` in whole mebibytes, rounded up.
    pub fn mebibytes(&self) -> u64 {
        self.bytes.div_ceil(1024 * 1024)
    }

    /// The most inodes that it takes: each name of a symbolic link can be one of its own.
    pub fn most_inodes(&self) -> u64 {
        self.inodes + self.more_names_of_links
    }
}

/// Measures a tree without what [`LEFT_OUT`] names, not following links.
///
/// # Errors
/// When a directory cannot be read; the message names it.
pub fn measure(tree: &Path) -> std::io::Result<Content> {
    let mut content = Content::default();
    let mut links = HashSet::new();
    let mut todo = vec![tree.to_owned()];
    let mut names = vec![0u8; 4096];
    count(tree, tree, &tree.symlink_metadata()?, &mut links, &mut names, &mut content);
    while let Some(directory) = todo.pop() {
        if left_out(tree, &directory) {
            continue;
        }
        let named = |cause: std::io::Error| {
            std::io::Error::new(cause.kind(), format!("{}: {cause}", directory.display()))
        };
        for entry in std::fs::read_dir(&directory).map_err(named)? {
            let entry = entry.map_err(named)?;
            let metadata = entry.metadata().map_err(named)?;
            count(tree, &entry.path(), &metadata, &mut links, &mut names, &mut content);
            if metadata.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    Ok(content)
}

fn left_out(tree: &Path, directory: &Path) -> bool {
    directory.parent() == Some(tree)
        && directory.file_name().is_some_and(|name| LEFT_OUT.iter().any(|out| name == *out))
}

fn count(
    tree: &Path,
    path: &Path,
    metadata: &std::fs::Metadata,
    links: &mut HashSet<(u64, u64)>,
    names: &mut Vec<u8>,
    content: &mut Content,
) {
    let known = !metadata.is_dir() && metadata.nlink() > 1 && !links.insert((metadata.dev(), metadata.ino()));
    if metadata.is_symlink() && metadata.len() >= LONG_LINK {
        content.blocks += 4096;
    }
    if known {
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
            let inside = Path::new("/").join(path.strip_prefix(tree).unwrap_or(path));
            content.acl_samples.push(inside.display().to_string());
        }
    }
}

/// Whether a file has an ACL beyond its mode. A file system without xattrs has none.
fn has_acl(path: &Path, names: &mut Vec<u8>) -> bool {
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
}
