//! What an action would be refused for, without doing it: for plans.

use crate::{exporting, golden, inside, nodes, places::STAGING};
use disklessset_kit::os_tree::{Purpose, Wish};
use disklessset_plugin_api::{Arguments, Attributes, Host, Image, Result};

/// Refuses what the action would refuse before it changes something.
pub(crate) fn check(image: &Image, attrs: &Attributes, host: &Host<'_>) -> Result<()> {
    let words = attrs.get("words").and_then(|words| words.as_str()).unwrap_or_default();
    let args: Arguments = match attrs.get("arguments") {
        Some(args) => serde_json::from_value(args.clone())?,
        None => Arguments::default(),
    };
    let nodes = || args.need::<String>("nodes");
    match words {
        "create-staging" => Wish::from_arguments(Purpose::Nfs, &args).map(drop),
        "create-golden" => golden::check(&args, host),
        "exec" | "shell" => inside::tree_of(image, args.get("node")?, inside::Use::ToLook, host).map(drop),
        "export" => exporting::check(image, &args, host),
        "nodes add" if image.class() != STAGING => nodes::check_addition(image, &nodes()?, host),
        "nodes remove" if image.class() != STAGING => nodes::check_removal(image, &nodes()?, host),
        _ => Ok(()),
    }
}
