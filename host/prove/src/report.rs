//! What a proof tells while it runs and when it is over.

use std::fmt;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::cause::Cause;
use super::firmware::Firmware;
use super::request::Mebibytes;
use super::stage::{Stage, Timeline};
use disklessset_plugin_api::node_set::NodeName;

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
