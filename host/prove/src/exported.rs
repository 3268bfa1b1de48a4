//! Which trees a proof serves over NFS, and how far it may change them.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::ProveError;
use super::nfs_root::NfsRoot;
use super::node::made_up;
use disklessset_plugin_api::node_set::NodeName;

/// What the machines do to a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum View {
    /// They get a view of it whose changes are thrown away.
    ThrowAway,
    /// They change the tree itself, as the node would.
    AsItIs,
}

/// A tree and the path that the boot file calls it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exported {
    pub(super) path: Utf8PathBuf,
    pub(super) directory: Utf8PathBuf,
    pub(super) view: View,
}

/// Finds the trees that `nodes` boot from; without nodes the one of a made-up node.
///
/// # Errors
/// When a tree is missing, or nodes are asked for and the root is the same for all of them.
pub(super) fn exported(
    root: &NfsRoot,
    system_root: &Utf8Path,
    nodes: &[NodeName],
) -> Result<Vec<Exported>, ProveError> {
    if !nodes.is_empty() && !root.names_node() {
        return Err(ProveError::NodesNotNamed);
    }
    let real = |published: &Utf8Path| system_root.join(published.strip_prefix("/").unwrap_or(published));
    let nobody = made_up()?;
    let mut exported = Vec::new();
    for node in nodes {
        let path = root.of(node);
        let directory = real(&path);
        if !is_directory(&directory) {
            return Err(ProveError::NoNodeTree { node: node.clone(), path: directory });
        }
        check(&directory)?;
        exported.push(Exported { path, directory, view: View::AsItIs });
    }
    if nodes.is_empty() {
        let path = root.of(&nobody);
        let published = match root.names_node() {
            true => root.golden().ok_or(ProveError::NoGoldenTree)?,
            false => path.clone(),
        };
        let directory = real(&published);
        if !is_directory(&directory) {
            return Err(ProveError::NoTree { path: directory });
        }
        check(&directory)?;
        exported.push(Exported { path, directory, view: View::ThrowAway });
    }
    Ok(exported)
}

/// An initramfs waits for these for minutes; an interrupted copy may lack them.
fn check(tree: &Utf8Path) -> Result<(), ProveError> {
    let lacks = ["proc", "etc"].into_iter().find(|name| !tree.join(name).is_dir());
    lacks.map_or(Ok(()), |lacks| Err(ProveError::NotATree { path: tree.to_owned(), lacks }))
}

/// A link in a tree's place is not followed: a machine would write to where it leads.
fn is_directory(path: &Utf8Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(path: &str) -> NfsRoot {
        NfsRoot::parse(&format!("nfs:${{next-server}}:{path},vers=4.2,rw")).unwrap().unwrap()
    }

    fn node(name: &str) -> NodeName {
        name.parse().unwrap()
    }

    fn site(directories: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let top = Utf8PathBuf::from_path_buf(temp.path().to_owned()).unwrap();
        for directory in directories {
            std::fs::create_dir_all(top.join(directory).join("etc")).unwrap();
            std::fs::create_dir_all(top.join(directory).join("proc")).unwrap();
        }
        (temp, top)
    }

    #[test]
    fn a_staging_tree_is_never_changed_and_a_nodes_own_is() {
        let (_temp, top) = site(&["d/staging/s", "d/golden/g/image", "d/golden/g/nodes/c001"]);
        let found = exported(&root("/d/staging/s"), &top, &[]).unwrap();
        assert_eq!(found[0].path, "/d/staging/s");
        assert_eq!(found[0].directory, top.join("d/staging/s"));
        assert_eq!(found[0].view, View::ThrowAway);

        let golden = root("/d/golden/g/nodes/${hostname}");
        let found = exported(&golden, &top, &[]).unwrap();
        assert_eq!(found[0].path, "/d/golden/g/nodes/prove");
        assert_eq!(found[0].directory, top.join("d/golden/g/image"));
        assert_eq!(found[0].view, View::ThrowAway);

        let found = exported(&golden, &top, &[node("c001")]).unwrap();
        assert_eq!(found[0].path, "/d/golden/g/nodes/c001");
        assert_eq!(found[0].view, View::AsItIs);
    }

    #[test]
    fn what_is_missing_is_told_before_anything_starts() {
        let (_temp, top) = site(&["d/golden/g/nodes/c001", "elsewhere"]);
        let golden = root("/d/golden/g/nodes/${hostname}");
        assert!(matches!(exported(&golden, &top, &[]), Err(ProveError::NoTree { .. })));
        let nodes = [node("c001"), node("c002")];
        let error = exported(&golden, &top, &nodes).unwrap_err();
        assert!(matches!(&error, ProveError::NoNodeTree { node, .. } if node.as_str() == "c002"), "{error}");
        std::os::unix::fs::symlink(top.join("elsewhere"), top.join("d/golden/g/nodes/c002")).unwrap();
        assert!(matches!(exported(&golden, &top, &nodes), Err(ProveError::NoNodeTree { .. })), "a link");
        std::fs::remove_dir(top.join("elsewhere/proc")).unwrap();
        let staging = root("/elsewhere");
        assert!(matches!(exported(&staging, &top, &[]), Err(ProveError::NotATree { lacks: "proc", .. })));
        assert!(matches!(exported(&staging, &top, &nodes), Err(ProveError::NodesNotNamed)));
        let other = root("/d/${hostname}/x");
        assert!(matches!(exported(&other, &top, &[]), Err(ProveError::NoGoldenTree)));
    }
}
