//! What an action would be refused for, without doing it.

use crate::{
    exporting, inside, nodes,
    parameters::{Inside, NewNodes},
    places::STAGING,
};
use disklessset_kit::{
    node_set::NodeSet,
    os_tree::{self, Purpose},
};
use disklessset_plugin_api::{ActionCheck, Host, Image, Refusal, Result};

/// What of an action's arguments would be refused before it changes something.
pub(crate) fn check(action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
    let args = action.arguments;
    let nodes = || args.get::<NodeSet>(NewNodes::NODES);
    let of = |parameter: &str, checked: Result<()>| match checked {
        Ok(()) => Vec::new(),
        Err(error) => vec![Refusal::of(parameter, &error)],
    };
    let golden = image.class() != STAGING;
    match action.words {
        "create-staging" => return os_tree::check(Purpose::Nfs, action, host),
        "exec" | "shell" => {
            let tree = |node| inside::tree_of(image, node, inside::Use::ToLook, host).map(drop);
            match args.get(Inside::NODE)? {
                None if action.complete => tree(None)?,
                None => {}
                node => return Ok(of(Inside::NODE, tree(node))),
            }
        }
        "export" => return exporting::check(image, action, host),
        "nodes add" if golden => {
            if let Some(nodes) = nodes()? {
                let checked = nodes::check_addition(image, &nodes, host);
                // An overlay takes nothing before its node writes.
                let copied = args.get::<String>(NewNodes::METHOD)?.as_deref() != Some(nodes::OVERLAY);
                if action.complete && checked.is_ok() && copied {
                    nodes::tell_cost(image, &nodes, host)?;
                }
                return Ok(of(NewNodes::NODES, checked));
            }
        }
        "nodes remove" if golden => {
            if let Some(nodes) = nodes()? {
                return Ok(of(NewNodes::NODES, nodes::check_removal(image, &nodes, host)));
            }
        }
        _ => {}
    }
    Ok(Vec::new())
}
