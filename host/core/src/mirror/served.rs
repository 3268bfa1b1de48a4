//! The directory of images of a mirror: what nodes get.

use super::wanted::{Wanted, version_name};
use crate::{
    failure,
    site::Site,
    system::{atomic_file, failpoint::failpoint, remove_tree},
    versions::{self, BOOT_FILE, Marker, Store},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_oci::names::Digest;
use disklessset_plugin_api::{Error, Result};
use std::collections::{BTreeMap, BTreeSet};

/// The most that is read of a boot file.
const MOST_BYTES: u64 = 1 << 20;

/// Boot files by the names of their images.
pub(super) type BootFiles = BTreeMap<String, String>;

/// What nodes are to get.
pub(super) fn wanted(wanted: &Wanted, site: &Site) -> Result<BootFiles> {
    let mut files = BootFiles::new();
    for (name, image) in &wanted.images {
        let Some((number, version)) = image.current() else { continue };
        let marker = Marker { version: version_name(name, number)?, digest: version.digest };
        let text =
            versions::with_prelude(&version.boot_file, Some(&marker), &site.layout, &site.configuration);
        files.insert(name.to_string(), text);
    }
    Ok(files)
}

/// What nodes get now. A name without a readable boot file has an empty one, which no image has.
pub(super) fn now(site: &Site) -> Result<BootFiles> {
    let directory = site.layout.images_dir();
    let mut files = BootFiles::new();
    for name in names(&directory)? {
        let text = atomic_file::read_bounded(&directory.join(&name).join(BOOT_FILE), MOST_BYTES);
        files.insert(name, String::from_utf8_lossy(&text.unwrap_or_default()).into_owned());
    }
    Ok(files)
}

/// The manifests of what nodes get now.
pub(super) fn manifests_now(site: &Site) -> Result<BTreeSet<Digest>> {
    let store = Store::of(&site.layout);
    let mut digests = BTreeSet::new();
    for name in names(&site.layout.images_dir())? {
        digests.extend(store.current(&name)?.map(|marker| marker.digest));
    }
    Ok(digests)
}

/// Refuses a directory of images in which somebody put something: it would go with the state before.
pub(super) fn must_be_ours(site: &Site) -> Result<()> {
    let (store, directory) = (Store::of(&site.layout), site.layout.images_dir());
    for name in names(&directory)? {
        if store.current(&name)?.is_none() {
            let text = format!("{} is no image of the mirror", directory.join(&name));
            return Err(
                Error::refused(text).hint("put it elsewhere: the mirror replaces the whole directory")
            );
        }
    }
    Ok(())
}

/// What lies in a directory of images.
pub(super) fn names(directory: &Utf8Path) -> Result<Vec<String>> {
    let cannot =
        |cause| Error::failed(format!("cannot read the directory of images {directory}")).because(cause);
    let entries = match directory.read_dir_utf8() {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(cannot)?,
    };
    entries.map(|entry| entry.map(|entry| entry.file_name().to_owned()).map_err(cannot)).collect()
}

/// Where the next state is built, and where the last one is when it was exchanged.
fn aside(site: &Site) -> Utf8PathBuf {
    site.layout.images_dir().with_file_name(".images.next")
}

/// Builds the next state aside. It is on disk then.
pub(super) fn build(files: &BootFiles, site: &Site) -> Result<()> {
    remove_aside(site)?;
    let aside = aside(site);
    atomic_file::create_dir(&aside, 0o755).map_err(failure::of)?;
    for (name, text) in files {
        let directory = aside.join(name);
        atomic_file::create_dir(&directory, 0o755).map_err(failure::of)?;
        atomic_file::replace(&directory.join(BOOT_FILE), text.as_bytes(), 0o644).map_err(failure::of)?;
        failpoint!("mirror: a boot file written", directory);
    }
    Ok(())
}

/// Puts it in service: one rename for all images.
pub(super) fn exchange(site: &Site) -> Result<()> {
    let images = site.layout.images_dir();
    atomic_file::exchange(&aside(site), &images).map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::ResourceBusy | std::io::ErrorKind::CrossesDevices => {
                "the directory of images is a mount point: set images_directory to a directory in it"
            }
            _ => "images_directory must lie on a file system that can exchange directories, as ext4, XFS and btrfs can",
        };
        failure::of(error).hint(hint)
    })
}

/// Removes what is aside: a state that was half built, or the one before.
pub(super) fn remove_aside(site: &Site) -> Result<()> {
    let aside = aside(site);
    let allowed: Vec<Utf8PathBuf> = aside.parent().map(Utf8Path::to_owned).into_iter().collect();
    remove_tree::remove_tree(&aside, &allowed).map(drop).map_err(failure::of)
}
