//! Changing the size of an image.

use crate::{
    compression,
    existing::{Places, Root, recorded_layout},
    mount, pack,
    unmount::{How, aside, repack},
};
use disklessset_kit::squashfs::{Compression, Layout};
use disklessset_plugin_api::{Hold, Host, Image, Result, Size, SizeOrAuto};
use serde_json::{Value, json};

/// A flat image has no size of its own: the record changes and nothing else. A classic one is packed again with a file system of
/// the new size. One that is mounted gets its size when it is packed.
pub(crate) fn resize(
    image: &mut Image,
    wanted: SizeOrAuto,
    compression: Option<Compression>,
    host: &Host<'_>,
) -> Result<Value> {
    let places = Places::of(image.name(), host)?;
    if mount::is_live(&places)? {
        compression::refuse_while_mounted(image, compression)?;
        let needed = pack::needed(&pack::measure(&places.tree)?, recorded_layout(image));
        return record(image, wanted, needed, false);
    }
    if image.flag("is_mounted") {
        return Err(Root::of(image, host)?.lost_mount(image));
    }
    let layout = Root::of(image, host)?.layout(image, host)?;
    if let (Layout::Flat, None, Ok(Some(content))) = (layout, compression, image.get::<u64>("content_size")) {
        return record(image, wanted, Size::mebibytes(content), false);
    }
    mount::room_for(image, &format!("resizing image {}", image.name()), host)?;
    let area = host.work_area(image.name(), Hold::Action)?;
    let packed_with = compression::for_repack(image, compression, &area, host)?;
    mount::attach(image, &places, Hold::Action, host)?;
    let needed = pack::needed(&pack::measure(&places.tree)?, layout);
    let size = pack::fit(wanted, needed)?;
    if layout == Layout::Flat && compression.is_none() {
        return record(image, wanted, needed, false);
    }
    let lower = mount::lower(&places, layout).to_owned();
    host.acquire_file(&aside(image, host)?, Hold::Action)?;
    let how = How { layout, wanted: SizeOrAuto::Fixed(size), compression: packed_with };
    repack(image, &lower, &places.tree, &places.area, how, host)?;
    Ok(json!({ "livenet_size": size.as_mebibytes(), "packed": true }))
}

fn record(image: &mut Image, wanted: SizeOrAuto, needed: Size, packed: bool) -> Result<Value> {
    let size = pack::fit(wanted, needed)?;
    image.set("livenet_size", size.as_mebibytes());
    Ok(json!({ "livenet_size": size.as_mebibytes(), "packed": packed }))
}
