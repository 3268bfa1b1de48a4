//! Programs that a class has the test host run.

use super::TestHost;
use crate::{
    Command, Finished, Kernel, KernelVersion, TreeKernel,
    error::{Error, Result},
};
use camino::Utf8Path;
use std::{
    io::Write,
    process::{Command as Process, Stdio},
};

/// How many lines of a failed program are kept, as the host does.
const LAST: usize = 10;

/// Whether this test runs as root, who alone can mount and make OS trees.
pub fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}

impl TestHost {
    pub(super) fn run(&self, command: &Command) -> Result<Finished> {
        let mut words = vec![command.program().to_owned()];
        words.extend(command.arguments().iter().cloned());
        self.state().programs.push(words);
        if self.state().missing.iter().any(|missing| missing == command.program()) {
            return Err(Error::failed(format!("{} is not installed", command.program())));
        }
        let mut process = prepare(command)?;
        for (name, value) in command.environment() {
            process.env(name, value);
        }
        if let Some(directory) = command.directory() {
            process.current_dir(directory);
        }
        process.stdin(if command.input().is_some() { Stdio::piped() } else { Stdio::null() });
        process.stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = command.program();
        let cannot = |cause: std::io::Error| Error::failed(format!("cannot run {program}")).because(cause);
        let started = std::time::Instant::now();
        let mut child = process.spawn().map_err(cannot)?;
        if let (Some(input), Some(mut pipe)) = (command.input(), child.stdin.take()) {
            pipe.write_all(input.as_bytes()).map_err(cannot)?;
        }
        let done = child.wait_with_output().map_err(cannot)?;
        self.state().seconds.push(started.elapsed().as_secs_f32());
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        if command.is_shown() {
            self.state().output.push_str(&out);
        }
        match done.status.code() {
            // How a command of the user ends is an answer, not a failure.
            Some(code) if code == 0 || command.is_shown() || command.accepted().contains(&code) => {
                let looked_for =
                    |line: &&str| command.looked_for().iter().any(|text| line.contains(text.as_str()));
                let found = out.lines().chain(err.lines()).filter(looked_for).map(str::to_owned).collect();
                let stdout = if command.is_captured() { out.into_owned() } else { String::new() };
                Ok(Finished::new(code, stdout).with_found(found))
            }
            _ => {
                let mut error = Error::failed(format!("{program} failed: {}", done.status));
                let lines: Vec<&str> = out.lines().chain(err.lines()).collect();
                error.causes.extend(lines.iter().rev().take(LAST).rev().map(|line| (*line).to_owned()));
                Err(error)
            }
        }
    }

    /// What the host does for `from-image`: the kernel of a tree, an initramfs made inside it, both in the kernels directory.
    pub(super) fn kernel_from_tree(&self, tree: &Utf8Path) -> Result<TreeKernel> {
        let modules = tree.join("usr/lib/modules");
        let versions: Vec<KernelVersion> = std::fs::read_dir(&modules)
            .map_err(|cause| Error::failed(format!("{tree} has no kernel modules")).because(cause))?
            .flatten()
            .filter_map(|entry| KernelVersion::parse(entry.file_name().to_str()?).ok())
            .collect();
        let [version] = versions.as_slice() else {
            return Err(Error::failed(format!("{tree} has {} kernels", versions.len())));
        };
        let kernel = Kernel::new(version.clone());
        let dracut = Command::new("dracut")
            .args(["-q", "--force", "--no-hostonly", "--no-hostonly-cmdline", "--compress", "zstd -T0 -3 -q"])
            .args([
                "--omit",
                "systemd-networkd",
                "--add",
                "livenet dmsquash-live nfs network-legacy overlayfs",
            ])
            .args(["--kver", version.as_str(), "/boot/initramfs.new"])
            .inside(tree.as_str());
        self.run(&dracut)?;
        let kernels = self.places().kernels;
        std::fs::copy(tree.join("boot/initramfs.new"), kernels.join(kernel.initramfs()))?;
        std::fs::copy(tree.join(format!("boot/vmlinuz-{version}")), kernels.join(kernel.vmlinuz()))?;
        Ok(TreeKernel::new(kernel, false))
    }
}

/// As root the program gets mount and process namespaces of its own, and ends with them.
#[allow(clippy::disallowed_methods, reason = "the test host is the room that runs programs in tests")]
fn prepare(command: &Command) -> Result<Process> {
    if !is_root() {
        return match command.tree() {
            Some(tree) => {
                Err(Error::refused(format!("only root can run {} inside {tree}", command.program())))
            }
            None => {
                let mut process = Process::new(command.program());
                process.args(command.arguments());
                Ok(process)
            }
        };
    }
    let mut process = Process::new("unshare");
    process.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private"]);
    if let Some(tree) = command.tree() {
        process.args(["--root", tree, "--wd", "/"]);
    }
    process.args(["--mount-proc", "--", command.program()]).args(command.arguments());
    process
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/root");
    Ok(process)
}
