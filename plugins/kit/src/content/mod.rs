//! What a tree holds: its size, how many files, and what squashfs cannot keep of them.

mod measuring;

pub use measuring::measure;

use serde::{Deserialize, Serialize};

/// Directories of a tree whose content is no part of an image: file systems of a running node, and the kernel, which nodes get
/// beside the image. The directories themselves stay.
pub const LEFT_OUT: [&str; 6] = ["boot", "dev", "proc", "run", "sys", "tmp"];

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
