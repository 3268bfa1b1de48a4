//! Programs of the server that a class runs, looked for before it begins.

use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};

/// Where programs of the system lie: where the host looks for them.
const PROGRAMS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Refuses what a tool is missing for; `package` has it, by the same name everywhere.
///
/// # Errors
/// When it is not there.
pub fn must_have(tool: &str, package: &str) -> Result<()> {
    if PROGRAMS.iter().any(|directory| Utf8Path::new(directory).join(tool).is_file()) {
        return Ok(());
    }
    Err(Error::failed(format!("the program {tool} is not installed"))
        .hint(format!("install the package {package} on this server")))
}
