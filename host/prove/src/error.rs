//! Why a proof could not be had.

use camino::Utf8PathBuf;

use super::report::Failure;
use disklessset_plugin_api::node_set::{NodeName, NodeSetError};

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
