//! Room on file systems: what a work needs, what there is, and one clear line before anything is written when it does not fit.
//!
//! What is certain is refused, what is an estimate is only warned of. Everything here errs on the side of letting the work begin: a
//! measure is never more than a copy takes, and the room never less than there is. Work that runs out of room fails cleanly.

mod fits;
mod measure;
mod speed;

pub use measure::{Need, tree_need};
pub use speed::time_to_write;

use crate::file_error;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Host, Paths, Result};
use disklessset_system::{bytes::Bytes, free_space::FreeSpace};

/// What an installation of packages takes at the very least, in bytes: the smallest base system is more.
pub const LEAST_SYSTEM: u64 = 100 << 20;
/// What mounting an overlay and writing a few small files takes, in bytes, and what file systems say they have and do not give.
pub const LEAST_WORK: u64 = 2 << 20;

/// What is left at a place; where it is not there, what the nearest directory above it has left.
///
/// # Errors
/// What the system refuses.
pub fn free_space(place: &Utf8Path) -> Result<FreeSpace> {
    FreeSpace::at(place).map_err(file_error::into_api_error)
}

/// How sure a need is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sure {
    Certain,
    Estimate,
}

#[derive(Debug, Clone)]
struct Demand {
    place: Utf8PathBuf,
    need: Need,
    sure: Sure,
}

/// What a work is going to write where.
#[derive(Debug, Clone)]
#[must_use = "nothing is looked at before `check`"]
pub struct Plan {
    /// The work, as the beginning of a sentence: `making image web`.
    work: String,
    demands: Vec<Demand>,
}

impl Plan {
    /// A work that writes nothing yet. `work` reads as the beginning of a sentence: `unmounting image web`.
    pub fn of(work: impl Into<String>) -> Self {
        Self { work: work.into(), demands: Vec::new() }
    }

    /// It writes at least so much below `place`, which need not be there.
    pub fn certainly(self, place: &Utf8Path, need: Need) -> Self {
        self.with(place, need, Sure::Certain)
    }

    /// It writes about so much below `place`, maybe more, maybe less.
    pub fn about(self, place: &Utf8Path, need: Need) -> Self {
        self.with(place, need, Sure::Estimate)
    }

    /// It copies a tree that takes so much: certain, but for file systems that compress.
    pub fn copies(self, place: &Utf8Path, need: Need) -> Result<Self> {
        let sure = if fits::may_compress(&free_space(place)?) { Sure::Estimate } else { Sure::Certain };
        Ok(self.with(place, need, sure))
    }

    fn with(mut self, place: &Utf8Path, need: Need, sure: Sure) -> Self {
        self.demands.push(Demand { place: place.to_owned(), need, sure });
        self
    }

    /// Compares what is needed with what there is, file system by file system.
    ///
    /// # Errors
    /// A refusal when what is certain does not fit. What is only estimated is warned of.
    pub fn check(&self, host: &Host<'_>) -> Result<()> {
        let mut seen = Vec::new();
        for demand in &self.demands {
            let space = free_space(&demand.place)?;
            if seen.contains(&space.device) {
                continue;
            }
            seen.push(space.device);
            let (mut certain, mut all) = (Need::default(), Need::default());
            for other in &self.demands {
                if free_space(&other.place)?.device == space.device {
                    all += other.need;
                    if other.sure == Sure::Certain {
                        certain += other.need;
                    }
                }
            }
            if !fits::holds(&space, certain) {
                let setting = setting(&demand.place, &host.paths()?);
                return Err(refusal(&self.work, "at least", &demand.place, certain, &space, setting));
            }
            if !fits::holds(&space, all) {
                host.warn(line(&self.work, "about", &demand.place, all, &space));
            }
        }
        Ok(())
    }
}

fn line(work: &str, how: &str, place: &Utf8Path, need: Need, space: &FreeSpace) -> String {
    match space.files {
        Some(files) if files < need.files => {
            format!("{work} needs {how} {} inodes in {place}, {files} free", need.files)
        }
        _ => format!("{work} needs {how} {} in {place}, {} free", Bytes(need.bytes), Bytes(space.free)),
    }
}

fn refusal(
    work: &str,
    how: &str,
    place: &Utf8Path,
    need: Need,
    space: &FreeSpace,
    setting: Option<&str>,
) -> Error {
    Error::refused(line(work, how, place, need, space)).hint(advice(setting))
}

/// What to do about too little room.
fn advice(setting: Option<&str>) -> String {
    let elsewhere = setting.map_or_else(String::new, |key| {
        format!(", or set {key} in diskless_parameters.yml to a directory on another file system")
    });
    format!("make room there{elsewhere}")
}

/// The key of the configuration that decides about a place.
fn setting(place: &Utf8Path, paths: &Paths) -> Option<&'static str> {
    let all = [
        ("work_directory", &paths.work),
        ("images_directory", &paths.images),
        ("kernels_directory", &paths.kernels),
        ("nfs_staging_directory", &paths.nfs_staging),
        ("nfs_golden_directory", &paths.nfs_golden),
    ];
    all.into_iter().find(|(_, directory)| place.starts_with(directory)).map(|(key, _)| key)
}

/// Refuses copies of which not all have room, saying how many have. `each` are what they take, in their order; `what` is what they are,
/// such as `nodes`; `some` makes the advice for so many of them.
///
/// # Errors
/// That refusal; what the system refuses.
pub fn all_fit(
    each: &[Need],
    what: &str,
    place: &Utf8Path,
    some: impl FnOnce(usize) -> Option<String>,
    host: &Host<'_>,
) -> Result<()> {
    let space = free_space(place)?;
    let all = each.iter().copied().fold(Need::default(), |sum, need| sum + need);
    if fits::holds(&space, all) {
        return Ok(());
    }
    let mut sum = Need::default();
    let fitting = each.iter().take_while(|need| {
        sum += **need;
        fits::holds(&space, sum)
    });
    let fitting = fitting.count();
    let largest = each.get(fitting).copied().unwrap_or_default();
    let short = match space.files {
        Some(files) if files < all.files => format!("each takes {} inodes, {files} free", largest.files),
        _ => format!("each takes {}, {} free", Bytes(largest.bytes), Bytes(space.free)),
    };
    let line = format!("room for {fitting} of {} {what} in {place}: {short}", each.len());
    if fits::may_compress(&space) {
        host.warn(line);
        return Ok(());
    }
    let advice = advice(setting(place, &host.paths()?));
    let hint = some(fitting).map_or_else(|| advice.clone(), |some| format!("{some}; or {advice}"));
    Err(Error::refused(line).hint(hint))
}

/// Whether copies of something at `source`, made at `place` with what the file system offers, share its data and so take next to nothing.
/// To be sure of it takes trying: [`crate::trees::choose`].
///
/// # Errors
/// What the system refuses.
pub fn may_share(source: &Utf8Path, place: &Utf8Path) -> Result<bool> {
    Ok(fits::may_share(&free_space(place)?, &free_space(source)?))
}

/// What the system, dnf and apt say when there is no room.
const NO_ROOM: [&str; 5] = [
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
    "enough free space",
    "more space needed on the",
];

/// Adds to an error for want of room which file was to be written: a tool often does not say, and others name what they read. The host
/// tells of the file system from there.
pub fn writing(place: &Utf8Path) -> impl FnOnce(Error) -> Error {
    move |error| {
        let said = |words: &str| {
            std::iter::once(&error.message).chain(&error.causes).any(|text| text.contains(words))
        };
        if said(place.as_str()) || !NO_ROOM.into_iter().any(said) {
            return error;
        }
        error.because(format!("while writing {place}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::testing::TestHost;

    fn here() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    fn bytes(bytes: u64) -> Need {
        Need { bytes, files: 1 }
    }

    #[test]
    fn what_is_certain_is_refused_and_what_is_estimated_is_warned_of() {
        let test = TestHost::new();
        let host = test.host("LivenetImage");
        let (_dir, place) = here();
        let (free, place) = (free_space(&place).unwrap().free, place.join("not/yet"));
        let plan = || Plan::of("making image web");
        plan().certainly(&place, bytes(1)).about(&place, bytes(1)).check(&host).unwrap();
        assert!(test.warnings().is_empty());
        plan().certainly(&place, bytes(1)).about(&place, bytes(free * 2)).check(&host).unwrap();
        let warned = test.warnings().join("\n");
        assert!(warned.starts_with("making image web needs about ") && warned.ends_with(" free"), "{warned}");
        // Each would fit, both do not.
        let two = plan().certainly(&place, bytes(free / 10 * 7)).certainly(&place, bytes(free / 10 * 7));
        let refused = two.check(&host).unwrap_err();
        assert!(refused.to_string().starts_with("making image web needs at least "), "{refused}");
        assert!(refused.hint.unwrap().starts_with("make room there"));
    }

    #[test]
    fn how_many_copies_fit_is_told() {
        let test = TestHost::new();
        let host = test.host("NfsGoldenImage");
        let (_dir, place) = here();
        let free = free_space(&place).unwrap().free;
        all_fit(&[bytes(1); 3], "nodes", &place, |_| None, &host).unwrap();
        let three = [bytes(free / 5 * 2); 3];
        let some = |fitting: usize| Some(format!("add {fitting}"));
        if fits::may_compress(&free_space(&place).unwrap()) {
            return;
        }
        let refused = all_fit(&three, "nodes", &place, some, &host).unwrap_err();
        assert!(refused.to_string().starts_with("room for 2 of 3 nodes in "), "{refused}");
        assert!(refused.hint.unwrap().starts_with("add 2; or make room there"));
    }

    #[test]
    fn an_error_for_want_of_room_gets_the_file_that_was_written_once() {
        let writing = |error| writing("/a/b".into())(error);
        assert!(writing(Error::failed("mksquashfs failed")).causes.is_empty());
        let error = Error::failed("mksquashfs failed").because("| No space left on device");
        let error = writing(error);
        assert_eq!(error.causes[1..], ["while writing /a/b"]);
        assert_eq!(writing(error.clone()).causes, error.causes);
    }
}
