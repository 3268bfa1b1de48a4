//! What a proof is asked for.

use std::time::Duration;

use camino::Utf8PathBuf;

/// What to boot and how.
#[derive(Debug, Clone)]
pub struct ProveRequest {
    /// The directory served over HTTP: the parent of `preboot_execution_environment`, as it lies on
    /// this server's disk.
    pub http_root: Utf8PathBuf,
    /// The image's boot file, relative to `http_root`.
    pub boot_path: String,
    /// The host name the node gets from DHCP (`${hostname}` in boot files).
    pub node_name: String,
    /// Memory of the machine.
    pub memory: Mebibytes,
    /// Processors of the machine; without one, two where the server has them idle, else one.
    pub cpus: Option<u32>,
    /// How long one try may take.
    pub timeout: Duration,
    /// How often to try again when the machine died or time ran out. An image that is plainly
    /// wrong is not tried again.
    pub retries: u32,
    /// Whether to use the processor's own virtualisation.
    pub accelerator: Accelerator,
    /// Where the whole serial output is kept. An existing file is replaced.
    pub console_log: Utf8PathBuf,
    /// Where the answer of the KVM probe is kept until the next boot of this server; without it the
    /// probe runs each time.
    pub cache_dir: Option<Utf8PathBuf>,
}

impl ProveRequest {
    /// A request with the usual settings: 1024 MiB, 180 seconds, one retry, KVM where it works.
    #[must_use]
    pub fn new(
        http_root: impl Into<Utf8PathBuf>,
        boot_path: impl Into<String>,
        console_log: impl Into<Utf8PathBuf>,
    ) -> Self {
        Self {
            http_root: http_root.into(),
            boot_path: boot_path.into(),
            node_name: "prove".to_owned(),
            memory: Mebibytes(1024),
            cpus: None,
            timeout: Duration::from_secs(180),
            retries: 1,
            accelerator: Accelerator::Auto,
            console_log: console_log.into(),
            cache_dir: None,
        }
    }
}

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
    /// KVM, unprobed.
    Kvm,
    /// Emulation.
    Emulation,
}
