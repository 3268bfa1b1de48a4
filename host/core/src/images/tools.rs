//! Programs that an action cannot do without: looked for before it begins, so that nobody waits four minutes for nothing.

use crate::{needs, system::command};
use disklessset_plugin_api::{ActionSpec, Arguments, Result};

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
            return Err(needs::refusal(&action.words, &need.tool));
        }
    }
    Ok(())
}
