//! Where rpm keeps its database: a server of another kind has its own idea, the tree's rpm must find it.

use super::{super::private_file::write_private, caches, release::Release};
use crate::tree_files::TreeFiles;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Command, Error, ErrorKind, Host, Result};

/// The file of macros in a home directory.
pub(super) const MACROS: &str = ".rpmmacros";

/// A home directory for dnf with the macros that rpm reads from there, whatever the server's own say (Debian's rpm keeps its
/// database in the home of the user).
pub(super) fn write_home(release: &Release, scratch: &Utf8Path) -> Result<Utf8PathBuf> {
    let home = scratch.join("home");
    std::fs::create_dir(&home)
        .map_err(|cause| Error::failed(format!("cannot make {home}")).because(cause))?;
    // What is mounted in the tree belongs to the server: rpm does not set modes and owners there.
    let macros = format!("%_dbpath {}\n%_netsharedpath /proc:/sys:/dev\n", release.rpm_database());
    write_private(&home.join(MACROS), &macros)?;
    Ok(home)
}

/// What rpm says of a script of a package that failed, and what dnf says of it. Both go on and end well: the package is installed, and
/// what its script was to do is not done.
const FAILED: [&str; 4] = ["scriptlet failed", "scriptlet failure", "error in post", "error in trigger"];

pub(super) fn looking_for_failures(command: Command) -> Command {
    FAILED.into_iter().fold(command, Command::look_for)
}

/// Says which scripts failed: an image without what they were to do is not what was asked for.
pub(super) fn tell_failed_scripts(lines: &[String], host: &Host<'_>) {
    let mut told = std::collections::BTreeSet::new();
    for line in lines.iter().map(|line| line.trim()).filter(|line| told.insert(*line)) {
        let line = line.trim_start_matches("warning: ");
        host.warn(format!("a script of a package failed, and what it was to do is not in the image: {line}"));
    }
}

/// Asserts that something was installed: dnf said so.
///
/// # Errors
/// When the tree has no package database.
pub(super) fn must_have_database(files: &TreeFiles, release: &Release) -> Result<()> {
    if files.list(release.rpm_database())?.iter().any(|name| !name.starts_with('.')) {
        return Ok(());
    }
    Err(Error::failed(format!("dnf ended well, and there is no package database in {}", files.path())))
}

/// Sees to it that the tree's own rpm knows what was installed. Its database may be of another kind than the server's rpm writes,
/// as that of Enterprise Linux 8 is: then it is given the packages once more, for its database alone. Where it does not know them even then,
/// the user is told, and this gives back `false`.
pub(super) fn repair_database(files: &TreeFiles, release: &Release, host: &Host<'_>) -> Result<bool> {
    if !files.exists("usr/bin/rpm") || sees_packages(files, host) {
        return Ok(true);
    }
    let packages = caches::packages(files)?;
    if !packages.is_empty() {
        host.info("writing the package database anew with the rpm of the tree");
        let only_database =
            ["--justdb", "--nodeps", "--noscripts", "--notriggers", "--nosignature", "--nodigest"];
        let install = Command::new("rpm").args(["--install", "--force"]).args(only_database).args(packages);
        match host.run(&install.inside(files.path().as_str())) {
            Err(error) if error.kind == ErrorKind::INTERRUPTED => return Err(error),
            // What is then missing is told below.
            written => drop(written),
        }
    }
    let repaired = sees_packages(files, host);
    if repaired {
        for ending in ["", "-wal", "-shm"] {
            files.remove(&format!("{}/rpmdb.sqlite{ending}", release.rpm_database()))?;
        }
    } else {
        host.warn(
            "the rpm inside the tree does not read the package database that this server's rpm has written: the image works, \
             but packages cannot be updated inside it; make it on a server of its own distribution for that",
        );
    }
    Ok(repaired)
}

fn sees_packages(files: &TreeFiles, host: &Host<'_>) -> bool {
    let ask = Command::new("rpm").args(["--query", "--all", "--queryformat", "%{NAME}\\n"]).capture();
    let seen = host.run(&ask.inside(files.path().as_str()));
    seen.is_ok_and(|seen| seen.stdout.lines().any(|line| line != "gpg-pubkey"))
}
