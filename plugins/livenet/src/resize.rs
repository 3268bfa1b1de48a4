//! Changing the size of an image.

use crate::{
    existing::{Places, recorded_layout, root_image},
    mount, pack,
    unmount::{aside, repack},
};
use disklessset_kit::squashfs::{Layout, layout_of};
use disklessset_plugin_api::{Error, Hold, Host, Image, Result, Size, SizeOrAuto};
use serde_json::{Value, json};

/// A flat image has no size of its own: the record changes and nothing else. A classic one is packed again with a file system of
/// the new size. One that is mounted gets its size when it is packed.
pub(crate) fn resize(image: &mut Image, wanted: SizeOrAuto, host: &Host<'_>) -> Result<Value> {
    let places = Places::of(image.name(), host)?;
    if mount::is_live(&places)? {
        let needed = pack::needed(&pack::measure(&places.tree)?, recorded_layout(image));
        return record(image, wanted, needed, false);
    }
    if image.flag("is_mounted") {
        return Err(Error::refused(format!("image {} was mounted, and its mount is lost", image.name()))
            .hint(format!(
                "disklessset livenet mount {0}, or disklessset livenet unmount {0}",
                image.name()
            )));
    }
    let layout = layout_of(&root_image(image), host)?;
    if let (Layout::Flat, Ok(Some(content))) = (layout, image.get::<u64>("content_size")) {
        return record(image, wanted, Size::mebibytes(content), false);
    }
    mount::room_for(image, &format!("resizing image {}", image.name()), host)?;
    host.work_area(image.name(), Hold::Action)?;
    mount::attach(image, &places, Hold::Action, host)?;
    let needed = pack::needed(&pack::measure(&places.tree)?, layout);
    let size = pack::fit(wanted, needed)?;
    if layout == Layout::Flat {
        return record(image, wanted, needed, false);
    }
    let lower = mount::lower(&places, layout).to_owned();
    host.acquire_file(&aside(image)?, Hold::Action)?;
    repack(image, &lower, &places.tree, &places.area, layout, SizeOrAuto::Fixed(size), host)?;
    Ok(json!({ "livenet_size": size.as_mebibytes(), "packed": true }))
}

fn record(image: &mut Image, wanted: SizeOrAuto, needed: Size, packed: bool) -> Result<Value> {
    let size = pack::fit(wanted, needed)?;
    image.set("livenet_size", size.as_mebibytes());
    Ok(json!({ "livenet_size": size.as_mebibytes(), "packed": packed }))
}
