//! Whether two versions of the module API fit together in memory.

use disklessset_plugin_api::abi_stable::abi_stability::abi_checking::check_layout_compatibility;
use disklessset_plugin_api::abi_stable::type_layout::TypeLayout;

/// Whether a host and a module understand each other's root: `Ok` when either side has all that the other has and perhaps
/// more at the end. abi_stable by itself accepts only a module that is the newer one.
///
/// # Errors
/// The difference in full, hundreds of lines long: for a log, not for people.
pub fn fit(host: &'static TypeLayout, module: &'static TypeLayout) -> Result<(), String> {
    match check_layout_compatibility(host, module) {
        Ok(()) => Ok(()),
        Err(difference) => check_layout_compatibility(module, host).map_err(|_| difference.to_string()),
    }
}
