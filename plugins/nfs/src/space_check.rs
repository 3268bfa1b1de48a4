//! Whether trees of nodes fit, before the first of them is made.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    node_set::NodeSet,
    space::{self, Need, Plan},
    trees::Method,
};
use disklessset_plugin_api::{Host, ImageName, Result};

/// Whether a copy of one tree fits.
pub(crate) fn one(
    image: &ImageName,
    tree: &Utf8Path,
    beside: &Utf8Path,
    method: Method,
    host: &Host<'_>,
) -> Result<()> {
    several(image, [tree.to_owned()], beside, method, host)
}

/// Whether copies of all these trees fit. What shares its data takes next to nothing.
pub(crate) fn several(
    image: &ImageName,
    trees: impl IntoIterator<Item = Utf8PathBuf>,
    beside: &Utf8Path,
    method: Method,
    host: &Host<'_>,
) -> Result<()> {
    if method != Method::Copy {
        return Ok(());
    }
    let free = space::free_space(beside)?;
    let mut all = Need::default();
    for tree in trees {
        host.checkpoint()?;
        all += space::tree_need(&tree, &free)?;
    }
    Plan::of(format!("making image {image}")).copies(beside, all)?.check(host)
}

/// Whether there is room for copies of one tree for all these nodes, and else for how many of them. Gives what they take, where they take
/// more than next to nothing.
pub(crate) fn of_nodes(
    nodes: &NodeSet,
    tree: &Utf8Path,
    beside: &Utf8Path,
    method: Method,
    host: &Host<'_>,
) -> Result<Option<Need>> {
    if method != Method::Copy {
        return Ok(None);
    }
    let each = vec![space::tree_need(tree, &space::free_space(beside)?)?; nodes.len()];
    let all = each.iter().copied().fold(Need::default(), |sum, need| sum + need);
    let some = |fitting: usize| {
        let first: NodeSet = nodes.iter().take(fitting).collect();
        (fitting > 0).then(|| format!("there is room for {first}"))
    };
    space::all_fit(&each, "nodes", beside, some, host)?;
    Ok(Some(all))
}
