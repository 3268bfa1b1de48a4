//! What a proof is asked for.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{boot_file::OTHER_BOOT_FILE, firmware::Firmware};
use disklessset_plugin_api::node_set::NodeName;

/// What to boot and how.
#[derive(Debug, Clone)]
pub struct ProveRequest {
    /// The directory served over HTTP: the parent of `preboot_execution_environment`, as it lies on
    /// this server's disk.
    pub http_root: Utf8PathBuf,
    /// The image's boot file, relative to `http_root`.
    pub boot_path: String,
    /// Another text for that file, such as the one of an older version.
    pub boot_text: Option<String>,
    /// The file that a machine begins with and that leads to the boot file, such as the one of a pool; relative to `http_root`.
    pub begin_path: Option<String>,
    /// The directory that stands for `/` in the paths of NFS roots.
    pub system_root: Utf8PathBuf,
    /// Nodes to boot at once, each from its own tree, which it changes as it would: their names come from DHCP
    /// (`${hostname}` in boot files). Without any, one machine boots that changes nothing.
    pub nodes: Vec<NodeName>,
    /// What each machine starts with.
    pub firmware: Firmware,
    /// Memory of the machine.
    pub memory: Mebibytes,
    /// Processors of the machine; without one, two where the server has them idle, else one.
    pub cpus: Option<u32>,
    /// How long one try may take; without it, as long as so many machines may need on this server.
    pub timeout: Option<Duration>,
    /// How often to try again when the machine died or time ran out. An image that is plainly
    /// wrong is not tried again.
    pub retries: u32,
    /// Whether to use the processor's own virtualisation.
    pub accelerator: Accelerator,
    /// Where the whole serial output is kept. An existing file is replaced. The logs of [`nodes`](Self::nodes) lie beside
    /// it, with `@NODE` before the extension.
    pub console_log: Utf8PathBuf,
    /// Where the answer of the KVM probe is kept until the next boot of this server; without it the
    /// probe runs each time.
    pub cache_dir: Option<Utf8PathBuf>,
}

impl ProveRequest {
    /// A request with the usual settings: one machine of 1024 MiB with a BIOS, 180 seconds for it, one retry, KVM where it works.
    #[must_use]
    pub fn new(
        http_root: impl Into<Utf8PathBuf>,
        boot_path: impl Into<String>,
        console_log: impl Into<Utf8PathBuf>,
    ) -> Self {
        Self {
            http_root: http_root.into(),
            boot_path: boot_path.into(),
            boot_text: None,
            begin_path: None,
            system_root: "/".into(),
            nodes: Vec::new(),
            firmware: Firmware::Bios,
            memory: Mebibytes(1024),
            cpus: None,
            timeout: None,
            retries: 1,
            accelerator: Accelerator::Auto,
            console_log: console_log.into(),
            cache_dir: None,
        }
    }
}

impl ProveRequest {
    /// Where machines begin.
    pub(super) fn served_boot_path(&self) -> &str {
        if let Some(path) = &self.begin_path {
            return path;
        }
        if self.boot_text.is_some() { OTHER_BOOT_FILE } else { &self.boot_path }
    }

    /// How many machines boot.
    pub(super) fn machines(&self) -> usize {
        self.nodes.len().max(1)
    }

    /// Where the console of one of [`nodes`](Self::nodes) is kept.
    pub(super) fn log_of(&self, node: &NodeName) -> Utf8PathBuf {
        if self.nodes.is_empty() {
            return self.console_log.clone();
        }
        let stem = self.console_log.file_stem().unwrap_or_default();
        let extension = self.console_log.extension().map(|e| format!(".{e}")).unwrap_or_default();
        self.console_log.with_file_name(format!("{stem}@{node}{extension}"))
    }

    /// How long one try may take: what two processors need for a machine, times its share of them.
    pub(super) fn time_for_a_try(&self) -> Duration {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let rounds = self.machines().div_ceil((cores / 2).max(1));
        let one_machine = match self.firmware {
            Firmware::Bios => ONE_BIOS,
            Firmware::Uefi => ONE_UEFI,
        };
        self.timeout.unwrap_or(one_machine * u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}

/// How long a try of one machine may take: an emulated one comes up in 45 to 75 seconds on two processors.
const ONE_BIOS: Duration = Duration::from_secs(180);
/// Under UEFI iPXE has the firmware's network driver, which is slow when it is emulated.
const ONE_UEFI: Duration = Duration::from_secs(360);

/// An amount of memory in units of 2^20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mebibytes(pub u32);

impl std::fmt::Display for Mebibytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} MiB", self.0)
    }
}

/// Which accelerator the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accelerator {
    /// KVM if a kernel really starts under it, else emulation.
    Auto,
    /// KVM, without a probe before.
    Kvm,
    /// Emulation by QEMU itself, on machines without KVM.
    Emulation,
}
