//! What a system without room says, told so that it helps: which file system, what is left of it, what to do.
//!
//! The errors come from everywhere: from our own calls and those of modules, which have the number of the system's error, and in the last
//! lines of tools, which run with English messages.

use crate::system::layout::Layout;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Error;
use disklessset_system::{
    free_space::{FreeSpace, nearest},
    mount_table::{Mount, mount_of},
};
use nix::errno::Errno;

/// How an explanation begins: an error that has one gets no second.
const BEGINNING: &str = "the file system ";

/// Why nothing can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Full,
    Quota,
    ReadOnly,
}

impl Trouble {
    /// By the number of the system's error where it is one of ours, by the words of a tool where the tool met it.
    fn of(error: &Error) -> Option<Self> {
        match error.errno.map(Errno::from_raw) {
            Some(Errno::ENOSPC) => return Some(Self::Full),
            Some(Errno::EDQUOT) => return Some(Self::Quota),
            Some(Errno::EROFS) => return Some(Self::ReadOnly),
            _ => {}
        }
        let said = |words: &str| texts(error).any(|text| text.contains(words));
        // tar says no more than that where a part of what it wrote last had room.
        let short = texts(error).any(|text| text.contains(": Wrote only ") && text.ends_with(" bytes"));
        let full = ["No space left on device", "enough free space", "more space needed on the"];
        if short || full.into_iter().any(said) {
            Some(Self::Full)
        } else if said("Disk quota exceeded") {
            Some(Self::Quota)
        } else if said("Read-only file system") {
            Some(Self::ReadOnly)
        } else {
            None
        }
    }
}

/// What the places of an action lie on.
struct Disk {
    space: FreeSpace,
    mount: Mount,
}

impl Disk {
    fn at(place: &Utf8Path) -> Option<Self> {
        Some(Self { space: FreeSpace::at(place).ok()?, mount: mount_of(nearest(place)).ok()?? })
    }
}

fn texts(error: &Error) -> impl Iterator<Item = &str> {
    std::iter::once(&error.message).chain(&error.causes).map(String::as_str)
}

/// Adds to an error for want of room which file system it is, as a cause, and what to do, where it has no advice yet. `places` are those
/// the action wrote to. Best asked before anything is taken back.
pub fn explained(error: Error, layout: &Layout, places: &[Utf8PathBuf]) -> Error {
    let told = error.causes.iter().any(|cause| cause.starts_with(BEGINNING));
    let Some(trouble) = Trouble::of(&error).filter(|_| !told) else { return error };
    let Some((place, disk)) = culprit(&error, trouble, layout, places) else { return error };
    let advice = advice(trouble, &disk.mount, setting(layout, &place));
    let error = error.because(line(trouble, &disk, &place));
    match error.hint {
        Some(_) => error,
        None => error.hint(advice),
    }
}

/// The place that could not be written to: one that the error names, else the one with the least room.
fn culprit(
    error: &Error,
    trouble: Trouble,
    layout: &Layout,
    places: &[Utf8PathBuf],
) -> Option<(Utf8PathBuf, Disk)> {
    let own = settings(layout).map(|(_, place)| place);
    let named = |place: &&Utf8PathBuf| texts(error).any(|text| text.contains(place.as_str()));
    // The longest says most.
    let longest = own.iter().chain(places).filter(named).max_by_key(|place| place.as_str().len());
    if let Some(place) = longest {
        return Disk::at(place).map(|disk| (place.clone(), disk));
    }
    let disks = places.iter().chain(&own).filter_map(|place| Some((place.clone(), Disk::at(place)?)));
    let suspects = disks.filter(|(_, disk)| match trouble {
        Trouble::ReadOnly => disk.space.read_only,
        Trouble::Full | Trouble::Quota => disk.space.total > 0 && !disk.space.read_only,
    });
    suspects.min_by_key(|(_, disk)| (!disk.space.is_out_of_files(), disk.space.free))
}

fn line(trouble: Trouble, disk: &Disk, place: &Utf8Path) -> String {
    let Disk { space, mount } = disk;
    let which = format!("{BEGINNING}{} ({}), which holds {place},", mount.target, mount.kind);
    match trouble {
        Trouble::ReadOnly => format!("{which} is mounted read-only"),
        Trouble::Quota => format!("{which} has a quota that is used up: {space} free"),
        Trouble::Full => match space.files {
            Some(0) => {
                format!("{which} can hold no more files: all of {} inodes are in use", space.total_files)
            }
            _ if space.is_full() => format!("{which} is full: {space} free"),
            // What ran out of room has taken away what it wrote.
            _ => format!("{which} had no room left: {space} free now"),
        },
    }
}

fn advice(trouble: Trouble, mount: &Mount, setting: Option<&str>) -> String {
    let elsewhere = setting.map_or_else(String::new, |key| {
        format!(", or set {key} in diskless_parameters.yml to a directory on another file system")
    });
    match trouble {
        Trouble::Full => format!("make room in {}{elsewhere}", mount.target),
        Trouble::Quota => format!("make room, or raise the quota, in {}{elsewhere}", mount.target),
        Trouble::ReadOnly => format!(
            "after errors of a disk the kernel lets nothing be written any more: look into `dmesg`; else mount -o remount,rw {}",
            mount.target
        ),
    }
}

/// The key of the configuration that decides about a place.
fn setting(layout: &Layout, place: &Utf8Path) -> Option<&'static str> {
    let mut settings = settings(layout);
    settings.sort_by_key(|(_, directory)| std::cmp::Reverse(directory.as_str().len()));
    settings.into_iter().find(|(_, directory)| place.starts_with(directory)).map(|(key, _)| key)
}

fn settings(layout: &Layout) -> [(&'static str, Utf8PathBuf); 7] {
    [
        ("images_directory", layout.images_dir()),
        ("kernels_directory", layout.kernels_dir()),
        ("work_directory", layout.workdir()),
        ("state_directory", layout.state_dir()),
        ("logs_directory", layout.logs_dir()),
        ("nfs_staging_directory", layout.nfs_staging_dir()),
        ("nfs_golden_directory", layout.nfs_golden_dir()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout::builder().root("/nowhere-at-all").build().unwrap()
    }

    #[test]
    fn an_error_of_the_system_is_known_by_its_number_whatever_its_words() {
        let of = |number: i32| Trouble::of(&Error::failed("kein Platz").errno(Some(number)));
        assert_eq!((of(28), of(122)), (Some(Trouble::Full), Some(Trouble::Quota)));
        assert_eq!((of(30), of(2)), (Some(Trouble::ReadOnly), None));
    }

    #[test]
    fn words_of_the_system_and_of_tools_are_known() {
        let of = |text: &str| Trouble::of(&Error::failed("mksquashfs failed").because(text));
        assert_eq!(of("No space left on device (os error 28)"), Some(Trouble::Full));
        assert_eq!(of("| At least 210MB more space needed on the / filesystem."), Some(Trouble::Full));
        assert_eq!(
            of("| E: You don't have enough free space in /var/cache/apt/archives/."),
            Some(Trouble::Full)
        );
        assert_eq!(of("| /usr/bin/tar: ./srv/noise: Wrote only 7168 of 10240 bytes"), Some(Trouble::Full));
        assert_eq!(of("Disk quota exceeded (os error 122)"), Some(Trouble::Quota));
        assert_eq!(of("Read-only file system (os error 30)"), Some(Trouble::ReadOnly));
        assert_eq!(of("Input/output error (os error 5)"), None);
    }

    #[test]
    fn the_file_system_of_the_place_that_is_named_is_told_with_what_to_do() {
        let layout = layout();
        let file = layout.workdir().join("web/tree/etc/motd");
        let error =
            Error::failed(format!("cannot write {file}")).because("No space left on device (os error 28)");
        let error = explained(error, &layout, &["/proc".into()]);
        let why = error.causes.last().unwrap();
        assert!(why.starts_with("the file system / ("), "{why}");
        assert!(why.contains(&format!("which holds {}", layout.workdir())), "{why}");
        assert!(error.hint.as_deref().unwrap().contains("work_directory"), "{error:?}");
        let again = explained(error.clone(), &layout, &[]);
        assert_eq!(again.causes, error.causes);
    }

    #[test]
    fn advice_that_is_there_stays_and_other_errors_are_left_alone() {
        let error = Error::failed("x").because("Read-only file system").hint("do this");
        assert_eq!(explained(error, &layout(), &[]).hint.as_deref(), Some("do this"));
        let error = explained(Error::failed("x").because("y"), &layout(), &[]);
        assert_eq!((error.causes.len(), error.hint), (1, None));
    }
}
