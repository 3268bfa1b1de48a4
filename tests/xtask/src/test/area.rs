//! The one directory that a test run writes to, and what is left of it.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::{facts, kill_table, need, place, root, run};
use nix::sys::statvfs::statvfs;

use super::disk;
use crate::failure::{self, Failure};

/// What a run may need at its largest: a few OS trees, their images, and a build.
const NEEDED_GIB: u64 = 6;

/// The directory of a run.
#[derive(Debug)]
pub(crate) struct Area {
    /// What is made for the run, with the file of its disk.
    base: Utf8PathBuf,
    dir: Utf8PathBuf,
    /// What processes of the run are marked with.
    marks: [String; 2],
}

impl Area {
    /// Makes it, below the build directory or, when that is no place for all tests, elsewhere. What a run
    /// that was killed has left goes first. `mark` is what the task's own programs are marked with.
    pub(crate) fn open(build_dir: &Utf8Path, mark: &str) -> Result<Self, Failure> {
        std::fs::create_dir_all(build_dir).map_err(failure::file("make", build_dir))?;
        let base = place::for_test_run(build_dir, &std::process::id().to_string());
        let parent = base.parent().unwrap_or(build_dir);
        std::fs::create_dir_all(parent).map_err(failure::file("make", parent))?;
        sweep(parent);
        for dir in [build_dir, parent] {
            enough_space(dir)?;
        }
        place::make_dir(&base).map_err(failure::file("make", &base))?;
        let dir = disk::mount(&base)?;
        let marks = [format!("{dir}/"), mark.to_owned()];
        let area = Self { base, dir, marks };
        for dir in [area.skips(), area.tmp()] {
            place::make_dir(&dir).map_err(failure::file("make", &dir))?;
        }
        let for_all = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
        std::fs::set_permissions(area.tmp(), for_all).map_err(failure::file("open to all", &area.tmp()))?;
        Ok(area)
    }

    /// Where all of it lies.
    pub(crate) fn dir(&self) -> &Utf8Path {
        &self.dir
    }

    /// The notes of tests that did not run.
    pub(crate) fn skips(&self) -> Utf8PathBuf {
        self.dir.join("skips")
    }

    /// What tests that kill the program have to tell of it.
    pub(crate) fn kill_table(&self) -> Utf8PathBuf {
        self.dir.join("kill-table")
    }

    fn tmp(&self) -> Utf8PathBuf {
        self.dir.join("tmp")
    }

    /// What every test gets told of it.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            (need::SKIPS, self.skips().into()),
            (kill_table::FILE, self.kill_table().into()),
            (root::RUN_DIR, self.dir.clone().into()),
            ("TMPDIR", self.tmp().into()),
        ]
    }

    /// What a step has left in it that goes on by itself: one line each. Processes are ended, so that the next step is
    /// not blamed for them.
    pub(crate) fn left_behind(&self) -> Vec<String> {
        let mut left = Vec::new();
        for mark in &self.marks {
            let processes = facts::processes_with(run::MARK, mark).unwrap_or_default();
            left.extend(processes.iter().map(|(pid, line)| format!("process {pid} still runs: {line}")));
            run::end_marked(mark);
        }
        let mounts = facts::mount_points().unwrap_or_default();
        let mounts = mounts.iter().filter(|point| point.starts_with(&self.dir) && **point != self.dir);
        left.extend(mounts.map(|point| format!("still mounted: {}", point.display())));
        let loops = facts::loop_devices().unwrap_or_default();
        let loops = loops.iter().filter(|(_, file)| Utf8Path::new(file).starts_with(&self.dir));
        left.extend(loops.map(|(device, file)| format!("loop device {device} is still on {file}")));
        left
    }

    /// Removes it, whatever is in it, and says what should not have been.
    pub(crate) fn close(self) -> Vec<String> {
        let mut left = self.left_behind();
        if let Err(cause) = place::remove_with_mounts(&self.base) {
            left.push(format!("cannot remove {}: {cause}", self.base));
        }
        // The parent itself, unless another run is in it; /var/tmp is never ours.
        let _ = self.base.parent().filter(|dir| *dir != "/var/tmp").map(std::fs::remove_dir);
        left
    }
}

/// Removes the directories of runs whose process is gone: their names are process ids.
fn sweep(parent: &Utf8Path) {
    for entry in parent.read_dir_utf8().into_iter().flatten().flatten() {
        let pid = entry.file_name().trim_start_matches("disklessset-test-run-");
        let ours = parent != "/var/tmp" || pid != entry.file_name();
        if ours && pid.parse::<u32>().is_ok() && !Utf8Path::new("/proc").join(pid).exists() {
            // What cannot be removed now is in nobody's way.
            let _ = place::remove_with_mounts(entry.path());
        }
    }
}

fn enough_space(dir: &Utf8Path) -> Result<(), Failure> {
    let cannot = |cause: nix::Error| Failure::File {
        act: "look at the file system of",
        path: dir.to_owned(),
        cause: cause.into(),
    };
    let system = statvfs(dir.as_std_path()).map_err(cannot)?;
    let free = system.blocks_available() * system.fragment_size() / (1 << 30);
    if free >= NEEDED_GIB {
        return Ok(());
    }
    Err(Failure::Plain(format!("{dir} has {free} GiB free; a test run needs {NEEDED_GIB}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build_dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let place = if nix::unistd::geteuid().is_root() { "/var/lib" } else { "/var/tmp" };
        let temp = tempfile::tempdir_in(place).unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().to_owned();
        (temp, dir)
    }

    #[test]
    fn nothing_is_left_of_a_run_and_dead_runs_are_swept_away() {
        disklessset_tests::need!(need::root());
        let (_temp, build) = build_dir();
        let dead = build.join("test-run/4194999"); // above the largest pid
        std::fs::create_dir_all(dead.join("t-x")).unwrap();
        std::fs::create_dir_all(build.join("test-run/kept")).unwrap();
        let area = Area::open(&build, "no such mark").unwrap();
        assert!(!dead.exists());
        assert!(area.tmp().is_dir());
        assert_eq!(area.close(), [] as [String; 0]);
        let names: Vec<_> = build.join("test-run").read_dir_utf8().unwrap().flatten().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(names[0].file_name(), "kept");
    }

    #[test]
    fn too_little_room_is_said() {
        // /proc has no blocks at all.
        let refusal = enough_space("/proc".into()).unwrap_err().to_string();
        assert_eq!(refusal, "/proc has 0 GiB free; a test run needs 6");
    }

    #[test]
    fn a_process_that_a_test_left_is_named_and_ended() {
        let (_temp, build) = build_dir();
        let area = Area::open(&build, "no such mark").unwrap();
        let mark = format!("{}/t-1/", area.dir);
        let sleeper = run::Program::new("sleep", &area.tmp(), &mark).args(["273"]).start();
        let (sleeper, _) = sleeper
            .wait_until(|| facts::processes_with(run::MARK, &mark).ok().filter(|found| !found.is_empty()));
        let left = area.left_behind();
        assert!(left.iter().any(|line| line.contains("sleep 273")), "{left:?}");
        let _ = sleeper.wait(); // or it stays as a zombie of this test
        assert_eq!(area.close(), [] as [String; 0]);
    }
}
