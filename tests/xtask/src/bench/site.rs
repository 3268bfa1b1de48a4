//! A root to measure in, with the program and its modules built with optimisation.

use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

use super::Installed;
use super::made_tree::make_dir;
use super::timing;
use crate::failure::{self, Failure};

/// The kernel that images without one of their own name.
pub(super) const KERNEL: &str = "6.1.0-bench";
/// Where nodes fetch from, below a root.
const SERVED: &str = "var/www/html/preboot_execution_environment/diskless";

/// A root below the directory of an installation.
pub(super) struct Site<'i> {
    installed: &'i Installed,
    root: Utf8PathBuf,
}

impl<'i> Site<'i> {
    /// A new one of that name, with a kernel that nobody boots.
    pub(super) fn new(installed: &'i Installed, name: &str) -> Result<Self, Failure> {
        let site = Self { installed, root: installed.place.join(name) };
        let kernels = site.root.join(SERVED).join("kernels");
        make_dir(&kernels)?;
        for file in ["vmlinuz", "initramfs-kernel"] {
            write(&kernels.join(format!("{file}-{KERNEL}")), b"kernel")?;
        }
        Ok(site)
    }

    pub(super) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where its images are.
    pub(super) fn images(&self) -> Utf8PathBuf {
        self.root.join(SERVED).join("images")
    }

    /// Its work areas.
    pub(super) fn area(&self, name: &str) -> Utf8PathBuf {
        self.root.join("var/tmp/diskless/workdir").join(name)
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = timing::bare(self.installed.built.program.as_str());
        command
            .args(["--root", self.root.as_str(), "--modules-dir", self.installed.modules.as_str()])
            .args(args);
        command
    }

    /// Milliseconds of one command.
    pub(super) fn takes(&self, args: &[&str]) -> Result<f64, Failure> {
        timing::milliseconds(&mut self.command(args))
    }
}

#[allow(clippy::disallowed_methods, reason = "what is measured need not outlast a power cut")]
pub(super) fn write(path: &Utf8Path, content: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, content).map_err(failure::file("write", path))
}
