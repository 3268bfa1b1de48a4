//! The mark of a change of nodes and pools whose boot files are not all written yet: made before the change, gone after it.

use crate::{
    failure,
    system::{atomic_file, layout::Layout},
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::Result;

fn path(layout: &Layout) -> Utf8PathBuf {
    layout.state_dir().join("boot-files.pending")
}

pub(super) fn begin(layout: &Layout) -> Result<()> {
    atomic_file::replace(&path(layout), b"", 0o644).map_err(failure::of)
}

pub(super) fn end(layout: &Layout) -> Result<()> {
    atomic_file::sweep_temporaries(&path(layout)).map_err(failure::of)?;
    atomic_file::remove_file(&path(layout)).map_err(failure::of)
}

/// Whether there is one, or something of one that was not made whole.
pub(super) fn is_there(layout: &Layout) -> bool {
    let path = path(layout);
    path.symlink_metadata().is_ok() || atomic_file::has_temporaries(&path)
}
