//! Mounts and removals of the test host, made with the server's own tools.

use super::{Mounted, Open};
use crate::{
    Mount, PersistentOverlay,
    error::{Error, Result},
};
use camino::Utf8Path;
use std::process::Command;

/// Runs a tool of the server and takes its words as the cause when it fails.
#[allow(clippy::disallowed_methods, reason = "the test host is the room that runs programs in tests")]
fn tool(program: &str, arguments: &[&str]) -> Result<String> {
    let done = Command::new(program).args(arguments).output();
    let done = done.map_err(|cause| Error::failed(format!("cannot run {program}")).because(cause))?;
    let words = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(Error::failed(format!("{program} {} failed", arguments.join(" "))).because(words))
}

pub(super) fn mount(mount: &Mount) -> Result<()> {
    match mount {
        Mount::Bind { source, target } => tool("mount", &["--bind", source.as_str(), target.as_str()]),
        Mount::Overlay { lower, upper, work, target } => {
            let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
            tool("mount", &["-t", "overlay", "-o", &options, "overlay", target.as_str()])
        }
        Mount::Image { file, target } => {
            let kind = tool("blkid", &["-o", "value", "-s", "TYPE", file.as_str()]).unwrap_or_default();
            // A log that was not replayed cannot be replayed read-only.
            let options = if kind.trim() == "xfs" { "loop,ro,norecovery" } else { "loop,ro" };
            tool("mount", &["-o", options, file.as_str(), target.as_str()])
        }
        Mount::System { target } => {
            tool("mount", &["-t", "proc", "proc", target.join("proc").as_str()])?;
            tool("mount", &["--bind", "-o", "ro", "/sys", target.join("sys").as_str()])?;
            tool("mount", &["--bind", "/dev", target.join("dev").as_str()])
        }
    }
    .map(drop)
}

pub(super) fn ensure_overlay(overlay: &PersistentOverlay) -> Result<()> {
    let PersistentOverlay { lower, upper, work, target } = overlay;
    let options = format!("lowerdir={lower},upperdir={upper},workdir={work},index=on,nfs_export=on");
    tool("mount", &["-t", "overlay", "-o", &options, "overlay", target.as_str()]).map(drop)
}

pub(super) fn undo(open: &Open) -> Result<()> {
    match &open.mount {
        None => remove(&open.path),
        Some(Mounted::Plain(Mount::System { target })) => {
            ["dev", "sys", "proc"].iter().try_for_each(|dir| unmount(&target.join(dir)))
        }
        // Read-only, so nothing can be lost with it. A program elsewhere on the machine may have a copy of the mount table, and the
        // loop device of a mount inside open with it.
        Some(Mounted::Plain(Mount::Image { target, .. })) => {
            unmount(target).or_else(|_| tool("umount", &["--lazy", target.as_str()]).map(drop))
        }
        Some(Mounted::Plain(mount)) => unmount(mount.target()),
        Some(Mounted::PersistentOverlay(overlay)) => unmount(&overlay.target),
    }
}

/// Takes everything mounted below a directory away, whoever mounted it: a test that failed half way cleans nothing itself.
pub(super) fn unmount_below(base: &Utf8Path) -> Result<()> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let below = format!("{base}/");
    let targets =
        table.lines().filter_map(|line| line.split(' ').nth(4)).filter(|target| target.starts_with(&below));
    let mut latest_first: Vec<&str> = targets.collect();
    latest_first.reverse();
    latest_first.iter().try_for_each(|target| tool("umount", &["--lazy", target]).map(drop))
}

/// Unmounts, with some patience: a program that another thread of the test is just starting has our open files until it runs.
fn unmount(target: &Utf8Path) -> Result<()> {
    let mut outcome = tool("umount", &[target.as_str()]);
    for _ in 0..20 {
        if outcome.is_ok() || !is_mounted(target) {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
        outcome = tool("umount", &[target.as_str()]);
    }
    outcome.map(drop).map_err(|error| error.context(format!("cannot unmount {target}: it is busy")))
}

fn is_mounted(target: &Utf8Path) -> bool {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().any(|line| line.split(' ').nth(4) == Some(target.as_str()))
}

pub(super) fn remove(path: &Utf8Path) -> Result<()> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let below = format!("{path}/");
    if let Some(target) =
        table.lines().filter_map(|line| line.split(' ').nth(4)).find(|t| t.starts_with(&below))
    {
        return Err(Error::refused(format!("cannot remove {path}: {target} is mounted inside")));
    }
    let removed = match path.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
    };
    removed.map_err(|cause| Error::failed(format!("cannot remove {path}")).because(cause))
}
