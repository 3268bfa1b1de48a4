//! Mounts and removals of the test host, made with the server's own tools.

use super::Open;
use crate::{
    Mount,
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

pub(super) fn undo(open: &Open) -> Result<()> {
    let unmount = |target: &Utf8Path| match tool("umount", &[target.as_str()]) {
        Err(error) if is_mounted(target) => {
            Err(error.context(format!("cannot unmount {target}: it is busy")))
        }
        _ => Ok(()),
    };
    match &open.mount {
        None => remove(&open.path),
        Some(Mount::System { target }) => {
            ["dev", "sys", "proc"].iter().try_for_each(|dir| unmount(&target.join(dir)))
        }
        // Read-only, so nothing can be lost with it. A program elsewhere on the machine may have a copy of the mount table, and the
        // loop device of a mount inside open with it.
        Some(Mount::Image { target, .. }) => {
            unmount(target).or_else(|_| tool("umount", &["--lazy", target.as_str()]).map(drop))
        }
        Some(mount) => unmount(mount.target()),
    }
}

/// Makes a directory a mount of its own whose changes reach the namespaces of programs that run meanwhile: what is unmounted here
/// goes there as well, and a loop device is not kept open by a program of another test.
pub(super) fn share(base: &Utf8Path) -> Result<()> {
    tool("mount", &["--bind", base.as_str(), base.as_str()])?;
    tool("mount", &["--make-shared", base.as_str()]).map(drop)
}

/// Takes everything mounted at or below a directory away, whoever mounted it.
pub(super) fn unshare(base: &Utf8Path) -> Result<()> {
    if !is_mounted(base) {
        return Ok(());
    }
    tool("umount", &["--recursive", base.as_str()])
        .or_else(|_| tool("umount", &["--recursive", "--lazy", base.as_str()]))
        .map(drop)
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
