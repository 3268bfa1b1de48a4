//! A second image from an existing one.

use crate::existing::Root;
use disklessset_plugin_api::{Command, Error, Host, Image, Result};
use std::os::unix::fs::PermissionsExt;

/// Attributes of 1.x that name places of the source; places follow from the name.
const PLACES: [&str; 3] = ["IMAGE_DIRECTORY", "WORKING_DIRECTORY", "MOUNT_DIRECTORY"];

/// Copies the root image, without its data where the file system can share it. What is being edited in the source stays there.
pub(crate) fn clone(source: &Image, image: &mut Image, host: &Host<'_>) -> Result<()> {
    let (original, copied) = (Root::of(source, host)?, Root::of(image, host)?);
    let (from, to) = (&original.path, &copied.path);
    let whole = original.check(source, host)?;
    if source.flag("is_mounted") {
        host.warn(format!(
            "image {} is mounted: its clone has none of the changes made there",
            source.name()
        ));
    }
    host.progress("copying the root image", 0, 0);
    let copy = ["--reflink=auto", "--sparse=auto", "--no-dereference", "--", from.as_str(), to.as_str()];
    host.run(&Command::new("cp").args(copy))
        .map_err(|error| error.context(format!("cannot copy the root image of {}", source.name())))?;
    if copied.check(image, host)? != whole {
        return Err(Error::failed(format!("the copy {to} is not the same as {from}")));
    }
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o644))
        .map_err(|cause| Error::failed(format!("cannot set the mode of {to}")).because(cause))?;
    image.set("is_mounted", false);
    for place in PLACES {
        image.unset(place);
    }
    Ok(())
}
