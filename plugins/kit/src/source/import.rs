//! An OS tree that is there already: a directory, or a tar archive.

use super::compression::Compression;
use crate::{
    space::{self, Plan},
    trees::{self, Choice, Shown, Wanted, Watched},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Error, Host, Result};
use std::{io::Read, os::unix::fs::MetadataExt};

pub(super) fn must_be_tree(path: &Utf8Path) -> Result<()> {
    let refuse = |why: &str| Err(Error::usage(format!("cannot take the tree {path}: {why}")));
    match path.metadata() {
        Err(cause) => refuse(&cause.to_string()),
        Ok(metadata) if !metadata.is_dir() => refuse("it is not a directory"),
        Ok(_) if path.join("etc/passwd").symlink_metadata().is_err() => {
            refuse("it has no etc/passwd, so it is no operating system")
        }
        Ok(_) => Ok(()),
    }
}

/// What makes whoever owns it root on the nodes. The root directory itself is given to root in every tree.
const OF_ROOT: [&str; 9] = [
    "etc",
    "etc/passwd",
    "etc/shadow",
    "etc/ld.so.preload",
    "usr",
    "usr/bin",
    "usr/sbin",
    "usr/lib",
    "usr/lib/systemd",
];

/// Refuses a tree of another user, as one is that somebody unpacked who was not root: on nodes, the user with that number could
/// replace any program and read every password.
pub(super) fn must_belong_to_root(tree: &Utf8Path, name: &str) -> Result<()> {
    for path in OF_ROOT {
        let Ok(found) = tree.join(path).symlink_metadata() else { continue };
        if found.uid() != 0 {
            return Err(Error::refused(format!(
                "{name} is not root's: /{path} in it belongs to user {}, who would be as good as root on the nodes",
                found.uid()
            ))
            .hint("unpack it as root, so that its files keep their owners (for a rootless container: podman export, then tar:FILE)"));
        }
    }
    Ok(())
}

pub(super) fn must_be_file(path: &Utf8Path) -> Result<()> {
    match path.metadata() {
        Err(cause) => Err(Error::usage(format!("cannot take the archive {path}")).because(cause)),
        Ok(metadata) if !metadata.is_file() => {
            Err(Error::usage(format!("cannot take the archive {path}: it is not a file")))
        }
        Ok(_) => Ok(()),
    }
}

/// Makes the tree from another with all its attributes, without copying data where that is possible; what is mounted inside it
/// stays out.
pub(super) fn copy(from: &Utf8Path, tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    must_be_tree(from)?;
    host.info(format!("copying the tree {from}"));
    host.progress("copying the tree", 0, 0);
    let fault = |error: Error| error.context(format!("cannot copy the tree {from}"));
    // A snapshot takes the place of the empty directory.
    std::fs::remove_dir(tree).map_err(|cause| fault(cause.into()))?;
    let beside = tree.parent().unwrap_or(Utf8Path::new("/"));
    let Choice { method, why } = trees::choose(from, beside, Wanted::Auto, host).map_err(fault)?;
    host.info(format!("the tree {from} is taken by {method}: {why}"));
    trees::copy_tree_unflushed(from, tree, method, host).map_err(fault)?;
    Ok(())
}

/// Makes the tree for packing: shows the other through an overlay, so that nothing of it is copied. Where that cannot be, it is copied.
/// What comes back tells whether the other was changed meanwhile.
pub(super) fn show(
    from: &Utf8Path,
    tree: &Utf8Path,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<Option<Watched>> {
    must_be_tree(from)?;
    let beside = tree.parent().unwrap_or(Utf8Path::new("/"));
    if trees::may_snapshot(from, beside, host)? {
        return copy(from, tree, host).map(|()| None);
    }
    match trees::show(from, scratch, tree, host)? {
        Shown::View(watched) => {
            host.info(format!("the tree {from} is shown through an overlay: nothing of it is copied"));
            return Ok(Some(watched));
        }
        Shown::Not(why) => host.info(format!("the tree {from} is not packed where it is: {why}")),
    }
    room_for_copy(from, beside, host)?;
    copy(from, tree, host).map(|()| None)
}

/// Whether a copy fits, which was not to be made when the action began.
fn room_for_copy(from: &Utf8Path, beside: &Utf8Path, host: &Host<'_>) -> Result<()> {
    if space::may_share(from, beside)? {
        return Ok(());
    }
    let need = space::tree_need(from, &space::free_space(beside)?)?;
    Plan::of(format!("copying the tree {from}")).copies(beside, need)?.check(host)
}

/// GNU tar has other programs decompress; of one that is missing it says little, and the host names its package.
fn must_be_unpackable(file: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let cannot = |cause| Error::usage(format!("cannot read the archive {file}")).because(cause);
    let mut start = Vec::new();
    std::fs::File::open(file).and_then(|file| file.take(6).read_to_end(&mut start)).map_err(cannot)?;
    let Some(program) = Compression::of(&start).program() else { return Ok(()) };
    let asked = host.run(&Command::new(program).arg("--help"));
    asked.map(drop).map_err(|error| error.context(format!("cannot decompress the archive {file}")))
}

/// About how many bytes are in an archive: of a compressed one three times its size, as OS trees go.
pub(super) fn unpacked_size(file: &Utf8Path) -> Result<u64> {
    let cannot = |cause| Error::usage(format!("cannot read the archive {file}")).because(cause);
    let mut start = Vec::new();
    let open = std::fs::File::open(file).map_err(cannot)?;
    let size = open.metadata().map_err(cannot)?.len();
    open.take(6).read_to_end(&mut start).map_err(cannot)?;
    Ok(if Compression::of(&start).program().is_some() { size.saturating_mul(3) } else { size })
}

/// Extracts an archive whatever its compression. GNU tar itself keeps members inside the directory: it strips leading slashes,
/// and fails on `..` and on members below links that lead out.
pub(super) fn extract(file: &Utf8Path, tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    must_be_file(file)?;
    must_be_unpackable(file, host)?;
    host.info(format!("extracting the archive {file}"));
    host.progress("extracting the archive", 0, 0);
    let extract = Command::new("tar")
        .args(["--extract", "--numeric-owner", "--same-owner", "--preserve-permissions"])
        .args(["--xattrs", "--xattrs-include=*", "--acls", "--delay-directory-restore"])
        .args(["--directory", tree.as_str(), "--file", file.as_str(), "--force-local"]);
    host.run(&extract).map_err(|error| error.context(format!("cannot extract the archive {file}")))?;
    must_be_tree(tree).map_err(|_| {
        Error::usage(format!(
            "the archive {file} holds no operating system: there is no etc/passwd at its top"
        ))
    })
}
