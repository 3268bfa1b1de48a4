//! Changing the size of an image.

use crate::{
    block,
    compression::{self, Word},
    exec::check_unmounted,
    existing::{Places, Root, recorded_layout},
    mount, of_1x, pack,
    unmount::{RepackOptions, repack, staging_path},
};
use disklessset_kit::{
    os_tree::params,
    squashfs::{BlockSize, Layout},
};
use disklessset_plugin_api::{Error, Hold, Host, Image, Parameters, Result, Size, SizeOrAuto};
use serde_json::{Value, json};

/// A new size.
#[derive(Parameters)]
pub(crate) struct Resize {
    /// The new size: 700M, 1.5G, or auto (the content and free space)
    #[parameter(position, kind = params::live_size(), sample = "auto")]
    livenet_size: SizeOrAuto,
    /// Pack the image with this compression, whatever its size; as it was by default
    #[parameter(not_asked)]
    compression: Option<Word>,
    /// Pack the image with blocks of this size; as it was by default
    #[parameter(not_asked)]
    block_size: Option<BlockSize>,
}

impl Resize {
    /// Whether the image is to be packed in another way than it is.
    fn packs(&self) -> bool {
        self.compression.is_some() || self.block_size.is_some()
    }
}

/// A flat image has no size of its own: the record changes and nothing else. A classic one is packed again with a file system of
/// the new size, and not while it is mounted: then it gets its size when it is packed.
pub(crate) fn resize(image: &mut Image, asked: &Resize, host: &Host<'_>) -> Result<Value> {
    let places = Places::of(image.name(), host)?;
    check(image, asked, host)?;
    let (wanted, compression) = (asked.livenet_size, Word::of(asked.compression));
    if mount::is_live(&places)? {
        let needed = pack::needed(&pack::measure(&places.tree)?, Layout::Flat);
        return record(image, wanted, needed, false);
    }
    let layout = Root::of(image, host)?.layout(image, host)?;
    if let (Layout::Flat, false, Ok(Some(content))) =
        (layout, asked.packs(), image.get::<u64>("content_size"))
    {
        return record(image, wanted, Size::mebibytes(content), false);
    }
    check_unmounted(image, &places, &format!("resizing image {}", image.name()), host)?;
    mount::work_area(image, &places, Hold::Action, host)?;
    let packed_with = compression::for_repack(image, compression, &places.area, host)?;
    block::choose(image, asked.block_size, host)?;
    mount::attach(image, &places, Hold::Action, host)?;
    let needed = pack::needed(&pack::measure(&places.tree)?, layout);
    let size = pack::fit(wanted, needed)?;
    if layout == Layout::Flat && !asked.packs() {
        return record(image, wanted, needed, false);
    }
    let lower = mount::lower(&places, layout).to_owned();
    host.acquire_file(&staging_path(image, host)?, Hold::Action)?;
    let how = RepackOptions { layout, wanted: SizeOrAuto::Fixed(size), compression: packed_with };
    repack(image, &lower, &places.tree, &places.area, how, host)?;
    Ok(json!({ "livenet_size": size.as_mebibytes(), "packed": true }))
}

/// Refuses a new size that cannot be given as the image is now.
pub(crate) fn check(image: &Image, asked: &Resize, host: &Host<'_>) -> Result<()> {
    let compression = Word::of(asked.compression);
    let places = Places::of(image.name(), host)?;
    let root = Root::of(image, host)?;
    if mount::is_live(&places)? {
        compression::refuse_while_mounted(image, compression)?;
        block::refuse_while_mounted(image, asked.block_size)?;
        if recorded_layout(image) == Layout::Classic {
            let (name, module) = (image.name(), root.format.module);
            let wanted = match asked.livenet_size {
                SizeOrAuto::Fixed(size) => size.to_string(),
                SizeOrAuto::Auto => "auto".to_owned(),
            };
            return Err(Error::refused(format!(
                "image {name} is mounted: its file system cannot change its size"
            ))
            .hint(format!("disklessset {module} unmount {name} --size {wanted}")));
        }
        return Ok(());
    }
    if image.flag("is_mounted") || of_1x::edited(image, &places, host)?.is_some() {
        return Err(root.lost_mount(image));
    }
    // A flat image whose content is known changes its record alone.
    block::check(image, asked.block_size, host)?;
    if recorded_layout(image) == Layout::Classic || asked.packs() {
        check_unmounted(image, &places, &format!("resizing image {}", image.name()), host)?;
    }
    Ok(())
}

fn record(image: &mut Image, wanted: SizeOrAuto, needed: Size, packed: bool) -> Result<Value> {
    let size = pack::fit(wanted, needed)?;
    image.set("livenet_size", size.as_mebibytes());
    Ok(json!({ "livenet_size": size.as_mebibytes(), "packed": packed }))
}
