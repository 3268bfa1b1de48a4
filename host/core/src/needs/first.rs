//! Refuses work that lacks a tool, before it begins.

use super::{ACTIONS, found, of_this_server, table::Tool};
use disklessset_plugin_api::{Error, Result};

/// Refuses `work` when the server lacks a tool that the action of this name in the table needs.
///
/// # Errors
/// The first such tool, and the package that has it.
pub(crate) fn must_have(work: &str, action: &str) -> Result<()> {
    let needed = ACTIONS.iter().filter(|known| known.name == action).flat_map(|known| known.needs);
    needed.into_iter().find(|tool| found(tool).is_none()).map_or(Ok(()), |tool| Err(refusal(work, tool.name)))
}

/// The refusal of work for want of a tool: with its package, where the table has it.
pub(crate) fn refusal(work: &str, tool: &str) -> Error {
    let error = Error::failed(format!("cannot {work}: {tool} is not installed on this server"));
    let family = of_this_server();
    match family.and_then(|family| known(tool)?.package(family)) {
        Some(package) => error.hint(format!("install the package {package}")),
        None => error,
    }
}

/// A tool that the table has.
pub fn known(tool: &str) -> Option<&'static Tool> {
    ACTIONS.iter().flat_map(|action| action.needs).find(|known| known.name == tool)
}
