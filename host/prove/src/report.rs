//! What a proof tells while it runs and when it is over.

use std::fmt;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::firmware::Firmware;
use super::request::Mebibytes;
use disklessset_plugin_api::node_set::{NodeName, NodeSetError};

/// A point a booting node passes, in this order: a root is fetched or mounted, the others are for all.
///
/// The prompt may come before or after [`Stage::SystemUp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// UEFI has iPXE.
    LoaderFetched,
    /// iPXE runs.
    Firmware,
    /// iPXE has the image's boot file.
    BootFileFetched,
    /// iPXE has the kernel.
    KernelFetched,
    /// iPXE has the initramfs.
    InitramfsFetched,
    /// The kernel speaks on the console.
    KernelStarted,
    /// The initramfs' init runs.
    InitramfsStarted,
    /// The initramfs has the whole root image.
    RootImageFetched,
    /// The initramfs has the NFS root mounted.
    RootMounted,
    /// The image's own init runs.
    SystemStarted,
    /// The console shows a login prompt.
    LoginPrompt,
    /// The image's multi-user (or graphical) target is reached.
    SystemUp,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoaderFetched => "iPXE fetched by UEFI",
            Self::Firmware => "iPXE started",
            Self::BootFileFetched => "boot file fetched",
            Self::KernelFetched => "kernel fetched",
            Self::InitramfsFetched => "initramfs fetched",
            Self::KernelStarted => "kernel started",
            Self::InitramfsStarted => "initramfs started",
            Self::RootImageFetched => "root image fetched",
            Self::RootMounted => "NFS root mounted",
            Self::SystemStarted => "system started",
            Self::LoginPrompt => "login prompt",
            Self::SystemUp => "system up",
        })
    }
}

/// When stages were passed, counted from the start of the machine.
pub type Timeline = Vec<(Duration, Stage)>;

/// What runs the machine's instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UsedAccelerator {
    /// The processor itself.
    Kvm,
    /// QEMU's translator: some twenty times slower.
    Emulation,
}

impl fmt::Display for UsedAccelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "KVM",
            Self::Emulation => "emulation",
        })
    }
}

/// One thing that happened; the times of a try start with its machine.
#[derive(Debug, Clone)]
pub enum ProveEvent {
    /// It is being found out whether KVM works here (a few seconds).
    Probing,
    /// The machines were started.
    Started {
        /// What they start with.
        firmware: Firmware,
        /// The memory of each.
        memory: Mebibytes,
        /// What runs it.
        accelerator: UsedAccelerator,
        /// Why it is not KVM, when KVM was looked for.
        reason: Option<String>,
        /// The processors of each.
        cpus: u32,
        /// The nodes they are.
        nodes: Vec<NodeName>,
    },
    /// A stage was passed.
    Stage {
        /// The node whose machine it is.
        node: NodeName,
        /// The time since the machine was started.
        at: Duration,
        /// The stage that was passed.
        stage: Stage,
    },
    /// A line of the console, without control sequences.
    Console {
        /// The node whose machine it is.
        node: NodeName,
        /// The line.
        line: String,
    },
    /// The machine asked the boot server for a file.
    Request {
        /// The node whose machine asked.
        node: NodeName,
        /// The path below the HTTP root.
        path: String,
        /// HTTP status of the answer.
        status: u16,
        /// Bytes sent.
        bytes: u64,
    },
    /// A unit of the image failed to start.
    UnitFailed {
        /// Whose image.
        node: NodeName,
        /// The unit's name.
        unit: String,
    },
    /// The try failed and another one begins.
    Retry {
        /// The node whose machine asked.
        node: NodeName,
        /// What ended the first one.
        reason: String,
    },
}

/// The image boots.
#[derive(Debug, Clone)]
pub struct Proof {
    /// What the machines started with.
    pub firmware: Firmware,
    /// What ran the machines.
    pub accelerator: UsedAccelerator,
    /// Why it was not KVM, when KVM was looked for.
    pub accelerator_reason: Option<String>,
    /// Memory of each machine.
    pub memory: Mebibytes,
    /// Processors of each machine.
    pub cpus: u32,
    /// The machines, all of them up; at least one.
    pub machines: Vec<ProvenMachine>,
    /// Why earlier tries failed; empty when the first one succeeded.
    pub failed_tries: Vec<String>,
}

/// A machine that came up.
#[derive(Debug, Clone)]
pub struct ProvenMachine {
    /// The node it was.
    pub node: NodeName,
    /// The stages of the try that succeeded.
    pub timeline: Timeline,
    /// The console's login line, as it stands there.
    pub login_line: String,
    /// Units of the image that failed to start, as far as the console told: the system is up, but
    /// somebody should look.
    pub failed_units: Vec<String>,
    /// The most memory QEMU took on this server.
    pub qemu_peak: Option<Mebibytes>,
    /// Where the whole serial output lies.
    pub console_log: Utf8PathBuf,
}

/// An image that did not come up, and all that may explain it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The machines that did not come up; at least one.
    pub machines: Vec<FailedMachine>,
    /// The nodes that did.
    pub came_up: Vec<NodeName>,
    /// What the machines started with.
    pub firmware: Firmware,
    /// What ran the machines.
    pub accelerator: UsedAccelerator,
    /// Why earlier tries failed.
    pub failed_tries: Vec<String>,
}

/// A machine that did not come up.
#[derive(Debug, Clone)]
pub struct FailedMachine {
    /// The node it was.
    pub node: NodeName,
    /// The likely cause.
    pub cause: Cause,
    /// The end of the console, without control sequences.
    pub last_lines: Vec<String>,
    /// How far the last try came.
    pub timeline: Timeline,
    /// Units of the image that failed to start, as far as the console told.
    pub failed_units: Vec<String>,
    /// Where the whole serial output lies.
    pub console_log: Utf8PathBuf,
}

impl Failure {
    /// The causes in one line, each with its node when there are several.
    #[must_use]
    pub fn causes(&self) -> String {
        let several = self.machines.len() + self.came_up.len() > 1;
        let cause = |machine: &FailedMachine| match several {
            true => format!("{}: {}", machine.node, machine.cause),
            false => machine.cause.to_string(),
        };
        self.machines.iter().map(cause).collect::<Vec<_>>().join("; ")
    }
}

/// The image does not boot, or this server cannot tell.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// A program of this server is missing.
    #[error("cannot start a virtual machine: {tool} is missing (install the package {package})")]
    MissingTool {
        /// The program or file.
        tool: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// A name of a node that is none.
    #[error(transparent)]
    NodeName(#[from] NodeSetError),
    /// A host name that Linux would cut.
    #[error(
        "node {node} cannot be proven: its name has more than {most} characters, the longest host name there is"
    )]
    LongNodeName {
        /// The node.
        node: NodeName,
        /// The most characters.
        most: usize,
    },
    /// The kernel lets no program carry a network.
    #[error("cannot start a virtual machine: {device} is missing (the kernel module tun makes it)")]
    NoTun {
        /// The device.
        device: &'static str,
    },
    /// The DHCP server did not start.
    #[error("cannot start the private network: dnsmasq ended or does not answer: {words}")]
    DhcpServer {
        /// Its last words.
        words: String,
    },
    /// The server of NFS roots is not installed.
    #[error("cannot serve the image over NFS: {tool} is missing (install the package {package})")]
    MissingNfsServer {
        /// The program or file.
        tool: &'static str,
        /// The package that has it.
        package: &'static str,
    },
    /// The NFS server did not start.
    #[error("cannot serve the image over NFS: nfs-ganesha ended or does not answer: {words}")]
    NfsServer {
        /// Its last words.
        words: String,
    },
    /// The NFS server ended by itself while machines were booting, and did so again when it was tried again.
    #[error("cannot serve the image over NFS: {end}")]
    NfsServerEnded {
        /// How it ended, its last words, and where its log is kept.
        end: String,
    },
    /// Nodes are asked for, and the root is the same for all.
    #[error("the image has no trees of nodes: its boot file names no ${{hostname}}")]
    NodesNotNamed,
    /// The boot file's root has no `image/` beside `nodes/`.
    #[error("the image's trees are not laid out as .../nodes/${{hostname}}: say which node to boot")]
    NoGoldenTree,
    /// A node has no tree.
    #[error("node {node} has no tree: {path} is no directory")]
    NoNodeTree {
        /// The node.
        node: NodeName,
        /// Where its tree should be.
        path: Utf8PathBuf,
    },
    /// The image has no tree.
    #[error("cannot prove the image: its tree {path} is not there")]
    NoTree {
        /// Where it should be.
        path: Utf8PathBuf,
    },
    /// A tree that no initramfs would take for a system.
    #[error("cannot prove the image: {path} is no OS tree: it has no directory {lacks}")]
    NotATree {
        /// The tree.
        path: Utf8PathBuf,
        /// The first directory it lacks.
        lacks: &'static str,
    },
    /// Somebody can sit at one console only.
    #[error("one console can be visited, not those of several nodes")]
    SeveralToVisit,
    /// More machines than a private network can have.
    #[error("at most {most} nodes can be booted at once")]
    TooManyNodes {
        /// How many it can have.
        most: usize,
    },
    /// Private networks need root.
    #[error("proving an image needs root: it makes a private network for the virtual machine")]
    NotRoot,
    /// There is nothing to boot.
    #[error("cannot prove the image: {path} does not exist")]
    NoBootFile {
        /// The boot file looked for.
        path: Utf8PathBuf,
    },
    /// The boot file asks for something a proof does not offer yet.
    #[error("cannot prove the image: {what}")]
    Unsupported {
        /// What it asks for.
        what: String,
    },
    /// The image did not come up.
    #[error("the image does not boot: {}", .0.causes())]
    Failed(Box<Failure>),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
    /// This server failed, not the image.
    #[error("cannot {act}")]
    Io {
        /// What was tried.
        act: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

impl ProveError {
    pub(super) fn io(act: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let act = act.into();
        move |source| Self::Io { act, source }
    }
}
