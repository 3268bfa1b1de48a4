//! The root image of the class itself: squashfs. Classes built on it make another (see [`disklessset_kit::live::root_image`]).

use crate::block;
use camino::Utf8Path;
use disklessset_kit::{
    live::root_image::{Format, RootFile, RootImage, Whole, Write},
    squashfs::{Compression, Layout, Squash, Superblock, names_in, pack_classic, pack_flat},
};
use disklessset_plugin_api::{Host, Image, Result};

/// The root image's name, fixed by the boot files of 1.x and ours.
pub(crate) const ROOT_IMAGE: &str = "squashfs.img";

/// The tree, or a file system image of it, in a squashfs file.
pub(crate) struct Squashfs;

impl RootImage for Squashfs {
    fn format(&self) -> Result<Format> {
        Ok(Format {
            module: "livenet".to_owned(),
            file: RootFile::parse(ROOT_IMAGE)?,
            layouts: vec![Layout::Flat, Layout::Classic],
            // dracut's livenet part brings squashfs along.
            drivers: Vec::new(),
        })
    }

    fn compressions(&self) -> Vec<Compression> {
        Compression::ALL.to_vec()
    }

    fn write(&self, image: &mut Image, write: &Write, host: &Host<'_>) -> Result<()> {
        let Write { tree, file, layout, size, content, scratch, compression } = write;
        let how = Squash { compression: compression.unwrap_or(Compression::USUAL), block: block::of(image)? };
        match layout {
            Layout::Flat => pack_flat(tree, file, how, content, host),
            Layout::Classic => pack_classic(tree, file, how, *size, content, scratch, host),
        }
    }

    fn check(&self, _image: &Image, file: &Utf8Path, _host: &Host<'_>) -> Result<Whole> {
        let found = Superblock::read(file)?;
        Ok(Whole { bytes: found.bytes_used, files: Some(found.inodes) })
    }

    fn names(
        &self,
        _image: &Image,
        file: &Utf8Path,
        directory: &str,
        host: &Host<'_>,
    ) -> Result<Vec<String>> {
        names_in(file, directory, host)
    }
}
