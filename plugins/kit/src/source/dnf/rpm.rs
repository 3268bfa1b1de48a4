//! Where rpm keeps its database: a server of another kind has its own idea, the tree's rpm must find it.

use super::{super::repositories::write_private, release::Release};
use crate::tree_files::TreeFiles;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Command, Error, Host, Result};

/// A home directory for dnf with the macros that rpm reads from there, whatever the server's own say (Debian's rpm keeps its
/// database in the home of the user).
pub(super) fn write_home(release: &Release, scratch: &Utf8Path) -> Result<Utf8PathBuf> {
    let home = scratch.join("home");
    std::fs::create_dir(&home)
        .map_err(|cause| Error::failed(format!("cannot make {home}")).because(cause))?;
    // What is mounted in the tree belongs to the server: rpm does not set modes and owners there.
    let macros = format!("%_dbpath {}\n%_netsharedpath /proc:/sys:/dev\n", release.rpm_database());
    write_private(&home.join(".rpmmacros"), &macros)?;
    Ok(home)
}

/// Says so when the tree's own rpm does not see what was installed: its database may be of another kind than the server's
/// rpm writes, as that of Enterprise Linux 8 is.
pub(super) fn tell_if_unreadable(files: &TreeFiles, host: &Host<'_>) -> Result<()> {
    if !files.exists("usr/bin/rpm") {
        return Ok(());
    }
    let ask = Command::new("rpm").args(["--query", "--all", "--queryformat", "%{NAME}\\n"]).capture();
    let seen = host.run(&ask.inside(files.path().as_str()));
    if !seen.is_ok_and(|seen| seen.stdout.lines().any(|line| line != "gpg-pubkey")) {
        host.warn(
            "the rpm inside the tree does not read the package database that this server's rpm has written: the image works, \
             but packages cannot be updated inside it; make it on a server of its own distribution for that",
        );
    }
    Ok(())
}
