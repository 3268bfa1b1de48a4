//! Makes initramfs files with dracut: the server's own, or the one inside an OS tree.

use super::starting_over;
use crate::{
    failure,
    operation::Operation,
    system::{
        atomic_file,
        command::{Access, Chroot, Isolation, NameResolution, Public, Rights, Tool},
        failpoint::failpoint,
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, KernelVersion, Level, Result};
use disklessset_system::initramfs::must_be_whole;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;

/// Parts without which a livenet node cannot fetch its root.
const NEEDED: [&str; 2] = ["livenet", "dmsquash-live"];
/// Parts that are taken where dracut has them: NFS roots, the networking that livenet works with, flat images.
const WANTED: [&str; 5] = ["nfs", "network-legacy", "overlayfs", "ifcfg", "url-lib"];
/// Drivers of root file systems that are fetched or mounted early.
const DRIVERS: &str = "squashfs overlay loop ext4 xfs erofs nfs nfsv4 virtio_net virtio_pci";
/// Where the place for the result is shown inside a tree: `/run` is private to each run.
const OUT_INSIDE: &str = "/run/disklessset-initramfs";

/// Which dracut makes the initramfs.
#[derive(Debug)]
pub(super) enum Dracut<'a> {
    /// The server's, with modules in a directory `.../lib/modules/V`.
    OfServer { modules: &'a Utf8Path },
    /// The one inside an OS tree, with the tree's modules.
    OfTree { tree: &'a Utf8Path },
}

impl Dracut<'_> {
    fn isolation(&self, out: &Utf8Path) -> Isolation {
        match self {
            // What it makes is published, and the modules may be a stranger's: their names of firmware can lead anywhere.
            Self::OfServer { modules } => Isolation::Public(Public::default().show(*modules).show(out)),
            Self::OfTree { tree } => {
                let chroot =
                    Chroot::new(*tree).name_resolution(NameResolution::OfTheTree).rights(Rights::Tool);
                Isolation::Chroot(chroot.bind(out, OUT_INSIDE, Access::ReadWrite))
            }
        }
    }

    fn out(&self, out: &Utf8Path) -> Utf8PathBuf {
        match self {
            Self::OfServer { .. } => out.to_owned(),
            Self::OfTree { .. } => OUT_INSIDE.into(),
        }
    }
}

/// Makes the initramfs of a kernel as `<out>/initramfs`; `out` is a private directory of the operation.
///
/// # Errors
/// When dracut is missing, lacks a part that livenet needs, or fails.
pub(super) fn make(
    operation: &Operation<'_>,
    dracut: &Dracut<'_>,
    version: &KernelVersion,
    out: &Utf8Path,
) -> Result<Utf8PathBuf> {
    let parts = parts(operation, dracut, version, out)?;
    if parts.is_empty() {
        return Err(Error::failed("dracut lists no modules")
            .hint("`disklessset doctor initramfs` shows the packages that it needs"));
    }
    let missing: Vec<&str> = NEEDED.into_iter().filter(|part| !parts.contains(*part)).collect();
    if !missing.is_empty() {
        return Err(Error::failed(format!("this dracut has no {}", missing.join(" and no ")))
            .hint("install the packages dracut-live and dracut-network where the initramfs is made"));
    }
    let mut add: Vec<&str> = NEEDED.into_iter().chain(WANTED).filter(|part| parts.contains(*part)).collect();
    let made = out.join("initramfs");
    starting_over::write(out)?;
    loop {
        operation.say(
            Level::Info,
            &format!("making the initramfs of kernel {version} with dracut: {}", add.join(" ")),
        );
        match run(operation, dracut, version, out, &add, &parts) {
            Ok(()) => break,
            Err(error) => {
                // Listed is not installable: a part may miss its programs where dracut runs.
                let refused = error.causes.iter().find_map(|line| part_refused(line));
                match refused
                    .and_then(|part| add.iter().position(|added| *added == part && WANTED.contains(added)))
                {
                    Some(index) => {
                        let part = add.remove(index);
                        let text = format!(
                            "the initramfs of kernel {version} goes without {part}: its programs are missing"
                        );
                        operation.say(Level::Warning, &text);
                    }
                    None => {
                        return Err(error.context(format!("cannot make the initramfs of kernel {version}")));
                    }
                }
            }
        }
    }
    // dracut ends well after some failures of its parts.
    // A dracut of a tree is a stranger's: what it made is a file of its own, and no way to one of the server.
    match made.symlink_metadata() {
        Ok(meta) if meta.is_file() && meta.nlink() == 1 && meta.len() > 1_000_000 => {
            must_be_whole(&made).map_err(|cause| {
                Error::failed(format!("the initramfs {made} is not whole"))
                    .because(cause)
                    .hint(format!("look into {}", operation.log()))
            })?;
            failpoint!("initramfs: made, and whole", made);
            Ok(made)
        }
        _ => Err(Error::failed(format!("dracut made no initramfs for kernel {version}"))
            .hint(format!("look into {}", operation.log()))),
    }
}

/// Runs dracut once.
fn run(
    operation: &Operation<'_>,
    dracut: &Dracut<'_>,
    version: &KernelVersion,
    out: &Utf8Path,
    add: &[&str],
    parts: &BTreeSet<String>,
) -> Result<()> {
    let log = atomic_file::open_log(operation.log()).map_err(failure::of)?;
    let inside = dracut.out(out);
    let mut tool = Tool::new("dracut")
        .args(["--force", "--no-hostonly", "--no-hostonly-cmdline", "--nolvmconf", "--nomdadmconf"])
        // One thread a core; level 3 takes a fifth of the time of 1.x's xz for a third more size.
        .args(["--compress", "zstd -T0 -3 -q"])
        .args(["--add", &add.join(" "), "--add-drivers", DRIVERS])
        .args(["--tmpdir", inside.as_str(), "--kver", version.as_str()])
        .args(starting_over::options(&inside));
    if parts.contains("systemd-networkd") {
        // With networkd in it, dracut's livenet never fetches its root.
        tool = tool.args(["--omit", "systemd-networkd"]);
    }
    match dracut {
        Dracut::OfServer { modules } => tool = tool.args(["--kmoddir", modules.as_str()]),
        // It may not make device nodes; the kernel has those that an initramfs begins with.
        Dracut::OfTree { .. } => tool = tool.env("DRACUT_NO_MKNOD", "1"),
    }
    let mut on_line = |line: &str| {
        operation.tool_line("dracut", line);
        // In the middle of its work, with all of its temporary files there.
        failpoint!("initramfs: dracut is at it", line, when: line.contains("Creating image file"));
    };
    let tool = tool.arg(inside.join("initramfs").as_str()).isolation(dracut.isolation(out));
    let finished = tool.log_to(&log).on_line(&mut on_line).run().map_err(failure::of_tool)?;
    operation.took("dracut", finished.duration);
    Ok(())
}

/// The part that dracut says it cannot put in.
fn part_refused(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("dracut module '")?;
    let (part, rest) = rest.split_once('\'')?;
    rest.contains("cannot be found or installed").then_some(part)
}

/// The parts a dracut has; they differ between releases.
fn parts(
    operation: &Operation<'_>,
    dracut: &Dracut<'_>,
    version: &KernelVersion,
    out: &Utf8Path,
) -> Result<BTreeSet<String>> {
    let inside = dracut.out(out);
    // It makes a temporary directory for a list, too; elsewhere that would stay when it is killed, on nobody's record.
    let mut tool = Tool::new("dracut")
        .args(["--list-modules", "--no-kernel", "--tmpdir", inside.as_str()])
        .args(["--kver", version.as_str()]);
    if let Dracut::OfServer { modules } = dracut {
        tool = tool.args(["--kmoddir", modules.as_str()]);
    }
    let listed =
        tool.capture_stdout(64 * 1024).isolation(dracut.isolation(out)).run().map_err(failure::of_tool)?;
    operation.took("dracut", listed.duration);
    Ok(String::from_utf8_lossy(&listed.stdout).split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_that_cannot_go_in_is_told_from_those_nobody_asked_for() {
        let asked = "| dracut: dracut module 'nfs' cannot be found or installed.";
        assert_eq!(part_refused(asked), Some("nfs"));
        let other = "| dracut: dracut module 'nbd' will not be installed, because command 'nbd-client' could not be found!";
        assert_eq!(part_refused(other), None);
    }
}
