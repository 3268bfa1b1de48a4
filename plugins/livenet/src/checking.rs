//! What an action would be refused for, without doing it: for plans.

use crate::{compression, exec, existing::Places, mount, parameters::Creation, resize, unmount};
use disklessset_plugin_api::{Arguments, Attributes, Host, Image, Result};

/// Refuses what the action would refuse before it changes something.
pub(crate) fn check(image: &Image, attrs: &Attributes, host: &Host<'_>) -> Result<()> {
    let words = attrs.get("words").and_then(|words| words.as_str()).unwrap_or_default();
    let args: Arguments = match attrs.get("arguments") {
        Some(args) => serde_json::from_value(args.clone())?,
        None => Arguments::default(),
    };
    match words {
        "create" => Creation::from_arguments(&args).map(drop),
        "mount" => mount::check(image, &Places::of(image.name(), host)?, host),
        "unmount" => unmount::check(image, &unmount::Edits::from_arguments(&args)?, host),
        "resize" => resize::check(image, args.need("livenet_size")?, compression::wanted(&args)?, host),
        "exec" | "shell" => exec::check(image, &args, host),
        _ => Ok(()),
    }
}
