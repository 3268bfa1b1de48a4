//! The actions of the three classes.

use crate::places::STAGING;
use disklessset_kit::os_tree::params;
use disklessset_plugin_api::{ActionSpec, ParamKind, ParamSpec};

/// The options of a line unless others are given:
/// - `rw`: a node writes to its tree;
/// - `no_root_squash`: the node's root owns the tree's files, without this it cannot even boot;
/// - `sync`: what a node was told is written is on the server's disk;
/// - `no_subtree_check`: a renamed file must not become stale under a node.
const OPTIONS: [&str; 4] = ["rw", "no_root_squash", "sync", "no_subtree_check"];

/// What every NFS image can do.
pub(crate) fn of_every_image() -> Vec<ActionSpec> {
    vec![
        ActionSpec::change("exec", "Run a command inside an image")
            .help("Run a command inside the tree of an image, or of one node of a golden image")
            .param(node())
            .param(ParamSpec::trailing("command", "The command with its arguments").sample(vec!["true"])),
        ActionSpec::change("shell", "Open a shell inside an image")
            .help("Open a shell inside the tree of an image, or of one node of a golden image")
            .param(node())
            .needs_terminal(),
        ActionSpec::change("export", "Export an image to its nodes")
            .help("Write the export lines that let nodes mount an image, and reload the NFS server")
            // Asked first: with it nobody is named.
            .param(ParamSpec::flag(
                "per_node",
                ParamKind::Flag,
                "One line for each node of a golden image, for that node alone",
            ))
            .param(
                ParamSpec::flag(
                    "client",
                    ParamKind::Text,
                    "Who may mount it: ADDRESS/BITS, a host name, @NETGROUP, * for everybody; left out with per-node, and only then",
                )
                .repeated()
                .sample(vec!["127.0.0.1"]),
            )
            .param(
                ParamSpec::flag("option", ParamKind::Text, "An export option; replaces the default options")
                    .repeated()
                    .default(OPTIONS.to_vec()),
            ),
        ActionSpec::change("unexport", "Withdraw the export of an image"),
        ActionSpec::overview("exports", "List what is exported"),
    ]
}

fn node() -> ParamSpec {
    ParamSpec::flag("node", ParamKind::Node, "The node of a golden image whose tree to work in").not_asked()
}

/// The creation of a staging image.
pub(crate) fn create_staging() -> ActionSpec {
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
    let create = ActionSpec::create("Create a staging image")
        .words("create-staging")
        .help("Create a staging image: a tree to customise, from which golden images are made");
    params::needs_of_sources(groups.into_iter().flatten().fold(create, ActionSpec::param))
}

/// The creation of a golden image.
pub(crate) fn create_golden() -> ActionSpec {
    ActionSpec::create("Create a golden image from a staging image")
        .words("create-golden")
        .help("Create a golden image, whose nodes have a tree each, from a staging image")
        .param(
            ParamSpec::flag(
                "staging",
                ParamKind::Image { class: STAGING.to_owned() },
                "The staging image it is made from",
            )
            .as_flag("from")
            .required(),
        )
        .param(method(&[], "How trees are made; auto: the best method that works on this server"))
}

fn method(more: &[&str], help: &str) -> ParamSpec {
    let choices = [&["auto", "snapshot", "reflink", "copy"], more].concat();
    let choices = choices.into_iter().map(str::to_owned).collect();
    ParamSpec::flag("method", ParamKind::Choice { choices }, help).default("auto").not_asked()
}

/// The actions on the nodes of a golden image.
pub(crate) fn of_nodes() -> Vec<ActionSpec> {
    let set = |help: &str| {
        ParamSpec::position("nodes", ParamKind::NodeSet, help).as_flag("nodeset").sample("c[1-2]")
    };
    vec![
        ActionSpec::read("nodes list", "List the nodes of a golden image"),
        ActionSpec::change("nodes add", "Add nodes to a golden image")
            .help("Make a tree for each of these nodes; existing trees are kept")
            .param(set("The nodes, such as c[001-100],login1"))
            .param(method(
                &["overlay"],
                "How trees are made; auto: the best method that works on this server, never overlay, which mounts the golden tree under what a node writes",
            )),
        ActionSpec::change("nodes remove", "Remove nodes from a golden image")
            .help("Delete the trees of these nodes with everything they wrote")
            .param(set("The nodes, such as c[001-100],login1"))
            .confirm("The trees of these nodes are deleted with all that the nodes wrote there. Go on?")
            .safe_to_try(),
    ]
}
