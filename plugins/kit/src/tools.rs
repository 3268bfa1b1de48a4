//! Programs of the server that a class runs, looked for before it begins.

use disklessset_plugin_api::{Error, Result};
use disklessset_system::programs;

/// Refuses what a tool is missing for; `package` has it, by the same name everywhere.
///
/// # Errors
/// When it is not there.
pub fn must_have(tool: &str, package: &str) -> Result<()> {
    if programs::find(tool).is_some() {
        return Ok(());
    }
    Err(Error::failed(format!("the program {tool} is not installed"))
        .hint(format!("install the package {package} on this server")))
}
