//! Ending an edit: packing the changes, or throwing them away.

use crate::{
    compression::{self, Word},
    existing::{Places, Root, recorded_size},
    mount, of_1x,
    pack::{self, Before, Packing},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    anonymise, file_error,
    os_tree::params,
    squashfs::{Compression, INNER_IMAGE, Layout},
    tools,
    tree_files::TreeFiles,
};
use disklessset_plugin_api::{Error, ErrorKind, Hold, Host, Image, Parameters, Result, Size, SizeOrAuto};
use disklessset_system::{durable, mount_table};
use serde_json::{Value, json};

/// The attribute for what a tree has of one machine.
pub(crate) const OF_ONE_MACHINE: &str = "of_one_machine";

/// What becomes of the changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edits {
    /// They become the image.
    Pack(Wanted),
    /// They are lost.
    Discard,
}

/// What the user said of the packed image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    compression: Option<Compression>,
    size: Option<SizeOrAuto>,
}

/// How an edit ends.
#[derive(Parameters)]
pub(crate) struct Unmount {
    /// Throw the changes away instead of packing them
    discard: bool,
    /// Size of the image from now on
    #[parameter(flag = "size", kind = params::live_size(), not_asked)]
    livenet_size: Option<SizeOrAuto>,
    /// Compression when the image is packed again (default: as before)
    #[parameter(not_asked)]
    compression: Option<Word>,
}

impl Unmount {
    /// What is to become of the changes.
    ///
    /// # Errors
    /// When the packing of what is thrown away is spoken of.
    pub(crate) fn edits(&self) -> Result<Edits> {
        let wanted = Wanted { compression: Word::of(self.compression), size: self.livenet_size };
        match self.discard {
            false => Ok(Edits::Pack(wanted)),
            true if wanted == Wanted::default() => Ok(Edits::Discard),
            true => Err(Error::usage(
                "--discard throws the changes away: there is nothing to pack with a size or a compression",
            )),
        }
    }
}

/// Unmounts an image. The image in service stays until the new one is whole; when anything fails, the changes stay mounted.
pub(crate) fn unmount(image: &mut Image, edits: &Edits, host: &Host<'_>) -> Result<Value> {
    check(image, edits, host)?;
    let places = Places::of(image.name(), host)?;
    let live = mount::is_live(&places)?;
    let backup = of_1x::whole_backup(image, host)?;
    let edited = of_1x::edited(image, &places, host)?.is_some();
    match (edits, backup) {
        (Edits::Pack(wanted), None) => pack_changes(image, &places, live, *wanted, host),
        (Edits::Pack(wanted), Some(_)) if edited => pack_changes(image, &places, live, *wanted, host),
        (Edits::Pack(_) | Edits::Discard, Some(backup)) => {
            detach(&places, host)?;
            image.set("is_mounted", false);
            of_1x::bring_back(image, &backup, &staging_path(image, host)?, host)?;
            discard(image, &places, host)
        }
        (Edits::Discard, None) => discard(image, &places, host),
    }
}

/// Refuses an unmount that could not be done, or whose changes could not be packed.
pub(crate) fn check(image: &Image, edits: &Edits, host: &Host<'_>) -> Result<()> {
    let places = Places::of(image.name(), host)?;
    let live = mount::is_live(&places)?;
    let has_backup = of_1x::whole_backup(image, host)?.is_some();
    if !live && !image.flag("is_mounted") && !places.are_used() && !has_backup {
        return Err(Error::refused(format!("image {} is not mounted", image.name())));
    }
    refuse_foreign_mounts(&places)?;
    if matches!(edits, Edits::Pack(_)) && Root::of(image, host)?.is_squashfs() {
        tools::must_have("mksquashfs", "squashfs-tools")?;
    }
    Ok(())
}

/// What the user, or a session of his, mounted inside the tree must neither be packed nor be lost.
fn refuse_foreign_mounts(places: &Places) -> Result<()> {
    let system = mount::SYSTEM.map(|directory| places.tree.join(directory));
    let below = mount_table::mounts_below(&places.tree).map_err(file_error::into_api_error)?;
    let foreign = below.iter().find(|mounted| {
        mounted.target != places.tree && !system.iter().any(|own| mounted.target.starts_with(own))
    });
    match foreign {
        None => Ok(()),
        Some(mounted) => Err(Error::refused(format!(
            "cannot unmount {}: {} is mounted inside",
            places.tree, mounted.target
        ))
        .because(format!("{} ({})", mounted.source, mounted.kind))
        .hint(format!("umount {}", mounted.target))),
    }
}

/// Takes the user's view away: first what we mounted into it, then itself. A busy one stays as it was.
fn detach(places: &Places, host: &Host<'_>) -> Result<()> {
    let mut released = 0;
    while mount::is_live(places)? {
        let outcome = host.release(&places.tree);
        if outcome.is_err() && released > 0 && mount::is_live(places)? {
            // The system mounts are gone already: whoever is inside gets them back.
            let system = disklessset_plugin_api::Mount::System { target: places.tree.clone() };
            if let Err(error) = host.mount(&system, Hold::Image) {
                host.warn(format!("{error}"));
            }
        }
        outcome?;
        released += 1;
    }
    Ok(())
}

fn discard(image: &mut Image, places: &Places, host: &Host<'_>) -> Result<Value> {
    detach(places, host)?;
    put_away(places, host)?;
    image.set("is_mounted", false);
    Ok(json!({ "packed": false }))
}

/// Takes the read-only mounts away.
fn release_lower(places: &Places, host: &Host<'_>) -> Result<()> {
    mount::forget_lost_mounts(places, host);
    for target in [&places.inner, &places.packed] {
        if mount_table::is_mounted(target).unwrap_or(true) {
            host.release(target)?;
        }
    }
    Ok(())
}

/// Decides by one rename that the changes are not needed any more: killed before, the edit goes on, killed later, it is ended.
fn give_up(places: &Places, host: &Host<'_>) -> Result<()> {
    if !places.upper.is_dir() {
        return Ok(());
    }
    host.remove(&places.given_up)?;
    durable::rename_replacing(&places.upper, &places.given_up)
        .map_err(|error| Error::failed(format!("cannot rename {}", places.upper)).because(error.source))?;
    host.debug(format!("the changes in {} are given up", places.area));
    Ok(())
}

/// Ends an edit whose changes are in the image in service, or not wanted.
pub(crate) fn finish(places: &Places, host: &Host<'_>) -> Result<()> {
    detach(places, host)?;
    put_away(places, host)
}

/// Takes everything of an edit away. The changes go first: they are packed or not wanted, and what is left when a mount
/// will not go must not be packed again.
fn put_away(places: &Places, host: &Host<'_>) -> Result<()> {
    give_up(places, host)?;
    host.remove(&places.given_up)?;
    release_lower(places, host)?;
    match host.release(&places.area) {
        // Made by 1.x, so on nobody's record.
        Err(_) if places.area.exists() => host.remove(&places.area),
        _ => Ok(()),
    }
}

fn pack_changes(
    image: &mut Image,
    places: &Places,
    mut live: bool,
    wanted: Wanted,
    host: &Host<'_>,
) -> Result<Value> {
    let edited = of_1x::edited(image, places, host)?.is_some();
    let changed = edited
        || wanted.size.is_some()
        || mount::has_changes(places)?
        || compression::is_another(image, wanted.compression, host)?;
    let mut packed_with = Wanted { compression: None, ..wanted };
    if changed {
        // Before the user's view goes: without room it could not be given back.
        mount::room_for(image, &format!("unmounting image {}", image.name()), host)?;
        packed_with.compression = compression::for_repack(image, wanted.compression, &places.area, host)?;
        host.acquire_file(&staging_path(image, host)?, Hold::Action)?;
    }
    if live && edited && of_1x::is_mounted(places)? {
        // Its own mount goes; the edits are in the file, and are seen as ours are from here on.
        detach(places, host)?;
        live = false;
    }
    if live {
        detach(places, host)?;
    } else if changed {
        host.info("the mount was lost, its changes are still there: packing them");
        release_lower(places, host)?;
        mount::work_area(image, places, Hold::Image, host)?;
        mount::attach(image, places, Hold::Image, host)?;
        detach(places, host)?;
    }
    if changed {
        let classic = edited || places.packed.join(INNER_IMAGE).is_file();
        let layout = if classic { Layout::Classic } else { Layout::Flat };
        // The packed image comes into service together with this: from then on the edit is over, whatever kills us.
        image.set("is_mounted", false);
        if let Err(error) = pack_view(image, places, layout, packed_with, host) {
            give_back(places, layout, host);
            return Err(kept(image, places, error, host));
        }
    } else {
        host.info("nothing was changed: the image stays as it is");
    }
    put_away(places, host).map_err(|error| {
        error
            .context(format!("the changes of image {} are in service, but its work area stays", image.name()))
    })?;
    image.set("is_mounted", false);
    Ok(json!({ "packed": changed }))
}

/// Packs the view from a place of its own, where nobody is inside and nothing else is mounted.
fn pack_view(
    image: &mut Image,
    places: &Places,
    layout: Layout,
    packed_with: Wanted,
    host: &Host<'_>,
) -> Result<()> {
    host.mount(&mount::overlay(places, layout, &places.packing), Hold::Action)?;
    let lower = mount::lower(places, layout).to_owned();
    let wanted =
        packed_with.size.unwrap_or_else(|| recorded_size(image).map_or(SizeOrAuto::Auto, SizeOrAuto::Fixed));
    let how = RepackOptions { layout, wanted, compression: packed_with.compression };
    let repacked = repack(image, &lower, &places.packing, &places.area, how, host);
    let released = host.release(&places.packing);
    repacked.and(released)
}

/// The error of an edit that could not be packed: nothing of it is lost, and there is a way on.
fn kept(image: &Image, places: &Places, error: Error, host: &Host<'_>) -> Error {
    let still = format!("the changes are still there: {}", places.tree);
    // Its content has outgrown it: the one thing that a size can mend.
    match (error.kind == ErrorKind::REFUSED && error.message.contains("does not fit"), Root::of(image, host))
    {
        (true, Ok(root)) => {
            let again = format!("disklessset {} unmount {} --size auto", root.format.module, image.name());
            error.because(still).hint(again)
        }
        _ => error.hint(still),
    }
}

/// Mounts the view for the user again.
fn give_back(places: &Places, layout: Layout, host: &Host<'_>) {
    let view = mount::overlay(places, layout, &places.tree);
    let system = disklessset_plugin_api::Mount::System { target: places.tree.clone() };
    for mount in [view, system] {
        if let Err(error) = host.mount(&mount, Hold::Image) {
            host.warn(format!("{error}"));
        }
    }
}

/// How a tree is packed again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RepackOptions {
    pub(crate) layout: Layout,
    pub(crate) wanted: SizeOrAuto,
    /// Where the class gives a choice.
    pub(crate) compression: Option<Compression>,
}

/// Packs a changed tree and puts it in the place of the image in service. [`staging_path`] is acquired.
pub(crate) fn repack(
    image: &mut Image,
    before: &Utf8Path,
    tree: &Utf8Path,
    area: &Utf8Path,
    how: RepackOptions,
    host: &Host<'_>,
) -> Result<()> {
    let gone = anonymise::after_session(&TreeFiles::open(before)?, &TreeFiles::open(tree)?)?;
    if !gone.is_empty() {
        host.warn(format!("left out, for they are one machine's own: {}", gone.join(", ")));
    }
    record_identities(image, tree, host)?;
    let scratch = area.join("scratch");
    host.remove(&scratch)?;
    host.acquire_directory(&scratch, Hold::Action)?;
    let root = Root::of(image, host)?;
    let staging = staging_path(image, host)?;
    let RepackOptions { layout, wanted, compression } = how;
    let before = before_of(image, &root);
    let packing = Packing { tree, file: &staging, layout, wanted, scratch: &scratch, compression, before };
    let packed = pack::pack(image, &packing, host);
    host.release(&scratch)?;
    match packed {
        Ok(packed) => {
            packed.record(image);
            host.publish_with(image, &staging, &root.path)?;
            Ok(())
        }
        Err(error) => {
            host.release(&staging)?;
            Err(error)
        }
    }
}

/// Puts on record, for `show`, what the tree has of one machine, and warns of what is new of it.
pub(crate) fn record_identities(image: &mut Image, tree: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let files = TreeFiles::open(tree)?;
    let all = anonymise::identities(&files)?;
    let known: Vec<String> = image.get(OF_ONE_MACHINE)?.unwrap_or_default();
    if all.is_empty() {
        image.unset(OF_ONE_MACHINE);
        return Ok(());
    }
    if anonymise::given(&files)?.iter().any(|words| !known.iter().any(|known| known == words))
        && let Some(remark) = anonymise::remark(&files)?
    {
        host.warn(remark);
    }
    image.set(OF_ONE_MACHINE, all);
    Ok(())
}

/// The image in service.
fn before_of(image: &Image, root: &Root) -> Option<Before> {
    let packed = root.path.metadata().ok()?.len();
    Some(Before { packed, content: Size::mebibytes(image.get("content_size").ok()??) })
}

/// Beside the image's directory: on its file system, and no part of what is served under the image's name.
pub(crate) fn staging_path(image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
    let directory = image.directory();
    let images = directory.parent().ok_or_else(|| Error::failed(format!("{directory} has no parent")))?;
    let file = Root::of(image, host)?.format.file;
    Ok(images.join(format!(".{file}-{}", image.name())))
}
