//! What zypper leaves in a tree that belongs to this server.

use camino::Utf8Path;
use disklessset_kit::tree_files::TreeFiles;
use disklessset_plugin_api::{Command, Host, Result};

/// Directories of every distribution: they stay, empty or not.
const OF_SYSTEMS: [&str; 12] =
    ["home", "mnt", "opt", "root", "run", "srv", "tmp", "usr", "var", "var/cache", "var/lib", "var/tmp"];

/// Removes them: its lock, its log, and the cache of the empty system, which lies in the tree under the path that the scratch directory has
/// on the server.
pub(crate) fn remove(tree: &TreeFiles, scratch: &Utf8Path, host: &Host<'_>) -> Result<()> {
    tree.remove("run/zypp.pid")?;
    tree.empty_directory("var/log/zypp")?;
    let inside = scratch.as_str().trim_start_matches('/');
    tree.empty_directory(inside)?;
    let above = Utf8Path::new(inside).ancestors().map(Utf8Path::as_str);
    let ours: Vec<&str> = above.filter(|path| !path.is_empty() && !OF_SYSTEMS.contains(path)).collect();
    if !tree.is_directory(inside) {
        return Ok(());
    }
    let rmdir = Command::new("rmdir").args(["--ignore-fail-on-non-empty", "--"]).args(ours);
    host.run(&rmdir.current_dir(tree.path().as_str())).map(drop)
}
