//! From a tree to a root image of the right size.

use camino::Utf8Path;
use disklessset_kit::{
    content,
    live::root_image::{self, Write},
    space::{Need, Plan},
    squashfs::{Compression, Layout, classic_needs, for_nodes},
};
use disklessset_plugin_api::{Error, Host, Image, Result, Size, SizeOrAuto};

/// What was packed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed {
    /// The size for the record.
    size: Size,
    /// What the content takes of it.
    content: Size,
    layout: Layout,
}

impl Packed {
    pub(crate) fn record(self, image: &mut Image) {
        image.set("livenet_size", self.size.as_mebibytes());
        image.set("content_size", self.content.as_mebibytes());
        image.set("layout", self.layout.to_string());
    }
}

/// The size for content that needs so much: as asked for, or with a quarter more, at least 128 MiB more.
pub(crate) fn fit(wanted: SizeOrAuto, needed: Size) -> Result<Size> {
    let too_small = |size: Size, least: Size| {
        Error::refused(format!("the content does not fit into {size}: it needs {needed}"))
            .hint(format!("give a size of at least {least}, or auto"))
    };
    match wanted {
        SizeOrAuto::Fixed(size) if size < needed => Err(too_small(size, needed)),
        SizeOrAuto::Fixed(size) => Ok(size),
        SizeOrAuto::Auto => {
            let headroom = (needed.as_mebibytes() / 4).max(128);
            let size = Size::mebibytes(needed.as_mebibytes() + headroom).max(Size::LEAST);
            if size > Size::MOST { Err(too_small(Size::MOST, needed)) } else { Ok(size) }
        }
    }
}

/// What a tree takes in a layout.
pub(crate) fn needed(content: &content::Content, layout: Layout) -> Size {
    match layout {
        Layout::Flat => Size::mebibytes(content.mebibytes()),
        Layout::Classic => classic_needs(content),
    }
}

/// Measures a tree.
pub(crate) fn measure(tree: &Utf8Path) -> Result<content::Content> {
    content::measure(tree.as_std_path())
        .map_err(|cause| Error::failed(format!("cannot measure the tree {tree}")).because(cause))
}

/// An image as it was before: what it takes, and what its content takes unpacked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before {
    pub(crate) packed: u64,
    pub(crate) content: Size,
}

/// About what content of so many bytes takes packed: as much less as it did before, or as trees of distributions do.
pub(crate) fn about(content: u64, before: Option<Before>) -> Need {
    let (packed, of) = match before {
        Some(before) if before.content.as_bytes() > 0 => (before.packed, before.content.as_bytes()),
        _ => (2, 5),
    };
    let bytes = u128::from(content) * u128::from(packed) / u128::from(of);
    Need::bytes(u64::try_from(bytes).unwrap_or(u64::MAX).min(content))
}

/// A tree to pack.
#[derive(Debug)]
pub(crate) struct Packing<'a> {
    pub(crate) tree: &'a Utf8Path,
    /// Where the root image goes.
    pub(crate) file: &'a Utf8Path,
    pub(crate) layout: Layout,
    pub(crate) wanted: SizeOrAuto,
    /// An empty private directory.
    pub(crate) scratch: &'a Utf8Path,
    /// How, where the class gives a choice.
    pub(crate) compression: Option<Compression>,
    /// The image that is packed again.
    pub(crate) before: Option<Before>,
}

/// Has the class of `image` pack a tree and check the result; refuses before anything is written when the content does not fit.
pub(crate) fn pack(image: &mut Image, packing: &Packing<'_>, host: &Host<'_>) -> Result<Packed> {
    let Packing { tree, file, layout, wanted, scratch, compression, before } = *packing;
    let measured = measure(tree)?;
    let needed = needed(&measured, layout);
    let size = fit(wanted, needed)?;
    let plan = Plan::of("packing").about(file, about(measured.blocks, before));
    match layout {
        Layout::Flat => plan,
        Layout::Classic => plan.about(scratch, Need::bytes(measured.blocks)),
    }
    .check(host)?;
    let how = compression.map(|compression| format!(", {compression}")).unwrap_or_default();
    host.info(format!("packing {} files, {needed} of {size}, {layout}{how}", measured.inodes));
    let write = Write {
        tree: tree.to_owned(),
        file: file.to_owned(),
        layout,
        size,
        content: measured,
        scratch: scratch.to_owned(),
        compression,
    };
    root_image::write(image, &write, host)?;
    for_nodes(file)?;
    Ok(Packed { size, content: needed, layout })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_packed_well_before_is_expected_to_again_and_nothing_grows() {
        let mib = 1 << 20;
        assert_eq!(about(750 * mib, None).bytes, 300 * mib);
        let before = Before { packed: 30 * mib, content: Size::mebibytes(100) };
        assert_eq!(about(200 * mib, Some(before)).bytes, 60 * mib);
        assert_eq!(about(200 * mib, Some(Before { packed: 300 * mib, ..before })).bytes, 200 * mib);
        assert_eq!(about(200 * mib, Some(Before { content: Size::mebibytes(0), ..before })).bytes, 80 * mib);
    }

    #[test]
    fn auto_leaves_room_and_fixed_sizes_are_kept_or_refused() {
        let mib = Size::mebibytes;
        assert_eq!(fit(SizeOrAuto::Auto, mib(10)).unwrap(), mib(138));
        assert_eq!(fit(SizeOrAuto::Auto, mib(1000)).unwrap(), mib(1250));
        assert!(fit(SizeOrAuto::Auto, mib(45_000)).is_err());
        assert_eq!(fit(SizeOrAuto::Fixed(mib(300)), mib(300)).unwrap(), mib(300));
        let error = fit(SizeOrAuto::Fixed(mib(299)), mib(300)).unwrap_err();
        assert_eq!(error.to_string(), "the content does not fit into 299M: it needs 300M");
        assert!(error.hint.unwrap().contains("300M"));
    }
}
