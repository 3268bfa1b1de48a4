//! Which images use a kernel.

use super::store::Records;
use crate::{failure, site::Site};
use disklessset_plugin_api::{ImageName, Kernel, Result};
use std::collections::BTreeMap;

/// Whether an image other than `except`, created or being created, uses a kernel.
pub(crate) fn is_kernel_used(site: &Site, version: &str, except: Option<&ImageName>) -> bool {
    // What cannot be found out is taken for used: a kernel too many does no harm.
    kernel_users(site).map_or(true, |users| {
        users.get(version).is_some_and(|names| {
            names.iter().any(|name| Some(name.as_str()) != except.map(ImageName::as_str))
        })
    })
}

/// The names of the images, created or being created, that use each kernel, by its version.
///
/// # Errors
/// When the images or the register cannot be read.
pub(crate) fn kernel_users(site: &Site) -> Result<BTreeMap<String, Vec<String>>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for image in Records::of(site).list()? {
        let kernel =
            image.attributes.get("kernel").and_then(|value| value.as_str()).and_then(Kernel::from_attribute);
        if let Some(kernel) = kernel {
            users.entry(kernel.version.to_string()).or_default().push(image.name);
        }
    }
    for (name, entry) in site.installations.snapshot().map_err(failure::of)?.images {
        if let Some(version) = entry.kernel {
            users.entry(version.to_string()).or_default().push(name.to_string());
        }
    }
    users.values_mut().for_each(|names| {
        names.sort();
        names.dedup();
    });
    Ok(users)
}
