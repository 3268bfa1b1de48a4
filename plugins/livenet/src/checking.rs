//! What an action would be refused for, without doing it.

use crate::{compression, exec, existing::Places, mount, parameters::Creation, resize, unmount};
use disklessset_kit::os_tree;
use disklessset_plugin_api::{ActionCheck, Host, Image, Refusal, Result};

/// What of an action's arguments would be refused before it changes something.
pub(crate) fn check(action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
    let args = action.arguments;
    let refusals = os_tree::check_given(action, host)?;
    if !refusals.is_empty() || !action.complete {
        return Ok(refusals);
    }
    match action.words {
        "create" => Creation::from_arguments(args, host).map(drop)?,
        "mount" => mount::check(image, &Places::of(image.name(), host)?, host)?,
        "unmount" => unmount::check(image, &unmount::Edits::from_arguments(args)?, host)?,
        "resize" => resize::check(image, args.need("livenet_size")?, compression::wanted(args)?, host)?,
        "exec" | "shell" => exec::check(image, args, host)?,
        _ => {}
    }
    Ok(refusals)
}
