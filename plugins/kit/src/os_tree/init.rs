//! Whether anything can start in a tree.

use super::OsTreeRequest;
use crate::{source::Source, tree_files::TreeFiles};
use camino::Utf8Path;
use disklessset_plugin_api::{Host, Result};

/// What initramfs files of dracut, and kernels, start.
const INITS: [&str; 6] =
    ["sbin/init", "usr/sbin/init", "usr/lib/systemd/systemd", "lib/systemd/systemd", "etc/init", "init"];
/// What is left to start where there is no init.
const SHELLS: [&str; 2] = ["bin/sh", "usr/bin/sh"];

/// Tells of a tree in which nothing can start, or that has no init. The user may name another in the kernel parameters.
///
/// # Errors
/// When the tree cannot be opened.
pub(super) fn tell_of_lack(tree: &Utf8Path, request: &OsTreeRequest, host: &Host<'_>) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    let named = request.kernel_parameters.split_whitespace().filter_map(|word| word.strip_prefix("init="));
    if INITS.into_iter().chain(named).any(|init| files.exists(init)) {
        return Ok(());
    }
    if SHELLS.iter().any(|shell| files.exists(shell)) {
        // The source of OCI images tells of all that they lack in one line.
        if !matches!(request.source, Source::Oci { .. } | Source::Registry(_)) {
            host.warn(format!(
                "the tree of {} has no init (/sbin/init): nodes will not start it",
                request.source
            ));
        }
        return Ok(());
    }
    host.warn(format!(
        "nothing can start in the tree of {}: it has no init (/sbin/init) and no shell; --kernel-parameters init=PATH names another",
        request.source
    ));
    Ok(())
}
