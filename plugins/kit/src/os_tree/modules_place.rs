//! Where the modules of kernels lie in a tree: below `/lib/modules`, where modprobe looks, which is `/usr/lib/modules` where `/usr` is merged.

use crate::tree_files::TreeFiles;
use disklessset_plugin_api::{Host, KernelVersion, Result};

const MERGED: &str = "usr/lib/modules";
const OF_ITS_OWN: &str = "lib/modules";
/// Both places, the usual one first.
pub const PLACES: [&str; 2] = [MERGED, OF_ITS_OWN];

/// Where modprobe of this tree looks.
///
/// # Errors
/// When the tree cannot be looked into.
pub fn looked_into(files: &TreeFiles) -> Result<&'static str> {
    let is_of_its_own = files.is_directory("lib")
        && (!files.is_directory("usr/lib") || files.real_path("lib")? != files.real_path("usr/lib")?);
    Ok(if is_of_its_own { OF_ITS_OWN } else { MERGED })
}

/// The directory of the modules of a version; `None` when the tree has none of it.
pub fn of_version(files: &TreeFiles, version: &str) -> Option<String> {
    PLACES.iter().map(|place| format!("{place}/{version}")).find(|directory| files.is_directory(directory))
}

/// Sees to it that modprobe finds modules that are in the tree. Tells whether there are any.
///
/// # Errors
/// When a link cannot be made.
pub(super) fn reach(files: &TreeFiles, version: &KernelVersion, host: &Host<'_>) -> Result<bool> {
    let wanted = format!("{}/{version}", looked_into(files)?);
    if files.is_directory(&wanted) {
        return Ok(true);
    }
    let Some(found) = of_version(files, version.as_str()) else { return Ok(false) };
    files.make_directory(looked_into(files)?, 0o755)?;
    files.link(&wanted, &format!("/{found}"))?;
    host.info(format!("linked /{wanted} to /{found}: modprobe of this tree looks there"));
    Ok(true)
}
