//! How a root image is compressed: as the user says, as it was, or as its kernel can read it.

use crate::existing::{Root, recorded_size};
use camino::Utf8Path;
use disklessset_kit::{
    live::{
        kernel_reads::{Reads, reads},
        root_image,
    },
    squashfs::{Compression, Superblock},
};
use disklessset_plugin_api::{
    Error, Finding, Hold, Host, Image, Kernel, ParamKind, ParameterType, Result, serde_json::Value,
};

/// A compression as users name it. The word of a class that is built on this one and has other compressions
/// is that class's: here it is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word(Option<Compression>);

impl Word {
    /// What the user asked for.
    pub(crate) fn of(given: Option<Self>) -> Option<Compression> {
        given.and_then(|word| word.0)
    }
}

impl ParameterType for Word {
    fn kind() -> ParamKind {
        ParamKind::Choice { choices: Compression::words() }
    }

    fn from_value(value: &Value) -> std::result::Result<Self, String> {
        Ok(Self(value.as_str().and_then(|word| word.parse().ok())))
    }
}

/// Refuses a compression for an image that is mounted: it is packed when it is unmounted.
pub(crate) fn refuse_while_mounted(image: &Image, wanted: Option<Compression>) -> Result<()> {
    match wanted {
        None => Ok(()),
        Some(_) => Err(Error::refused(format!(
            "image {} is mounted: it is compressed when it is unmounted",
            image.name()
        ))
        .hint("give --compression to unmount")),
    }
}

/// The compression of an image in service; `None` where it is no squashfs file.
pub(crate) fn present(root: &Root) -> Option<Compression> {
    Superblock::read(&root.path).ok()?.compression
}

/// Whether the user asked for another compression than the image has.
pub(crate) fn is_another(image: &Image, wanted: Option<Compression>, host: &Host<'_>) -> Result<bool> {
    Ok(wanted.is_some() && wanted != present(&Root::of(image, host)?))
}

/// Chooses for an image that is made: what its kernel can read. `None` for a class that gives no choice. `area` is private to the
/// action.
pub(crate) fn for_new(
    image: &Image,
    kernel: &Kernel,
    tree: &Utf8Path,
    wanted: Option<Compression>,
    area: &Utf8Path,
    host: &Host<'_>,
) -> Result<Option<Compression>> {
    choose(image, Some(&(kernel.clone(), reads(kernel, Some(tree), host)?)), None, wanted, area, host)
}

/// Refuses before any work what the user asked for and this server, the class or a kernel that is there already cannot do.
pub(crate) fn check_wanted(
    image: &Image,
    kernel: Option<&Kernel>,
    wanted: Option<Compression>,
    area: &Utf8Path,
    host: &Host<'_>,
) -> Result<()> {
    if wanted.is_none() {
        return Ok(());
    }
    let kernel =
        kernel.map(|kernel| Ok::<_, Error>((kernel.clone(), reads(kernel, None, host)?))).transpose()?;
    choose(image, kernel.as_ref(), None, wanted, area, host).map(drop)
}

/// Chooses for an image that is packed again: as it is, unless the user says otherwise or its kernel cannot read that.
pub(crate) fn for_repack(
    image: &Image,
    wanted: Option<Compression>,
    area: &Utf8Path,
    host: &Host<'_>,
) -> Result<Option<Compression>> {
    let kernel = match image.kernel() {
        Some(kernel) => {
            let reads = reads(&kernel, None, host)?;
            Some((kernel, reads))
        }
        None => None,
    };
    choose(image, kernel.as_ref(), present(&Root::of(image, host)?), wanted, area, host)
}

fn choose(
    image: &Image,
    kernel: Option<&(Kernel, Reads)>,
    present: Option<Compression>,
    wanted: Option<Compression>,
    area: &Utf8Path,
    host: &Host<'_>,
) -> Result<Option<Compression>> {
    let choices = root_image::compressions(image, host)?;
    if choices.is_empty() {
        return Ok(None);
    }
    if let Some(wanted) = wanted.filter(|wanted| !choices.contains(wanted)) {
        return Err(Error::usage(format!(
            "images of class {} are not compressed with {wanted}",
            image.class()
        )));
    }
    let refuses = |one: Compression| kernel.filter(|(_, reads)| reads.cannot(one));
    let here = |one: Compression| is_known_here(one, area, host);
    if let Some(wanted) = wanted {
        if let Some((kernel, reads)) = refuses(wanted) {
            return Err(
                cannot_read(kernel, reads, wanted).hint(format!("take --compression {}", reads.best()))
            );
        }
        return match here(wanted)? {
            true => Ok(Some(wanted)),
            false => {
                Err(Error::refused(format!("mksquashfs of this server does not compress with {wanted}"))
                    .hint("install a newer squashfs-tools, or take --compression gzip"))
            }
        };
    }
    let mut best = kernel.map_or(Compression::USUAL, |(_, reads)| reads.best());
    if let Some(present) = present {
        match refuses(present) {
            None => best = present,
            Some((kernel, reads)) => {
                host.warn(format!("{}: packing with {best}", cannot_read(kernel, reads, present)))
            }
        }
    } else if let Some((kernel, _)) = refuses(Compression::USUAL) {
        host.info(format!(
            "kernel {} does not read {}: packing with {best}",
            kernel.version,
            Compression::USUAL
        ));
    }
    if here(best)? {
        return Ok(Some(best));
    }
    // What every mksquashfs has and every kernel reads.
    host.warn(format!(
        "mksquashfs of this server does not compress with {best}: packing with {}",
        Compression::Gzip
    ));
    Ok(Some(Compression::Gzip))
}

fn is_known_here(one: Compression, area: &Utf8Path, host: &Host<'_>) -> Result<bool> {
    let scratch = area.join("compression");
    host.remove(&scratch)?;
    host.acquire_directory(&scratch, Hold::Action)?;
    let known = one.is_known_here(&scratch, host);
    host.release(&scratch)?;
    known
}

fn cannot_read(kernel: &Kernel, reads: &Reads, compression: Compression) -> Error {
    Error::refused(format!("kernel {} cannot read squashfs compressed with {compression}", kernel.version))
        .because(format!("told by {}", reads.by))
}

/// What packs an image so that a kernel can read it.
fn mend(image: &Image, root: &Root, reads: &Reads) -> String {
    let size = recorded_size(image).map_or_else(|| "auto".to_owned(), |size| size.to_string());
    format!(
        "disklessset {} resize {} {size} --compression {}",
        root.format.module,
        image.name(),
        reads.best()
    )
}

/// Refuses a kernel that cannot read the image.
pub(crate) fn check_kernel(image: &Image, root: &Root, kernel: &Kernel, host: &Host<'_>) -> Result<()> {
    let Some(present) = present(root) else { return Ok(()) };
    let reads = reads(kernel, None, host)?;
    match reads.cannot(present) {
        true => {
            Err(cannot_read(kernel, &reads, present).hint(format!("first {}", mend(image, root, &reads))))
        }
        false => Ok(()),
    }
}

/// What is wrong when the kernel of an image cannot read it.
pub(crate) fn fault(image: &Image, root: &Root, host: &Host<'_>) -> Result<Option<Finding>> {
    let (Some(kernel), Some(present)) = (image.kernel(), present(root)) else { return Ok(None) };
    let reads = reads(&kernel, None, host)?;
    Ok(reads.cannot(present).then(|| {
        let file = &root.format.file;
        let text =
            format!("kernel {} cannot read {file}, which is compressed with {present}", kernel.version);
        Finding::problem(text, mend(image, root, &reads))
    }))
}
