//! What makes a tree this user's image.

use super::OsTreeRequest;
use crate::{
    accounts::{Root, RootPassword, set_root_password},
    anonymise, first_boot,
    os_release::{ImageFacts, day_of_image, describe_image},
    packages::Selinux,
    report_unit::report_when_up,
    selinux,
    tree_files::{NewFile, TreeFiles},
};
use camino::Utf8Path;
use disklessset_plugin_api::{Command, Host, KernelVersion, Result};

/// Where a script of the user's lies while it runs.
const SCRIPT: &str = ".disklessset-run";

/// Password, keys, the lines about the image, the user's script; then everything of one machine goes.
pub(super) fn customise(
    image: &str,
    tree: &Utf8Path,
    kernel: &KernelVersion,
    request: &OsTreeRequest,
    host: &Host<'_>,
) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    let password = match (&request.password, &request.keys) {
        (Some(password), _) => RootPassword::Clear(password),
        (None, Some(_)) => RootPassword::KeysOnly,
        (None, None) => RootPassword::Locked,
    };
    if let Some(taken_off) = set_root_password(&files, password)? {
        host.warn(format!(
            "root's account in the tree {taken_off}: nodes would not keep a change, so it does not expire"
        ));
    }
    if let Some((_, keys)) = &request.keys {
        for remark in keys.authorise_for_root(&files)? {
            host.warn(remark);
        }
    }
    tell_of_shell(&Root::of(&files)?, host);
    describe_image(&files, &ImageFacts { image, kernel: kernel.as_str(), date: &day_of_image()? })?;
    warn_of_local_disks(&files, host)?;
    first_boot::make_host_keys_at_boot(&files)?;
    report_when_up(&files)?;
    // Before the script: what an administrator puts in by himself stays.
    let gone = anonymise::forget_machine(&files)?;
    if !gone.is_empty() {
        host.info(format!("left out, for they are one machine's own: {}", gone.join(", ")));
    }
    if let Some((path, text)) = &request.script {
        host.info(format!("running {path} inside the tree"));
        run_script(&files, text, host)?;
    }
    anonymise::anonymise(&files)?;
    if let Some(remark) = anonymise::remark(&files)? {
        host.warn(remark);
    }
    if request.selinux == Selinux::On {
        // Last: every file that is made has to have its label.
        selinux::label(&files, host)?;
    }
    Ok(())
}

/// Says when root has no shell: no password and no key help then.
fn tell_of_shell(root: &Root, host: &Host<'_>) {
    if ["nologin", "false"].iter().any(|none| root.shell.rsplit('/').next() == Some(none)) {
        host.warn(format!("root cannot log in on the nodes: its shell in the tree is {}", root.shell));
    }
}

/// Says who can log in: before the work, while it can be done otherwise.
pub(super) fn tell_ways_in(request: &OsTreeRequest, host: &Host<'_>) {
    match (&request.password, &request.keys) {
        (None, None) => host.warn(
            "no password and no key were given: root's account is locked and nobody can log in on the nodes",
        ),
        (None, Some(_)) => host.warn("no password was given: root's account is open to the given key only"),
        (Some(_), _) => {}
    }
}

/// Runs a script by the interpreter it names, with the tree's shell when it names none.
fn run_script(files: &TreeFiles, text: &str, host: &Host<'_>) -> Result<()> {
    files.remove(SCRIPT)?;
    files.replace(SCRIPT, text.as_bytes(), NewFile::of_root(0o700))?;
    let path = format!("/{SCRIPT}");
    let command = if text.starts_with("#!") { Command::new(path) } else { Command::new("/bin/sh").arg(path) };
    let ran = host.run(&command.inside(files.path().as_str()).with_network());
    files.remove(SCRIPT)?;
    ran.map(drop).map_err(|error| error.context("the script inside the tree failed"))
}

/// A tree taken from an installed machine names disks that nodes do not have, and systemd would wait for them.
fn warn_of_local_disks(files: &TreeFiles, host: &Host<'_>) -> Result<()> {
    let table = files.read_text("etc/fstab")?.unwrap_or_default();
    for line in table.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut words = line.split_whitespace();
        let (device, _, _, options) = (words.next(), words.next(), words.next(), words.next());
        let local = device
            .is_some_and(|d| ["UUID=", "LABEL=", "PARTUUID=", "/dev/"].iter().any(|p| d.starts_with(p)));
        if local && !options.unwrap_or_default().split(',').any(|o| o == "nofail" || o == "noauto") {
            host.warn(format!(
                "etc/fstab of the tree names a disk that nodes would wait for: {}",
                line.trim()
            ));
        }
    }
    Ok(())
}
