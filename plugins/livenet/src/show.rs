//! What `show` adds to the attributes.

use crate::{
    compression,
    existing::{Places, Root, recorded_layout},
    mount,
};
use disklessset_plugin_api::{Host, Image, Result};
use serde_json::{Value, json};

/// What a node can write, in words for users. dracut's livenet has no parameter for it when the root is downloaded: changes go to the
/// initramfs' `/run`, which systemd makes a fifth of the memory large.
pub(crate) const WRITABLE: &str = "commonly a fifth of the node's memory, as its initramfs sets it";

/// Facts about the root image as it lies there now.
pub(crate) fn show(image: &Image, host: &Host<'_>) -> Result<Value> {
    let root = Root::of(image, host)?;
    let places = Places::of(image.name(), host)?;
    let mut facts = json!({
        "layout": recorded_layout(image).to_string(),
        "root_image": root.path,
        "writable": WRITABLE,
        "root_image_bytes": root.path.metadata().ok().map(|metadata| metadata.len()),
    });
    if let Some(compression) = compression::present(&root) {
        facts["compression"] = compression.to_string().into();
    }
    match root.check(image, host) {
        Ok(found) => facts["root_image_files"] = found.files.into(),
        Err(fault) => facts["problem"] = fault.to_string().into(),
    }
    if mount::is_live(&places)? {
        facts["mounted_at"] = places.tree.as_str().into();
    } else if image.flag("is_mounted") {
        facts["problem"] = "the mount was lost; mount or unmount the image to get its changes back".into();
    }
    Ok(facts)
}
