//! Root images: packing a tree, checking the result, telling the two layouts apart.

mod block;
mod classic;
mod compression;
mod flat;
mod inner;
mod superblock;

pub use block::{BlockSize, Squash};
pub use classic::{classic_needs, pack_classic};
pub use compression::Compression;
pub use flat::pack_flat;
pub use superblock::{Superblock, SuperblockError};

use crate::{file_error::into_api_error, space};
use camino::Utf8Path;
use compression::mksquashfs;
use disklessset_plugin_api::{Choice, Command, Error, Host, Result};
use disklessset_system::durable::WriteBehind;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// The path of the file system image inside a classic root image, fixed by the initramfs.
pub const INNER_IMAGE: &str = "LiveOS/rootfs.img";

/// How the OS tree lies in the squashfs file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Choice)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// The tree itself.
    Flat,
    /// A file system image inside ([`INNER_IMAGE`]), as 1.x made it and every live initramfs reads it.
    Classic,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Layout {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::usage(format!("{text:?} is no layout: {}", Self::WORDS.join(" or ")));
        Self::of_word(text).ok_or_else(unknown)
    }
}

/// The inodes of a classic image: the root directory, LiveOS and the image in it.
const CLASSIC_INODES: u64 = 3;

/// Has mksquashfs write `file`, which goes to disk meanwhile: it is hundreds of megabytes, and is flushed before it is published.
fn write(pack: &Command, file: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let behind = WriteBehind::begin(file);
    host.run(pack).map_err(space::writing(file))?;
    behind.end().map_err(into_api_error).map_err(space::writing(file))
}

/// Lets nodes fetch a file, whatever the umask of the server.
///
/// # Errors
/// When it is a link, and what the system refuses.
pub fn for_nodes(file: &Utf8Path) -> Result<()> {
    disklessset_system::durable::set_mode(file, 0o644).map_err(into_api_error)
}

/// Finds out which layout a root image has, without unpacking it.
///
/// # Errors
/// When it is no squashfs file, or unsquashfs is missing or does not tell.
pub fn layout_of(file: &Utf8Path, host: &Host<'_>) -> Result<Layout> {
    if holds(file, INNER_IMAGE, host)? {
        return Ok(Layout::Classic);
    }
    must_be_whole_tree(file)?;
    Ok(Layout::Flat)
}

/// Asserts that a list without a classic image's files was the whole list: no tree has so few.
fn must_be_whole_tree(file: &Utf8Path) -> Result<()> {
    if Superblock::read(file)?.inodes <= CLASSIC_INODES {
        return Err(Error::failed(format!("unsquashfs ended well, and did not list what is in {file}")));
    }
    Ok(())
}

/// Whether something lies at this path in a squashfs file.
///
/// # Errors
/// As [`layout_of`].
pub fn holds(file: &Utf8Path, path: &str, host: &Host<'_>) -> Result<bool> {
    Superblock::read(file)?;
    let list = Command::new("unsquashfs").args(["-l", "-d", ""]).arg(file.as_str()).arg(path).capture();
    let listed = host.run(&list)?.stdout;
    let wanted = format!("/{path}");
    Ok(listed.lines().any(|line| line.trim_end() == wanted))
}

/// The names of what lies right in a directory of a squashfs file; none when it has no such directory.
///
/// # Errors
/// As [`layout_of`].
pub fn names_in(file: &Utf8Path, directory: &str, host: &Host<'_>) -> Result<Vec<String>> {
    Superblock::read(file)?;
    let list = Command::new("unsquashfs").args(["-l", "-d", ""]).arg(file.as_str()).arg(directory).capture();
    let listed = host.run(&list)?.stdout;
    let mut names: Vec<String> = Vec::new();
    for line in listed.lines() {
        let below = line.strip_prefix('/').and_then(|line| line.strip_prefix(directory)?.strip_prefix('/'));
        let name = below.and_then(|below| below.split('/').next()).filter(|name| !name.is_empty());
        names.extend(name.filter(|name| names.last().is_none_or(|last| last != name)).map(str::to_owned));
    }
    if names.is_empty() {
        must_be_whole_tree(file)?;
    }
    Ok(names)
}
