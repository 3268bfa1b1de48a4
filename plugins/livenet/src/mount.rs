//! Making the tree of an image editable.

use crate::{
    existing::{Places, Root, record_places},
    of_1x,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::{
    directories, drivers, file_error,
    space::{self, Need, Plan},
    squashfs::{INNER_IMAGE, Layout},
};
use disklessset_plugin_api::{Error, Hold, Host, Image, Mount, Result};
use disklessset_system::{durable, mount_table};
use serde_json::{Value, json};

/// What is mounted into a tree for those who work in it.
pub(crate) const SYSTEM: [&str; 3] = ["proc", "sys", "dev"];

/// Mounts the tree for the user: changes go aside, nothing is unpacked, so it costs the same whatever the size.
pub(crate) fn mount(image: &mut Image, host: &Host<'_>) -> Result<Value> {
    let places = Places::of(image.name(), host)?;
    check(image, &places, host)?;
    let edited = of_1x::edited(image, &places, host)?.is_some();
    if edited || image.flag("is_mounted") && has_changes(&places)? {
        host.info("mounting again what was mounted before, with its changes");
    }
    forget_lost_mounts(&places, host);
    work_area(image, &places, Hold::Image, host)?;
    attach(image, &places, Hold::Image, host)?;
    host.mount(&Mount::System { target: places.tree.clone() }, Hold::Image)?;
    write_inventory(&places)?;
    image.set("is_mounted", true);
    record_places(image, host)?;
    host.info(format!("image {} is mounted at {}", image.name(), places.tree));
    warn_of_cleaning(&places, host)?;
    Ok(json!({ "mount": places.tree, "inventory": inventory(&places.area) }))
}

/// Refuses what cannot be mounted.
pub(crate) fn check(image: &Image, places: &Places, host: &Host<'_>) -> Result<()> {
    if is_live(places)? {
        return Err(Error::refused(format!("image {} is mounted already at {}", image.name(), places.tree)));
    }
    server_can_show(image, &format!("mount image {}", image.name()), host)?;
    room_for(image, &format!("mounting image {}", image.name()), host)
}

/// Refuses where the server's kernel cannot show the tree of an image.
pub(crate) fn server_can_show(image: &Image, work: &str, host: &Host<'_>) -> Result<()> {
    let root = Root::of(image, host)?;
    let squashfs = root.is_squashfs().then_some("squashfs");
    let of_the_format = root.format.drivers.iter().map(String::as_str).chain(squashfs);
    drivers::must_have(work, ["loop", "overlay"].into_iter().chain(of_the_format))
}

/// Shows the tree for the length of the action: where it is mounted already, or mounted for the purpose.
pub(crate) fn show_tree(image: &Image, host: &Host<'_>) -> Result<Utf8PathBuf> {
    let places = Places::of(image.name(), host)?;
    if !is_live(&places)? {
        work_area(image, &places, Hold::Action, host)?;
        attach(image, &places, Hold::Action, host)?;
    }
    Ok(places.tree)
}

/// Makes the work area. That of an edit of 1.x is there: it is not put on record, so that no failure takes its edits away.
pub(crate) fn work_area(image: &Image, places: &Places, hold: Hold, host: &Host<'_>) -> Result<()> {
    if of_1x::edited(image, places, host)?.is_some() {
        return Ok(());
    }
    if places.unpacked.is_dir() {
        host.info(format!("removing {}, which 1.x left and packed", places.area));
        host.remove(&places.area)?;
    }
    host.work_area(image.name(), hold).map(drop)
}

/// Refuses where a writable view cannot even be mounted: the kernel would mount one that nobody can write to.
pub(crate) fn room_for(image: &Image, work: &str, host: &Host<'_>) -> Result<()> {
    let area = host.paths()?.work.join(image.name().as_str());
    Plan::of(work).certainly(&area, Need { bytes: space::LEAST_WORK, files: 16 }).check(host)
}

/// Whether the tree is mounted now, whatever the record says.
pub(crate) fn is_live(places: &Places) -> Result<bool> {
    mount_table::is_mounted(&places.tree).map_err(file_error::into_api_error)
}

/// How much is mounted of what a whole system needs in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    All,
    Some,
    None,
}

/// What is there of the system's mounts. `/dev` has mounts inside, of which `/dev/shm` comes last and goes first: with it all are there.
pub(crate) fn system(places: &Places) -> Result<System> {
    let count = |place: &Utf8Path| {
        mount_table::mounts_below(place).map(|found| found.len()).map_err(file_error::into_api_error)
    };
    let [proc, sys, dev] = SYSTEM.map(|name| count(&places.tree.join(name)));
    let shm = count(&places.tree.join("dev/shm"))?;
    Ok(match (proc?, sys?, dev?, shm) {
        (0, 0, 0, _) => System::None,
        (1.., 1.., 1.., 1..) => System::All,
        _ => System::Some,
    })
}

/// Whether a session changed anything.
pub(crate) fn has_changes(places: &Places) -> Result<bool> {
    match std::fs::read_dir(&places.upper) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(cause) => Err(Error::failed(format!("cannot read {}", places.upper)).because(cause)),
    }
}

/// Mounts the packed tree read-only, unless it is, and a writable view of it at the tree's place. The work area exists.
pub(crate) fn attach(image: &Image, places: &Places, hold: Hold, host: &Host<'_>) -> Result<Layout> {
    for directory in [&places.packed, &places.inner, &places.tree, &places.packing] {
        directories::ensure(directory, 0o755)?;
    }
    // Of an edit that was ended before.
    host.remove(&places.given_up)?;
    directories::ensure(&places.upper, 0o755)?;
    directories::ensure(&places.overlay_work, 0o700)?;
    let layout = if let Some(edited) = of_1x::edited(image, places, host)? {
        if !mount_table::is_mounted(&places.inner).unwrap_or(true) {
            of_1x::play_back(&edited, &places.inner, host)?;
        }
        show(edited, &places.inner, hold, host)?;
        Layout::Classic
    } else {
        show(Root::of(image, host)?.path, &places.packed, hold, host)?;
        let inner = places.packed.join(INNER_IMAGE);
        if inner.is_file() {
            show(inner, &places.inner, hold, host)?;
            Layout::Classic
        } else {
            Layout::Flat
        }
    };
    // The root directory of the view is the upper one: it needs the mode and owner of the tree's.
    copy_root_attributes(lower(places, layout), &places.upper)?;
    host.mount(&overlay(places, layout, &places.tree), hold)?;
    Ok(layout)
}

/// Mounts a file read-only, unless it is.
fn show(file: Utf8PathBuf, target: &Utf8Path, hold: Hold, host: &Host<'_>) -> Result<()> {
    let mounted = mount_table::is_mounted(target);
    if mounted.map_err(file_error::into_api_error)? {
        return Ok(());
    }
    host.mount(&Mount::Image { file, target: target.to_owned() }, hold)
}

/// The read-only tree.
pub(crate) fn lower(places: &Places, layout: Layout) -> &Utf8Path {
    match layout {
        Layout::Flat => &places.packed,
        Layout::Classic => &places.inner,
    }
}

/// The writable view at a given place.
pub(crate) fn overlay(places: &Places, layout: Layout, target: &Utf8Path) -> Mount {
    Mount::Overlay {
        lower: lower(places, layout).to_owned(),
        upper: places.upper.clone(),
        work: places.overlay_work.clone(),
        target: target.to_owned(),
    }
}

/// Takes mounts off the record that a reboot took away.
pub(crate) fn forget_lost_mounts(places: &Places, host: &Host<'_>) {
    for target in [&places.packing, &places.tree, &places.inner, &places.packed] {
        let gone = mount_table::is_mounted(target).is_ok_and(|mounted| !mounted);
        // At most the view and the system mounts share a place.
        for _ in 0..2 {
            if gone && host.release(target).is_err() {
                break;
            }
        }
    }
}

fn copy_root_attributes(from: &Utf8Path, to: &Utf8Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let fault = |cause| Error::failed(format!("cannot copy owner and mode of {from}")).because(cause);
    let metadata = from.metadata().map_err(fault)?;
    std::os::unix::fs::chown(to, Some(metadata.uid()), Some(metadata.gid())).map_err(fault)?;
    durable::set_mode(to, metadata.mode() & 0o7777).map_err(|error| fault(error.source))
}

/// What cleans `/var/tmp` by age would take an edit away file by file. Where systemd does, a rule must keep it off.
fn warn_of_cleaning(places: &Places, host: &Host<'_>) -> Result<()> {
    let root = host.paths()?.root;
    let below_cleaned = ["var/tmp", "tmp"].iter().any(|cleaned| places.area.starts_with(root.join(cleaned)));
    let program = ["usr/bin", "bin"].iter().any(|bin| root.join(bin).join("systemd-tmpfiles").exists());
    let directories = ["etc/tmpfiles.d", "run/tmpfiles.d", "usr/local/lib/tmpfiles.d", "usr/lib/tmpfiles.d"];
    if below_cleaned
        && program
        && !directories.iter().any(|directory| spares(&root.join(directory), &places.area, &root))
    {
        let place = published_area(&places.area, &root);
        host.warn(format!(
            "systemd-tmpfiles may remove old files of the changes: put a line `x {place}` into /etc/tmpfiles.d/disklessset.conf"
        ));
    }
    Ok(())
}

/// The directory to spare: what holds all work areas.
fn published_area(area: &Utf8Path, root: &Utf8Path) -> Utf8PathBuf {
    let work = area.parent().unwrap_or(area);
    let kept = if work.ends_with("var/tmp/diskless/workdir") { work.parent().unwrap_or(work) } else { work };
    Utf8Path::new("/").join(kept.strip_prefix(root).unwrap_or(kept))
}

/// Whether a file of rules keeps cleaners off a place or one above it.
fn spares(rules: &Utf8Path, area: &Utf8Path, root: &Utf8Path) -> bool {
    let spared = |line: &str| {
        let mut words = line.split_whitespace();
        words.next() == Some("x")
            && words.next().is_some_and(|path| area.starts_with(root.join(path.trim_start_matches('/'))))
    };
    let files = rules.read_dir_utf8().into_iter().flatten().flatten();
    files
        .filter(|file| file.file_name().ends_with(".conf"))
        .filter_map(|file| std::fs::read_to_string(file.path()).ok())
        .any(|text| text.lines().any(spared))
}

fn inventory(area: &Utf8Path) -> Utf8PathBuf {
    area.join("inventory/host")
}

/// One host line, as 1.x wrote it, for `ansible-playbook -i`.
fn write_inventory(places: &Places) -> Result<()> {
    let file = inventory(&places.area);
    directories::ensure(&places.area.join("inventory"), 0o755)?;
    let line = format!("{} ansible_connection=chroot\n", places.tree);
    durable::replace(&file, line.as_bytes(), 0o644)
        .map_err(|error| Error::failed(format!("cannot write {file}")).because(error.source))
}
