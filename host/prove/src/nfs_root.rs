//! The NFS root a kernel line names.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use disklessset_plugin_api::node_set::NodeName;

/// What iPXE puts the node's name in for.
const HOSTNAME: &str = "${hostname}";
/// The addresses that mean the machine that serves the boot files.
const SERVERS: [&str; 2] = ["${next-server}", "10.0.2.2"];

/// `root=nfs:${next-server}:/PATH,OPTIONS`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NfsRoot {
    /// Absolute, without `..`; may hold `${hostname}`.
    path: String,
}

/// An NFS root that a proof cannot serve.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NfsRootError {
    /// Another machine has it.
    #[error("its root lies on the NFS server {0}, which a proof's private network does not have; {next_server} means the server of the boot files", next_server = SERVERS[0])]
    OtherServer(String),
    /// A variable only the site's iPXE menu could know.
    #[error("the path of its NFS root holds variables a proof does not know: {0}")]
    UnknownVariable(String),
    /// Not a path that could be exported.
    #[error("its NFS root {0:?} is no absolute path of a tree (no `..`, quotes, backslashes or `/` alone)")]
    BadPath(String),
}

impl NfsRoot {
    /// Takes the value of `root=` apart; `None` when it is no NFS root.
    ///
    /// # Errors
    /// When it is one that a proof cannot serve.
    pub(super) fn parse(root: &str) -> Result<Option<Self>, NfsRootError> {
        let Some(rest) = root.strip_prefix("nfs:").or_else(|| root.strip_prefix("nfs4:")) else {
            return Ok(None);
        };
        // Without a server dracut takes the one of the DHCP answer, which is ours.
        let (server, rest) = match rest.split_once(":/") {
            Some((server, _)) => (server, &rest[server.len() + 1..]),
            None => (SERVERS[0], rest),
        };
        if !SERVERS.contains(&server) {
            return Err(NfsRootError::OtherServer(server.to_owned()));
        }
        // dracut takes both marks between path and options.
        let path = rest.split([',', ':']).next().unwrap_or(rest);
        let plain = path.replace(HOSTNAME, "");
        if plain.contains("${") {
            return Err(NfsRootError::UnknownVariable(path.to_owned()));
        }
        let bad = |c: char| c.is_control() || matches!(c, '"' | '\'' | '\\');
        let steps: Vec<_> = Utf8Path::new(path).components().skip(1).collect();
        let normal = steps.iter().all(|step| matches!(step, Utf8Component::Normal(_)));
        if !path.starts_with('/') || path.contains(bad) || !normal || steps.is_empty() {
            return Err(NfsRootError::BadPath(path.to_owned()));
        }
        let path = steps.iter().fold(String::new(), |path, step| path + "/" + step.as_str());
        Ok(Some(Self { path }))
    }

    /// Whether each node has a tree of its own.
    pub(super) fn names_node(&self) -> bool {
        self.path.contains(HOSTNAME)
    }

    /// The path a node of that name mounts.
    pub(super) fn of(&self, node: &NodeName) -> Utf8PathBuf {
        self.path.replace(HOSTNAME, node.as_str()).into()
    }

    /// The tree that the nodes' trees are copies of: `image/` beside `nodes/`; `None` when the path is laid out in another
    /// way.
    pub(super) fn golden(&self) -> Option<Utf8PathBuf> {
        let nodes = self.path.strip_suffix(HOSTNAME)?.strip_suffix("/nodes/")?;
        (!nodes.contains(HOSTNAME)).then(|| Utf8Path::new(nodes).join("image"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(root: &str) -> NfsRoot {
        NfsRoot::parse(root).unwrap().unwrap()
    }

    #[test]
    fn the_path_is_found_in_every_way_dracut_reads() {
        let path = "/diskless/images/nfsimages/staging/a";
        for root in [
            format!("nfs:${{next-server}}:{path},vers=4.2,rw"),
            format!("nfs:${{next-server}}:{path}:vers=4.2,rw"),
            format!("nfs4:${{next-server}}:{path}"),
            format!("nfs:10.0.2.2:{path}/,rw"),
            format!("nfs:{path},rw"),
        ] {
            let found = parsed(&root);
            assert_eq!(found.of(&crate::node::made_up().unwrap()), path, "{root}");
            assert!(!found.names_node() && found.golden().is_none());
        }
        assert_eq!(NfsRoot::parse("live:http://${next-server}/a/squashfs.img"), Ok(None));
    }

    #[test]
    fn a_golden_root_has_a_tree_a_node_and_one_they_come_from() {
        let found = parsed("nfs:${next-server}:/d/golden/g/nodes/${hostname},vers=4.2,rw");
        assert!(found.names_node());
        assert_eq!(found.of(&"c001".parse().unwrap()), "/d/golden/g/nodes/c001");
        assert_eq!(found.golden().unwrap(), "/d/golden/g/image");
        assert_eq!(parsed("nfs:/d/${hostname}/root").golden(), None);
        assert_eq!(parsed("nfs:/d/${hostname}/nodes/${hostname}").golden(), None);
    }

    #[test]
    fn what_a_proof_cannot_serve_is_told() {
        let refused = |root: &str| NfsRoot::parse(root).unwrap_err();
        assert!(
            matches!(refused("nfs:nfs.site:/d/a,rw"), NfsRootError::OtherServer(server) if server == "nfs.site")
        );
        assert!(matches!(refused("nfs:/d/${mac},rw"), NfsRootError::UnknownVariable(_)));
        for path in ["/", "/d/../etc", "d/a", "", "/d/\"a", "/d/a\\b", "/d/a'"] {
            let root = format!("nfs:${{next-server}}:{path},rw");
            assert!(NfsRoot::parse(&root).is_err(), "{path}");
        }
    }
}
