//! What the actions of the three classes are told.

use crate::{nodes::NodeKind, places::STAGING};
use disklessset_kit::{
    node_set::{NodeName, NodeSet},
    os_tree::params,
    trees::Wanted,
};
use disklessset_plugin_api::{ActionSpec, ImageName, ParamKind, Parameters};

/// The options of a line unless others are given:
/// - `rw`: a node writes to its tree;
/// - `no_root_squash`: the node's root owns the tree's files, without this it cannot even boot;
/// - `sync`: what a node was told is written is on the server's disk;
/// - `no_subtree_check`: a renamed file must not become stale under a node.
const OPTIONS: [&str; 4] = ["rw", "no_root_squash", "sync", "no_subtree_check"];

/// Work inside of a tree.
#[derive(Parameters)]
pub(crate) struct Inside {
    /// The node of a golden image whose tree to work in
    #[parameter(not_asked)]
    pub(crate) node: Option<NodeName>,
}

/// A command to run there.
#[derive(Parameters)]
pub(crate) struct Exec {
    /// The command with its arguments
    #[parameter(trailing, sample = vec!["true"])]
    pub(crate) command: Vec<String>,
}

/// To whom an image is exported, and how.
#[derive(Parameters)]
pub(crate) struct ExportTo {
    // Asked first: with it nobody is named.
    /// One line for each node of a golden image, for that node alone
    pub(crate) per_node: bool,
    /// Who may mount it: ADDRESS/BITS, a host name, @NETGROUP, * for everybody; left out with per-node, and
    /// only then
    #[parameter(sample = vec!["127.0.0.1"])]
    pub(crate) client: Vec<String>,
    /// An export option; replaces the default options
    #[parameter(default = OPTIONS.to_vec())]
    pub(crate) option: Vec<String>,
}

/// What a golden image is made of.
#[derive(Parameters)]
pub(crate) struct FromStaging {
    /// The staging image it is made from
    #[parameter(flag = "from", kind = ParamKind::Image { class: STAGING.to_owned() })]
    pub(crate) staging: ImageName,
    /// How trees are made; auto: the best method that works on this server
    #[parameter(default = "auto", not_asked)]
    pub(crate) method: Wanted,
}

/// New nodes of a golden image.
#[derive(Parameters)]
pub(crate) struct NewNodes {
    /// The nodes, such as c[001-100],login1
    #[parameter(position, flag = "nodeset", sample = "c[1-2]")]
    pub(crate) nodes: NodeSet,
    /// How trees are made; auto: the best method that works on this server, never overlay, which mounts the
    /// golden tree under what a node writes
    #[parameter(default = "auto", not_asked)]
    pub(crate) method: NodeKind,
}

/// Nodes of a golden image that go.
#[derive(Parameters)]
pub(crate) struct OldNodes {
    /// The nodes, such as c[001-100],login1
    #[parameter(position, flag = "nodeset", sample = "c[1-2]")]
    pub(crate) nodes: NodeSet,
}

/// The declaration of the creation of a staging image: what the kit asks about a tree.
pub(crate) fn of_staging(create: ActionSpec) -> ActionSpec {
    let content = params::content().into_iter().filter(|param| param.name != "selinux").collect();
    let groups = [
        vec![
            params::kernel(),
            params::password(),
            params::package_set(params::PACKAGE_SET),
            params::ssh_pub_key(),
        ],
        params::packages(),
        content,
        vec![params::source()],
        params::rare(),
        params::repositories(),
    ];
    params::needs_of_sources(groups.into_iter().flatten().fold(create, ActionSpec::param))
}
