//! Exports of images: one line an image, or one a node.

use crate::{
    nodes, overlays,
    parameters::ExportTo,
    places::{Golden, STAGING, Staging, published},
};
use camino::Utf8PathBuf;
use disklessset_kit::node_set::{NodeName, NodeSet};
use disklessset_plugin_api::{
    ActionCheck, Error, Export, Host, Image, ImageName, Parameters, Refusal, Result,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The attribute of a golden image that tells which lines new nodes get.
const PLAN: &str = "export";

fn tree_of(image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
    match image.class() == STAGING {
        true => Ok(Staging::of(image.name(), host)?.tree),
        false => Ok(Golden::of(image.name(), host)?.nodes),
    }
}

impl ExportTo {
    /// The same, checked: nobody is let in whom the user did not name.
    fn checked(self, image: &Image) -> Result<Self> {
        let name = image.name();
        match (self.per_node, self.client.is_empty()) {
            (true, _) if image.class() == STAGING => {
                Err(Error::usage(format!("image {name} is a staging image: it has no nodes")))
            }
            (true, false) => {
                Err(Error::usage("with --per-node the clients are the nodes: leave --client out"))
            }
            (false, true) => {
                let others = if image.class() == STAGING { "" } else { ", or --per-node" };
                Err(Error::usage(format!(
                    "nobody was named who may mount image {name}: --client ADDRESS/BITS (or a host name, @NETGROUP, '*' for everybody){others}"
                )))
            }
            _ => Ok(self),
        }
    }
}

/// Who is named where nobody is yet, to look at options alone.
const SOMEBODY: &str = "127.0.0.1";

/// What of an export would be refused, argument by argument. Nothing is changed: the host only looks while an action is checked.
pub(crate) fn check(image: &Image, action: &ActionCheck<'_>, host: &Host<'_>) -> Result<Vec<Refusal>> {
    let path = tree_of(image, host)?;
    // None of them must be given.
    let wanted = ExportTo::from_arguments(action.arguments)?;
    let (clients, options) = (wanted.client.clone(), wanted.option.clone());
    let somebody = || vec![SOMEBODY.to_owned()];
    let mut refusals = Vec::new();
    for (parameter, clients, options) in
        [(ExportTo::CLIENT, clients, Vec::new()), (ExportTo::OPTION, somebody(), options)]
    {
        if clients.is_empty() || parameter == ExportTo::OPTION && options.is_empty() {
            continue;
        }
        if let Err(error) = host.export(&Export { path: path.clone(), clients, options }) {
            refusals.push(Refusal::of(parameter, &error));
        }
    }
    if !refusals.is_empty() || !action.complete {
        return Ok(refusals);
    }
    let wanted = wanted.checked(image)?;
    if wanted.per_node {
        let places = Golden::of(image.name(), host)?;
        // A node may have a name that is no client.
        for node in nodes::present(&places)?.iter() {
            host.checkpoint()?;
            let (path, clients) = (places.node(&node), vec![node.to_string()]);
            host.export(&Export { path, clients, options: wanted.option.clone() })?;
        }
    }
    Ok(refusals)
}

/// Writes the lines of an image.
pub(crate) fn export(image: &mut Image, wanted: ExportTo, host: &Host<'_>) -> Result<Value> {
    let ExportTo { per_node, client: clients, option: options } = wanted.checked(image)?;
    let tree = tree_of(image, host)?;
    if !per_node {
        withdraw_nodes(image, host)?;
        host.export(&Export { path: tree, clients: clients.clone(), options: options.clone() })?;
        if image.class() == STAGING {
            return lines(image, host);
        }
        image.set(PLAN, json!({ "per_node": false, "clients": clients, "options": options }));
        let places = Golden::of(image.name(), host)?;
        export_new(image, &nodes::present(&places)?, &places, host)?;
        return lines(image, host);
    }
    host.unexport(&tree)?;
    image.set(PLAN, json!({ "per_node": true, "options": options }));
    let places = Golden::of(image.name(), host)?;
    export_new(image, &nodes::present(&places)?, &places, host)?;
    lines(image, host)
}

/// How a golden image is exported, as the attribute has it.
#[derive(serde::Deserialize)]
struct Plan {
    per_node: bool,
    #[serde(default)]
    clients: Vec<String>,
    options: Vec<String>,
}

/// Gives nodes lines of their own: all of them where the image is exported that way, overlays in any case, for each of these is
/// a file system of its own and the kernel's server asks for its identity. Lines that are there already stay.
///
/// What recovers goes on to its end: the stop was meant for what it recovers from.
pub(crate) fn export_nodes(image: &Image, nodes: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    offer_nodes(image, nodes, places, &|| Ok(()), host)
}

/// The same for an action, which hears a stop.
fn export_new(image: &Image, nodes: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    offer_nodes(image, nodes, places, &|| host.checkpoint(), host)
}

fn offer_nodes(
    image: &Image,
    nodes: &NodeSet,
    places: &Golden,
    stop: &dyn Fn() -> Result<()>,
    host: &Host<'_>,
) -> Result<()> {
    let Some(plan) = image.attributes().get(PLAN) else { return Ok(()) };
    let plan: Plan = serde_json::from_value(plan.clone())?;
    let views = overlays::present(places)?;
    for node in nodes.iter().filter(|node| plan.per_node || views.contains(node)) {
        stop()?;
        let clients = if plan.per_node { vec![node.to_string()] } else { plan.clients.clone() };
        let mut options = plan.options.clone();
        if views.contains(&node) {
            options.retain(|option| !option.starts_with("fsid="));
            options.push(format!("fsid={}", identity(image.name(), &node)));
        }
        host.export(&Export { path: places.node(&node), clients, options })?;
    }
    Ok(())
}

/// The identity of a node's file system in the handles that it holds: a UUID of version 8, the same for ever, and no other node's.
pub(crate) fn identity(image: &ImageName, node: &NodeName) -> String {
    let digest = Sha256::digest(format!("disklessset nfs {image}/{node}"));
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Takes the line of a node away, where it has one.
pub(crate) fn unexport_node(image: &Image, node: &NodeName, places: &Golden, host: &Host<'_>) -> Result<()> {
    if image.attributes().contains_key(PLAN) {
        host.unexport(&places.node(node))?;
    }
    Ok(())
}

fn withdraw_nodes(image: &Image, host: &Host<'_>) -> Result<bool> {
    let (tree, paths) = (tree_of(image, host)?, host.paths()?);
    let own = published(&tree, &paths);
    let mut any = false;
    for exported in host.exports()? {
        host.checkpoint()?;
        if exported.path.starts_with(&own) && exported.path != own {
            let below = exported.path.strip_prefix(&own).map_err(|cause| Error::failed(cause.to_string()))?;
            any |= host.unexport(&tree.join(below))?;
        }
    }
    Ok(any)
}

/// Takes the lines away of nodes that are gone, after an action was killed that had taken their trees away and not yet these.
pub(crate) fn unexport_gone(image: &Image, there: &NodeSet, places: &Golden, host: &Host<'_>) -> Result<()> {
    if !image.attributes().contains_key(PLAN) {
        return Ok(());
    }
    let own = published(&places.nodes, &host.paths()?);
    for exported in host.exports()? {
        let below = exported.path.strip_prefix(&own).ok();
        let node = below.and_then(|name| name.as_str().parse::<NodeName>().ok());
        if let Some(node) = node.filter(|node| !there.contains(node)) {
            host.unexport(&places.node(&node))?;
        }
    }
    Ok(())
}

/// Takes all lines of an image away.
pub(crate) fn unexport(image: &mut Image, host: &Host<'_>) -> Result<Value> {
    let whole = host.unexport(&tree_of(image, host)?)?;
    let nodes = withdraw_nodes(image, host)?;
    image.unset(PLAN);
    if !whole && !nodes {
        host.warn(format!("image {} was not exported", image.name()));
    }
    Ok(Value::Null)
}

/// The lines of one image as they stand in the file.
pub(crate) fn lines(image: &Image, host: &Host<'_>) -> Result<Value> {
    let own = published(&tree_of(image, host)?, &host.paths()?);
    let of_image = host.exports()?.into_iter().filter(|exported| exported.path.starts_with(&own));
    Ok(of_image
        .map(|exported| format!("{} {}", exported.path, exported.clients))
        .map(Value::String)
        .collect())
}

/// All lines.
pub(crate) fn overview(host: &Host<'_>) -> Result<Value> {
    let line = |exported: disklessset_plugin_api::messages::Exported| {
        Value::String(format!("{} {}", exported.path, exported.clients))
    };
    Ok(host.exports()?.into_iter().map(line).collect())
}
