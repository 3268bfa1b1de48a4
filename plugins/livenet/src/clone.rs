//! A second image from an existing one.

use crate::existing::{Root, record_places};
use camino::Utf8Path;
use disklessset_kit::{
    space::{self, Need, Plan},
    squashfs::for_nodes,
};
use disklessset_plugin_api::{Command, Error, Host, Image, Result};
use std::os::unix::fs::MetadataExt;

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
    room_for(image, from, host)?;
    host.progress("copying the root image", 0, 0);
    let copy = ["--reflink=auto", "--sparse=auto", "--no-dereference", "--", from.as_str(), to.as_str()];
    host.run(&Command::new("cp").args(copy))
        .map_err(space::writing(to))
        .map_err(|error| error.context(format!("cannot copy the root image of {}", source.name())))?;
    if copied.check(image, host)? != whole {
        return Err(Error::failed(format!("the copy {to} is not the same as {from}")));
    }
    for_nodes(to)?;
    image.set("is_mounted", false);
    record_places(image, host)
}

/// Whether a copy of the root image fits, unless it shares its data with the original.
fn room_for(image: &Image, from: &Utf8Path, host: &Host<'_>) -> Result<()> {
    if space::may_share(from, image.directory())? {
        return Ok(());
    }
    let found =
        from.metadata().map_err(|cause| Error::failed(format!("cannot look at {from}")).because(cause))?;
    let bytes = found.len().min(found.blocks() * 512);
    let plan = Plan::of(format!("making image {}", image.name()));
    plan.copies(image.directory(), Need::bytes(bytes))?.check(host)
}
