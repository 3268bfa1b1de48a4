//! Units of systemd that mount overlays again after a reboot: one file each in `/etc/systemd/system`, of a name that follows
//! from the mount point, and the link that has it wanted at boot.
//!
//! The link is made here and not by `systemctl enable`: it is the same link, and is there below another root, too, and where
//! systemd does not run. A running systemd is told once an action is over, not for each of a thousand nodes.

pub(crate) mod overlay;

mod escape;
mod text;

use crate::system::{
    FileError, atomic_file,
    command::{Isolation, Tool},
    failpoint::failpoint,
    files,
    flush::Together,
    layout::Layout,
    own_directory,
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::PersistentOverlay;
use std::time::Duration;
use text::{MARK, MountUnit, WANTED_BY};

/// Where the units of the administrator are, links of theirs included.
const UNITS: &str = "/etc/systemd/system";
/// There while systemd runs (`sd_booted(3)`).
const RUNNING: &str = "/run/systemd/system";
/// More is no unit of ours.
const MOST_BYTES: u64 = 64 * 1024;

/// Why a unit cannot be written or removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnitError {
    /// The path would mean something else in a unit or in mount options.
    #[error(
        "{path:?} cannot stand in a unit of systemd: overlays need plain paths, letters, digits and /._-+@~"
    )]
    Path {
        /// The path.
        path: Utf8PathBuf,
    },
    /// No file can have the name.
    #[error("{path} is too long for the name of a unit of systemd")]
    TooLong {
        /// The mount point.
        path: Utf8PathBuf,
    },
    /// systemd mounts at real paths only.
    #[error("{path} lies behind a link, where systemd mounts nothing: its real path is {real}")]
    Link {
        /// The mount point.
        path: Utf8PathBuf,
        /// Without links.
        real: Utf8PathBuf,
    },
    /// Somebody wrote a unit for the same place.
    #[error("{file} already exists and was not written by disklessset")]
    Foreign {
        /// The unit.
        file: Utf8PathBuf,
    },
    /// The file cannot be written or removed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The unit of a mount point and the link that enables it.
struct UnitFiles {
    file: Utf8PathBuf,
    link: Utf8PathBuf,
    name: String,
}

impl UnitFiles {
    fn of(layout: &Layout, target: &Utf8Path) -> Result<Self, UnitError> {
        let too_long = || UnitError::TooLong { path: target.to_owned() };
        let name = escape::mount_unit(&layout.published(target)).ok_or_else(too_long)?;
        let units = layout.inside(UNITS.into());
        let link = units.join(format!("{WANTED_BY}.wants")).join(&name);
        Ok(Self { file: units.join(&name), link, name })
    }

    /// Whether the file is one of ours, or not there.
    fn ours(&self) -> Result<bool, UnitError> {
        match atomic_file::read_bounded(&self.file, MOST_BYTES) {
            Ok(bytes) => Ok(bytes.starts_with(MARK.as_bytes())),
            Err(error) if error.is_not_found() => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// A unit that is to be written.
struct Planned {
    place: UnitFiles,
    text: String,
    aim: String,
}

/// Looks whether an overlay can have a unit.
fn plan(layout: &Layout, overlay: &PersistentOverlay) -> Result<Planned, UnitError> {
    let unit = MountUnit::new(&PersistentOverlay {
        lower: layout.published(&overlay.lower),
        upper: layout.published(&overlay.upper),
        work: layout.published(&overlay.work),
        target: layout.published(&overlay.target),
    })?;
    if layout.is_system_root() {
        must_be_real(unit.target())?;
    }
    let place = UnitFiles::of(layout, &overlay.target)?;
    if !place.ours()? {
        return Err(UnitError::Foreign { file: place.file });
    }
    let aim = format!("../{}", place.name);
    Ok(Planned { place, text: unit.to_string(), aim })
}

/// Has the system mount overlays again when it boots. Those that are written already are fine. Gives back how many of them, from the first
/// on, can be relied on; they have their flushes in common.
/// `warn` hears of what another user had put in the way.
///
/// # Errors
/// With fewer than all, why: the overlay cannot stand in a unit, a unit of others is in its place, or a file cannot be written.
pub(crate) fn put_all(
    layout: &Layout,
    overlays: &[&PersistentOverlay],
    warn: &dyn Fn(&str),
) -> (usize, Result<(), UnitError>) {
    let mut planned = Vec::new();
    let mut outcome = Ok(());
    for overlay in overlays {
        match plan(layout, overlay) {
            Ok(unit) => planned.push(unit),
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    match write(layout, &planned, warn) {
        Ok(()) => (planned.len(), outcome),
        Err(error) => (0, Err(error.into())),
    }
}

fn write(layout: &Layout, units: &[Planned], warn: &dyn Fn(&str)) -> Result<(), FileError> {
    let Some(UnitFiles { file, link, .. }) = units.first().map(|unit| &unit.place) else { return Ok(()) };
    let (directory, wants) = (file.parent().unwrap_or(file), link.parent().unwrap_or(link));
    let others = Together::default();
    let files: Vec<&Utf8Path> = units.iter().map(|unit| unit.place.file.as_path()).collect();
    files::sweep_temporaries_of(directory, &files, &others)?;
    let is_written = |unit: &Planned| {
        atomic_file::read_bounded(&unit.place.file, MOST_BYTES).is_ok_and(|is| is == unit.text.as_bytes())
    };
    let new: Vec<(&Utf8Path, &[u8])> = units
        .iter()
        .filter(|unit| !is_written(unit))
        .map(|unit| (unit.place.file.as_path(), unit.text.as_bytes()))
        .collect();
    if !new.is_empty() {
        let made = own_directory::make_usable(wants, layout.trusted_from(), 0o755)
            .map_err(|error| error.into_file_error("rely on", wants))?;
        made.iter().for_each(|moved| warn(&moved.to_string()));
        atomic_file::replace_together(&new, 0o644, &others)?;
    }
    for Planned { place, aim, .. } in units {
        if place.link.read_link_utf8().is_ok_and(|found| found == aim.as_str()) {
            continue;
        }
        files::remove_file_together(&place.link, &others)?;
        std::os::unix::fs::symlink(aim, &place.link).map_err(FileError::of("link", &place.link))?;
        failpoint!("unit: its link made", place.link);
        others.add(wants);
    }
    others.flush()
}

/// A link on the way stops systemd, and only at the next boot.
fn must_be_real(target: &Utf8Path) -> Result<(), UnitError> {
    let real = target.canonicalize_utf8().map_err(FileError::of("inspect", target))?;
    if real == target { Ok(()) } else { Err(UnitError::Link { path: target.to_owned(), real }) }
}

/// Has the system mount nothing at these places any more; units that others wrote stay, and those that are not there are fine.
///
/// # Errors
/// When a file cannot be removed.
pub(crate) fn take_all<'t>(
    layout: &Layout,
    targets: impl IntoIterator<Item = &'t Utf8Path>,
) -> Result<(), UnitError> {
    let others = Together::default();
    let mut places = Vec::new();
    for target in targets {
        match UnitFiles::of(layout, target) {
            // There cannot have been one.
            Err(UnitError::TooLong { .. }) => {}
            place => places.push(place?),
        }
    }
    let files: Vec<&Utf8Path> = places.iter().map(|place| place.file.as_path()).collect();
    if let Some(directory) = files.first().and_then(|file| file.parent()) {
        files::sweep_temporaries_of(directory, &files, &others)?;
    }
    for place in &places {
        if place.ours()? {
            files::remove_file_together(&place.link, &others)?;
            files::remove_file_together(&place.file, &others)?;
        }
    }
    Ok(others.flush()?)
}

/// Whether a unit of ours is there for a place, or a part of one.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn is_there(layout: &Layout, target: &Utf8Path) -> Result<bool, UnitError> {
    let place = match UnitFiles::of(layout, target) {
        Err(UnitError::TooLong { .. }) => return Ok(false),
        place => place?,
    };
    let some = |path: &Utf8Path| path.symlink_metadata().is_ok();
    Ok(place.ours()? && (some(&place.file) || some(&place.link)))
}

/// Tells a running systemd of units that came or went. A failure is only told: the files are right for the next boot.
pub(crate) fn reload(layout: &Layout, warn: &dyn Fn(&str)) {
    if !layout.is_system_root() || !Utf8Path::new(RUNNING).is_dir() {
        return;
    }
    let tool = Tool::new("systemctl").arg("daemon-reload").isolation(Isolation::None);
    if let Err(error) = tool.time_limit(Duration::from_secs(60)).despite_signals().run() {
        warn(&format!("systemd could not be told of new units, `systemctl daemon-reload` does it: {error}"));
    }
}

#[cfg(test)]
mod tests;
