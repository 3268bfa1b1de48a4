//! An OS tree from an OCI image layout: a directory or a tar archive with blobs that are named by their digests, as `skopeo copy
//! ... oci:DIRECTORY` and `podman save --format oci-archive` make them.
//!
//! From the bottom: `section`, `pax`, `sparse`, `members` read; `store`, `choose`, `layout` find the layers of the image that is
//! meant; `layer` reads one, its digests checked; `name`, `tree`, `place`, `apply` put it into the tree.

mod apply;
mod choose;
mod digest;
mod facts;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod kept;
mod layer;
mod layout;
mod members;
mod name;
mod pax;
mod place;
mod section;
mod sparse;
mod store;
#[cfg(test)]
mod tests;
mod tree;
mod unpack_error;

pub use facts::OciFacts;

use crate::tree_files::TreeFiles;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Host, Result};
use layout::Image;
use store::Store;
use tree::Tree;
use unpack_error::UnpackError;

/// A path may hold colons, and so may a name of an image: what is there on disk decides where the one ends.
fn located(path: &Utf8Path, reference: Option<&str>) -> (Utf8PathBuf, Option<String>) {
    let as_read = (path.to_owned(), reference.map(str::to_owned));
    if path.exists() {
        return as_read;
    }
    let whole = reference.map_or_else(|| path.to_string(), |reference| format!("{path}:{reference}"));
    if Utf8Path::new(&whole).exists() {
        return (whole.into(), None);
    }
    let split = whole.match_indices(':').map(|(at, _)| (&whole[..at], &whole[at + 1..]));
    let mut good = split.filter(|(path, reference)| !reference.is_empty() && Utf8Path::new(path).exists());
    good.next().map_or(as_read, |(path, reference)| (path.into(), Some(reference.to_owned())))
}

/// Refuses what is no layout, or has not the image that is meant. Of a compressed archive only that it is there.
pub(super) fn check(path: &Utf8Path, reference: Option<&str>) -> Result<()> {
    let (path, reference) = located(path, reference);
    let found = Store::open(&path).and_then(|store| match store {
        Some(store) => layout::image(&store, reference.as_deref()).map(drop),
        None => Ok(()),
    });
    found.map_err(|fault| {
        let error = fault.into_error(&format!("cannot take the OCI image {path}"));
        Error { kind: ErrorKind::USAGE, ..error }
    })
}

/// What an image tells of itself. A compressed archive tells nothing until it is unpacked, which is done when a place for that is given:
/// otherwise `None`.
///
/// # Errors
/// When there is no such image, or its manifest or configuration is damaged.
pub fn oci_facts(
    path: &Utf8Path,
    reference: Option<&str>,
    unpack: Option<(&Utf8Path, &Host<'_>)>,
) -> Result<Option<OciFacts>> {
    let (path, reference) = located(path, reference);
    let found = || {
        let store = match (Store::open(&path)?, unpack) {
            (Some(store), _) => store,
            (None, Some((scratch, host))) => Store::unpack(&path, scratch, host)?,
            (None, None) => return Ok(None),
        };
        Ok(Some(layout::image(&store, reference.as_deref())?.facts))
    };
    found().map_err(|fault: UnpackError| fault.into_error(&format!("cannot read the OCI image {path}")))
}

/// Unpacks an image into the empty directory `tree`.
pub(super) fn unpack(
    path: &Utf8Path,
    reference: Option<&str>,
    tree: &Utf8Path,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<()> {
    let (path, reference) = located(path, reference);
    let cannot = |fault: UnpackError| fault.into_error(&format!("cannot take the OCI image {path}"));
    let store = match Store::open(&path).map_err(cannot)? {
        Some(store) => store,
        None => Store::unpack(&path, scratch, host).map_err(cannot)?,
    };
    let image = layout::image(&store, reference.as_deref()).map_err(cannot)?;
    host.info(format!("unpacking {} layers of {path}", image.layers.len()));
    apply_layers(&image, &store, &path, tree, scratch, host)?;
    tell_what_is_missing(&image, &path, tree, host)
}

fn apply_layers(
    image: &Image,
    store: &Store,
    path: &Utf8Path,
    tree: &Utf8Path,
    scratch: &Utf8Path,
    host: &Host<'_>,
) -> Result<()> {
    let target = Tree::open(tree.as_std_path()).map_err(|cause| {
        Error::failed(format!("cannot open the directory {tree}")).because(std::io::Error::from(cause))
    })?;
    for (index, layer) in image.layers.iter().enumerate() {
        let number = format!("{} of {}", index + 1, image.layers.len());
        let digest = layer.blob.digest();
        host.debug(format!("layer {number}: {digest}"));
        let source = layer::Source { store, layer, host };
        let lost = apply::apply(&source, &target, scratch, &number).map_err(|fault| {
            fault.into_error(&format!("cannot unpack layer {number} ({digest}) of the OCI image {path}"))
        })?;
        if let Some(first) = &lost.first {
            let count = lost.attributes;
            host.warn(format!("layer {number}: the file system of {tree} does not keep {count} extended attributes, the first {first}"));
        }
        if lost.foreign_acls > 0 {
            let count = lost.foreign_acls;
            host.warn(format!("layer {number}: access control lists of {count} files are written in a way layers do not use, and are lost"));
        }
    }
    Ok(())
}

/// A container needs less than a node does.
fn tell_what_is_missing(image: &Image, path: &Utf8Path, tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    if !files.exists("etc/passwd") {
        return Err(Error::usage(format!(
            "the OCI image {path} holds no operating system: there is no etc/passwd in it"
        )));
    }
    if let Some(foreign) = &image.foreign {
        host.warn(format!("the OCI image is for {foreign}: its programs do not run on this server"));
    }
    let mut missing = Vec::new();
    if !["sbin/init", "usr/lib/systemd/systemd", "lib/systemd/systemd"].iter().any(|init| files.exists(init))
    {
        missing.push("an init (/sbin/init)");
    }
    if files.list("usr/lib/modules")?.is_empty() && files.list("lib/modules")?.is_empty() {
        missing.push("kernel modules (/lib/modules)");
    }
    if !missing.is_empty() {
        host.warn(format!("to boot, the OCI image lacks {}", missing.join(" and ")));
    }
    Ok(())
}
