//! Where the trees of an image are. Everything follows from its name, nothing from paths in its record.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{directories::flush_above, node_set::NodeName, places_of_1x};
use disklessset_plugin_api::{Error, Host, Image, ImageName, Result};
use disklessset_system::durable;
use rustix::fs::{CWD, RenameFlags};

/// The class of staging images.
pub(crate) const STAGING: &str = "NfsStagingImage";
/// The class of golden images.
pub(crate) const GOLDEN: &str = "NfsGoldenImage";

/// The places of a staging image.
#[derive(Debug, Clone)]
pub(crate) struct Staging {
    /// Its tree.
    pub(crate) tree: Utf8PathBuf,
    /// Where the tree is made: beside its place, so that one rename puts it there. No image has a name with a leading dot.
    pub(crate) work: Utf8PathBuf,
}

impl Staging {
    pub(crate) fn of(name: &ImageName, host: &Host<'_>) -> Result<Self> {
        let base = host.paths()?.nfs_staging;
        Ok(Self { tree: base.join(name.as_str()), work: base.join(format!(".new-{name}")) })
    }
}

/// The places of a golden image.
#[derive(Debug, Clone)]
pub(crate) struct Golden {
    /// What holds all of it.
    pub(crate) base: Utf8PathBuf,
    /// The tree that nodes' trees start as.
    pub(crate) tree: Utf8PathBuf,
    /// The nodes' trees.
    pub(crate) nodes: Utf8PathBuf,
    /// What those nodes wrote whose trees are overlays.
    pub(crate) overlays: Utf8PathBuf,
    /// Where trees are made and unmade: whatever lies there is unfinished.
    pub(crate) work: Utf8PathBuf,
}

impl Golden {
    pub(crate) fn of(name: &ImageName, host: &Host<'_>) -> Result<Self> {
        let base = host.paths()?.nfs_golden.join(name.as_str());
        Ok(Self {
            tree: base.join("image"),
            nodes: base.join("nodes"),
            overlays: base.join("overlays"),
            work: base.join(".work"),
            base,
        })
    }

    /// What was taken out of service and is about to be deleted.
    pub(crate) fn retired(&self) -> Utf8PathBuf {
        // No node has a name with a leading dot.
        self.work.join(".retired")
    }

    /// What a node wrote whose tree is an overlay.
    pub(crate) fn overlay(&self, node: &NodeName) -> Utf8PathBuf {
        self.overlays.join(node.as_ref())
    }

    /// The tree of a node.
    pub(crate) fn node(&self, node: &NodeName) -> Utf8PathBuf {
        self.nodes.join(node.as_ref())
    }
}

pub(crate) use disklessset_kit::places_of_1x::published;

/// Puts the places on record that 1.x takes from there, so that a site may go back to it.
pub(crate) fn record(image: &mut Image, directory: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let paths = host.paths()?;
    let own = paths.images.join(image.name().as_str());
    places_of_1x::record(image, "IMAGE_DIRECTORY", &own, &paths);
    places_of_1x::record(image, "NFS_DIRECTORY", directory, &paths);
    Ok(())
}

/// Puts a finished tree into its place in one rename. What is there is never replaced but for an empty directory.
pub(crate) fn put(tree: &Utf8Path, place: &Utf8Path, host: &Host<'_>) -> Result<()> {
    host.debug(format!("{tree} goes to {place}"));
    // Renaming onto a directory works when that is empty, and only then.
    let put = rustix::fs::renameat(CWD, tree.as_std_path(), CWD, place.as_std_path());
    put.map_err(|cause| Error::failed(format!("cannot put the tree into its place {place}")).because(cause))?;
    host.debug(format!("{place} is there now"));
    flush_above(place)
}

/// The same for a place where nothing may be.
pub(crate) fn put_new(tree: &Utf8Path, place: &Utf8Path, host: &Host<'_>) -> Result<()> {
    host.debug(format!("{tree} goes to {place}"));
    let (from, to) = (tree.as_std_path(), place.as_std_path());
    rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE).map_err(|cause| {
        Error::failed(format!("cannot put the tree into its place {place}")).because(cause)
    })?;
    host.debug(format!("{place} is there now"));
    Ok(())
}

/// Makes a directory of exactly this mode; one that is there is fine.
pub(crate) fn make_directory(path: &Utf8Path, mode: u32) -> Result<()> {
    match durable::create_dir_unflushed(path, mode) {
        Err(there) if there.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(|error| Error::failed(format!("cannot make {path}")).because(error.source)),
    }
}

/// Whether this user may not even see what is there. Trees are closed to other users of the server.
pub(crate) fn is_hidden(path: &Utf8Path) -> bool {
    let look = path.symlink_metadata().and_then(|meta| match meta.is_dir() {
        true => path.read_dir().map(drop),
        false => Ok(()),
    });
    look.is_err_and(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied)
}
