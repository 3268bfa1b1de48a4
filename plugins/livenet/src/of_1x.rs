//! Images that 1.x had mounted. It unpacks the root image into the work area and changes the file system in there, so that the
//! edits are in that file and nowhere else; and while it packs, the state before lies beside the root image.

use crate::existing::{Places, Root};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{file_error, squashfs::INNER_IMAGE};
use disklessset_plugin_api::{Command, Hold, Host, Image, Result};
use disklessset_system::mount_table;
use std::os::unix::fs::FileExt;

/// The file system with the edits, when an edit of 1.x has not come to its end.
pub(crate) fn edited(image: &Image, places: &Places, host: &Host<'_>) -> Result<Option<Utf8PathBuf>> {
    let file = places.unpacked.join(INNER_IMAGE);
    // Each part is looked at: a link would lead to another file system.
    let real = |path: &Utf8Path, directory: bool| {
        path.symlink_metadata().is_ok_and(|found| if directory { found.is_dir() } else { found.is_file() })
    };
    let there = real(&places.area, true)
        && real(&places.unpacked, true)
        && file.parent().is_some_and(|parent| real(parent, true))
        && real(&file, false);
    let open = there
        && (image.flag("is_mounted")
            || is_mounted(places)?
            || backup(image, host)?.is_file()
            || Root::of(image, host)?.check(image, host).is_err());
    Ok(open.then_some(file))
}

/// Whether 1.x mounted the tree: the file system itself, and no view of it.
pub(crate) fn is_mounted(places: &Places) -> Result<bool> {
    let found = mount_table::mounts_below(&places.tree).map_err(file_error::into_api_error)?;
    Ok(found.iter().any(|mount| mount.target == places.tree && mount.source.starts_with("/dev/loop")))
}

/// Where 1.x keeps the root image in service while it packs the next one.
fn backup(image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
    Ok(Utf8PathBuf::from(format!("{}.bkp", Root::of(image, host)?.path)))
}

/// The root image from before, when the one in service is torn and that one is whole.
pub(crate) fn whole_backup(image: &Image, host: &Host<'_>) -> Result<Option<Utf8PathBuf>> {
    let (backup, root) = (backup(image, host)?, Root::of(image, host)?);
    let whole = |path: &Utf8Path| {
        let is_file = path.symlink_metadata().is_ok_and(|found| found.is_file());
        is_file && Root { path: path.to_owned(), format: root.format.clone() }.check(image, host).is_ok()
    };
    Ok((!whole(&root.path) && whole(&backup)).then_some(backup))
}

/// Puts the root image from before in service again, in place of a torn one. `staging_path` is the place of files to be published.
pub(crate) fn bring_back(
    image: &Image,
    backup: &Utf8Path,
    staging: &Utf8Path,
    host: &Host<'_>,
) -> Result<()> {
    host.acquire_file(staging, Hold::Action)?;
    let copy =
        ["--reflink=auto", "--sparse=auto", "--no-dereference", "--", backup.as_str(), staging.as_str()];
    host.run(&Command::new("cp").args(copy))?;
    let root = Root::of(image, host)?.path;
    host.publish_with(image, staging, &root)?;
    host.info(format!("{root} was torn: the state before is in service again"));
    Ok(())
}

/// Has the journal of a file system played back that was cut off by a crash: it is read without its journal afterwards.
pub(crate) fn play_back(file: &Utf8Path, place: &Utf8Path, host: &Host<'_>) -> Result<()> {
    if !needs_playing_back(file) {
        return Ok(());
    }
    // The program has mounts of its own, which go with it: mounting is all it takes.
    let mount = ["-o", "loop,rw,nosuid,nodev,noexec", "--", file.as_str(), place.as_str()];
    host.run(&Command::new("mount").args(mount))
        .map_err(|error| error.context(format!("cannot read the file system with the edits, {file}")))?;
    Ok(())
}

fn needs_playing_back(file: &Utf8Path) -> bool {
    let Ok(open) = std::fs::File::open(file) else { return false };
    let read = |offset: u64, bytes: &mut [u8]| open.read_exact_at(bytes, offset).is_ok();
    let (mut magic, mut ext, mut incompatible) = ([0; 4], [0; 2], [0; 4]);
    if read(0, &mut magic) && &magic == b"XFSB" {
        // Its superblock does not tell.
        return true;
    }
    // The superblock of ext4 lies at 1024: its magic number at 0x38, the features at 0x60, of which 4 is a journal to play back.
    read(0x438, &mut ext)
        && ext == [0x53, 0xEF]
        && read(0x460, &mut incompatible)
        && u32::from_le_bytes(incompatible) & 4 != 0
}
