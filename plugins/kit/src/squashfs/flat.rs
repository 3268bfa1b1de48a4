//! Packing the tree itself.

use super::{Squash, Superblock, for_nodes, mksquashfs, write};
use crate::content::{Content, LEFT_OUT};
use camino::Utf8Path;
use disklessset_plugin_api::{Host, Result};

/// Packs a tree into a squashfs file that nodes may fetch (0644) and checks the result. `content` is what [`crate::content::measure`] said of the tree.
///
/// # Errors
/// When mksquashfs fails, or the file is not whole.
pub fn pack_flat(
    tree: &Utf8Path,
    file: &Utf8Path,
    how: impl Into<Squash>,
    content: &Content,
    host: &Host<'_>,
) -> Result<()> {
    host.progress("packing", 0, 0);
    // Patterns match from the top of the tree; a star leaves out names that start with a dot, so those need their own.
    let left_out = LEFT_OUT.iter().flat_map(|dir| [format!("{dir}/*"), format!("{dir}/.*")]);
    let pack = mksquashfs(tree, file, how.into())?.args(["-wildcards", "-e"]).args(left_out);
    write(&pack, file, host)?;
    Superblock::read(file)?.must_hold_all_of(content, file)?;
    tell_lost_acls(content, host);
    for_nodes(file)
}

/// Squashfs has no place for POSIX ACLs and mksquashfs says nothing about it in its exit code.
fn tell_lost_acls(content: &Content, host: &Host<'_>) {
    if content.with_acl == 0 {
        return;
    }
    let named = &content.acl_samples;
    let more = if content.with_acl > named.len() as u64 { ", …" } else { "" };
    host.warn(format!(
        "squashfs cannot keep POSIX ACLs: {} files lose theirs ({}{more}); the classic layout keeps them",
        content.with_acl,
        named.join(", "),
    ));
}
