//! Programs that an action cannot do without: looked for before it begins, so that nobody waits four minutes for nothing.

use crate::{needs, system::command};
use disklessset_plugin_api::{ActionSpec, Arguments, Error, Result};

/// Refuses an action that lacks a program it declares ([`ActionSpec::needs`]), as far as its parameters tell which it runs.
///
/// # Errors
/// The program, and the package that has it.
pub(super) fn must_be_there(action: &ActionSpec, arguments: &Arguments) -> Result<()> {
    for need in &action.needs {
        let runs = need.only_for.as_ref().is_none_or(|(parameter, word)| {
            let given = arguments.get::<String>(parameter).ok().flatten().unwrap_or_default();
            given == *word || given.starts_with(&format!("{word}:"))
        });
        if runs && command::find(&need.tool).is_none() {
            let text = format!("cannot {}: {} is not installed on this server", action.words, need.tool);
            return Err(match package_of(&need.tool) {
                Some(package) => Error::failed(text).hint(format!("install the package {package}")),
                None => Error::failed(text),
            });
        }
    }
    Ok(())
}

/// The package of this server's distribution that has a tool, by the table of what actions need.
fn package_of(tool: &str) -> Option<&'static str> {
    let family = needs::of_this_server()?;
    let all = needs::ACTIONS.iter().flat_map(|action| action.needs);
    all.filter(|known| known.name == tool).find_map(|known| known.package(family))
}
