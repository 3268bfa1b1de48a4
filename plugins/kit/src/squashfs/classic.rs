//! Packing a file system image that holds the tree, the layout of 1.x.

use super::{
    CLASSIC_INODES, INNER_IMAGE, Squash, Superblock, for_nodes, inner::must_hold, mksquashfs, write,
};
use crate::{content::Content, space, tree_files::TreeFiles};
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Error, Host, Result, Size};

/// Bytes of an ext4 inode.
const INODE: u64 = 256;
/// Bytes of file system for each inode that mkfs.ext4 makes by default.
const BYTES_PER_INODE: u64 = 16_384;

/// How many inodes the inner file system gets: the usual number, or more for a tree of many small files.
fn inodes(content: &Content, size: Size) -> u64 {
    (size.as_bytes() / BYTES_PER_INODE).max(content.most_inodes() + content.inodes / 5 + 1000)
}

/// The least size of the inner file system for this content.
pub fn classic_needs(content: &Content) -> Size {
    let mut size = Size::mebibytes(content.blocks.div_ceil(1024 * 1024) + 1);
    // The inode tables grow with the size; a few rounds settle it.
    for _ in 0..4 {
        let tables = inodes(content, size) * INODE;
        // Extents, bitmaps and descriptors: two percent and a little.
        let bytes = content.blocks + content.blocks / 50 + tables + 4 * 1024 * 1024;
        size = Size::mebibytes(bytes.div_ceil(1024 * 1024));
    }
    size
}

/// Packs a tree into `LiveOS/rootfs.img` (ext4 of the given size, nothing mounted) inside a squashfs file that nodes may fetch (0644). `scratch` is an
/// empty directory on a disk with room for the content; `content` is what [`crate::content::measure`] said of the tree.
///
/// What [`crate::content::LEFT_OUT`] names is removed from the tree first, for mkfs cannot leave it out.
///
/// # Errors
/// When the content does not fit, a tool fails, or the result is not whole. Nothing is written when it does not fit.
pub fn pack_classic(
    tree: &Utf8Path,
    file: &Utf8Path,
    how: impl Into<Squash>,
    size: Size,
    content: &Content,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<()> {
    let needed = classic_needs(content);
    if size < needed {
        return Err(Error::refused(format!("a root file system of {size} cannot hold the content"))
            .because(format!("it needs {needed}"))
            .hint(format!("use at least {needed}, or auto")));
    }
    let files = TreeFiles::open(tree)?;
    for directory in crate::content::LEFT_OUT {
        files.empty_directory(directory)?;
    }
    let inner = scratch.join(INNER_IMAGE);
    let live = scratch.join("LiveOS");
    std::fs::create_dir_all(&live)
        .map_err(|cause| Error::failed(format!("cannot make {live}")).because(cause))?;
    let sparse = std::fs::File::create(&inner).and_then(|made| made.set_len(size.as_bytes()));
    sparse.map_err(|cause| Error::failed(format!("cannot make {inner}")).because(cause))?;

    host.progress("making the file system", 0, 0);
    // No journal: the file is read-only beneath the node's overlay. No reserve for root: nothing writes to it.
    let mkfs = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-O", "^has_journal", "-m", "0", "-N"])
        .arg(inodes(content, size).to_string())
        .args(["-E", "lazy_itable_init=0,root_owner=0:0", "-d", tree.as_str(), inner.as_str()]);
    host.run(&mkfs).map_err(space::writing(&inner))?;
    must_hold(&inner, size, content.inodes)?;
    host.progress("packing", 0, 0);
    write(&mksquashfs(scratch, file, how.into())?, file, host)?;
    for_nodes(file)?;
    Superblock::read(file)?.must_hold(CLASSIC_INODES, file)?;
    std::fs::remove_file(&inner)
        .and_then(|()| std::fs::remove_dir(&live))
        .map_err(|cause| Error::failed(format!("cannot remove {inner}")).because(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_small_files_need_more_than_their_bytes() {
        let small = Content { blocks: 4096 * 100_000, inodes: 100_000, ..Content::default() };
        let large = Content { blocks: 4096 * 100_000, inodes: 10, ..Content::default() };
        assert!(classic_needs(&small) > classic_needs(&large));
        assert!(classic_needs(&large) > Size::mebibytes(390));
    }
}
