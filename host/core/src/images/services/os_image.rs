//! Images of operating systems in registries, for classes: found, and fetched into the work area of the image that is made.

use super::Host;
use crate::{
    operation::Operation,
    os_images::{self, FoundOsImage, OsImages},
    site::Site,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Result};
use serde::Deserialize;
use std::sync::Arc;

/// The services, by their names. Those of the API do not have them: a module asks for them by name.
pub(super) const FIND: &str = "registry_image";
pub(super) const FETCH: &str = "fetch_registry_image";

/// Which image is meant.
#[derive(Deserialize)]
pub(super) struct Wanted {
    /// Its address.
    address: String,
}

/// Where it is to lie.
#[derive(Deserialize)]
pub(super) struct Fetch {
    address: String,
    /// A directory that is not there yet, in the work area.
    layout: Utf8PathBuf,
}

/// Finds an image.
///
/// # Errors
/// As [`OsImages::find`]; when nobody can ask registries.
pub(super) fn find(host: Host<'_, '_>, wanted: &Wanted) -> Result<FoundOsImage> {
    let address = os_images::address(&wanted.address)?;
    who_fetches(host.site())?.find(&address)
}

/// Fetches an image into a layout in the work area, which is on record and goes with the action.
///
/// # Errors
/// As [`OsImages::fetch`]; a place outside of the work area.
pub(super) fn fetch(operation: &Operation<'_>, request: &Fetch) -> Result<()> {
    let site = operation.site();
    let address = os_images::address(&request.address)?;
    operation.reading().must_be_ours(&request.layout)?;
    must_be_on_record(operation, &request.layout)?;
    let label = format!("fetching {address}");
    who_fetches(site)?.fetch(&address, &request.layout, &mut |done, total| {
        site.observer.progress(&label, done, total);
    })
}

fn who_fetches(site: &Site) -> Result<Arc<dyn OsImages>> {
    site.os_images().ok_or_else(os_images::nobody)
}

/// What is fetched is to go with the action, however it ends.
fn must_be_on_record(operation: &Operation<'_>, layout: &Utf8Path) -> Result<()> {
    let known = layout.ancestors().skip(1).any(|above| operation.on_record(above).is_some());
    if !known {
        return Err(Error::refused(format!("{layout} does not lie in a directory of this action")));
    }
    match layout.symlink_metadata() {
        Err(_) => Ok(()),
        Ok(_) => Err(Error::refused(format!("{layout} is there already"))),
    }
}
