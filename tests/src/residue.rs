//! What was there before and must be there after: mounts, loop devices, processes and files of one test root.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;

use crate::facts::{self, FileFacts};
use crate::root::TestRoot;
use crate::versions;

/// The state of the world as far as one test root is concerned. Tests run side by side, so that only mounts below the
/// root, loop devices on files below it, and processes started from it are looked at.
#[derive(Debug, Clone)]
pub struct Snapshot {
    mounts: Vec<PathBuf>,
    loops: BTreeMap<String, String>,
    /// Files of loop devices that were mounted nowhere then, so that the kernel was about to let go of them.
    going: Vec<String>,
    processes: BTreeMap<i32, String>,
    files: BTreeMap<PathBuf, FileFacts>,
    /// What the blobs of versions are.
    labels: BTreeMap<String, String>,
    versions: Vec<(String, u64)>,
    root: Utf8PathBuf,
}

/// What may come and go below a root: locks are files that stay, logs tell of what happened. How files of blobs looked when they were
/// hashed is a cache, which is right or made anew.
const COMES_AND_GOES: [&str; 2] = ["run", "var/log"];

/// As long as a tool of another test may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

impl Snapshot {
    /// Looks at a root.
    pub fn of(root: &TestRoot) -> Self {
        let path = root.path().to_owned();
        let inside = |file: &Path| file.starts_with(&path);
        let read = |what: &str, cause: std::io::Error| -> ! { panic!("cannot read {what}: {cause}") };
        let mut mounts = facts::mount_points().unwrap_or_else(|cause| read("the mount table", cause));
        mounts.retain(|point| inside(point));
        let mut loops = facts::loop_devices().unwrap_or_else(|cause| read("the loop devices", cause));
        loops.retain(|_, file| inside(Path::new(file.as_str())));
        let table = std::fs::read_to_string("/proc/self/mountinfo")
            .unwrap_or_else(|cause| read("the mount table", cause));
        let is_mounted = |device: &str| table.contains(&format!(" /dev/{device} "));
        let going =
            loops.iter().filter(|(device, _)| !is_mounted(device)).map(|(_, file)| file.clone()).collect();
        let mut files = facts::files_below(&path).unwrap_or_else(|cause| read(path.as_str(), cause));
        // `var` itself is there as soon as there is a log in it.
        files.retain(|file, _| {
            let of_cache = file.parent().is_some_and(|parent| parent.ends_with("lib/diskless/blobs"));
            let of_cache = of_cache || is_begun_download(file);
            file != Path::new("var") && !of_cache && !COMES_AND_GOES.iter().any(|name| file.starts_with(name))
        });
        let labels = versions::labels(&root.oci_dir());
        Self {
            mounts,
            loops,
            going,
            processes: root.processes(),
            files,
            labels,
            versions: versions::named(&root.oci_dir()),
            root: path,
        }
    }

    /// Panics with a list of differences when the world is not as it was in this snapshot.
    #[track_caller]
    pub fn assert_same_as_now(&self, root: &TestRoot) {
        let differences = without_loop_devices(|| self.differences(&Self::of(root)));
        assert!(differences.is_empty(), "not as before below {}:\n{differences}", self.root);
    }

    /// Panics when something is mounted, attached or still running, whatever the files are.
    #[track_caller]
    pub fn assert_nothing_held(root: &TestRoot) {
        let differences = without_loop_devices(|| {
            let now = Self::of(root);
            let held =
                Self { mounts: vec![], loops: BTreeMap::new(), processes: BTreeMap::new(), ..now.clone() };
            held.differences(&now)
        });
        assert!(differences.is_empty(), "left behind below {}:\n{differences}", root.path());
    }

    /// The same without what some files hold, by their names: those that are another each time they are made. What tells of versions is
    /// another each time, too, and a blob is called by what it is.
    #[must_use]
    pub fn overlooking(mut self, names: &[&str]) -> Self {
        self.files = versions::canonical(std::mem::take(&mut self.files), &std::mem::take(&mut self.labels));
        let remade = |path: &Path| is_named(path, names) || names.iter().any(|name| is_label_of(path, name));
        for (_, facts) in self.files.iter_mut().filter(|(path, _)| remade(path)) {
            (facts.size, facts.digest) = (0, 0);
        }
        self
    }

    /// The versions there are, image and number.
    pub fn versions(&self) -> &[(String, u64)] {
        &self.versions
    }

    /// Lists what differs, one line each, empty when nothing does. Times do not count.
    pub fn differences(&self, now: &Self) -> String {
        let mut text = String::new();
        let mut line = |sign: char, what: String| {
            let _ = writeln!(text, "  {sign} {what}");
        };
        for (sign, here, there) in [('+', now, self), ('-', self, now)] {
            for point in here.mounts.iter().filter(|point| !there.mounts.contains(point)) {
                line(sign, format!("mount {}", point.display()));
            }
            // Which device it is, is chance, and so is under which name a file lay that is served as a next state by now.
            for file in more_often(&here.loops, &there.loops) {
                // The kernel lets go of what is mounted nowhere, or has no name any more, at any moment.
                if sign == '-' && (file.ends_with(" (deleted)") || self.going.contains(file)) {
                    continue;
                }
                line(sign, format!("loop device on {file}"));
            }
            for (pid, command) in here.processes.iter().filter(|pair| !there.processes.contains_key(pair.0)) {
                line(sign, format!("process {pid}: {command}"));
            }
            for (file, facts) in here.files.iter().filter(|pair| !there.files.contains_key(pair.0)) {
                line(sign, format!("{} {}", facts.kind, file.display()));
            }
        }
        for (file, before) in &self.files {
            let Some(after) = now.files.get(file) else { continue };
            if (FileFacts { changed: before.changed, ..after.clone() }) != *before {
                line('~', format!("{}: {before:?} is now {after:?}", file.display()));
            }
        }
        text
    }
}

/// Whether a file is what came of a blob until a download was killed: the next one goes on with it, and nothing else uses it.
fn is_begun_download(path: &Path) -> bool {
    let is_digest = |name: &str| name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent().is_some_and(|parent| parent.ends_with("oci/.incoming")) && name.is_some_and(is_digest)
}

/// Whether a blob is a file of this name.
fn is_label_of(path: &Path, name: &str) -> bool {
    let label = path.file_name().and_then(|label| label.to_str());
    label.is_some_and(|text| text.starts_with(&format!("{name} of ")))
}

/// Whether a file has one of these names.
pub fn is_named(path: &Path, names: &[&str]) -> bool {
    path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(&name))
}

/// The files that have more loop devices here than there.
fn more_often<'a>(here: &'a BTreeMap<String, String>, there: &BTreeMap<String, String>) -> Vec<&'a String> {
    let name = |file: &str| match file.ends_with(" (deleted)") {
        true => file.rsplit('/').next().unwrap_or_default().to_owned(),
        false => file.to_owned(),
    };
    let mut left: Vec<String> = there.values().map(|file| name(file)).collect();
    let mut more = Vec::new();
    for file in here.values() {
        match left.iter().position(|other| *other == name(file)) {
            Some(at) => drop(left.swap_remove(at)),
            None => more.push(file),
        }
    }
    more
}

/// Looks again for a while as long as loop devices are all that differs: tools of other tests run in copies of the mount
/// table, and hold what was mounted when they began until they end.
pub fn without_loop_devices(mut look: impl FnMut() -> String) -> String {
    let started = std::time::Instant::now();
    loop {
        let differences = look();
        let loops = differences.lines().all(|line| line.starts_with("  + loop device"));
        if differences.is_empty() || !loops || started.elapsed() > PATIENCE {
            return differences;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_a_changed_one_and_a_lost_one_are_named_and_logs_are_not() {
        let root = TestRoot::bare();
        let etc = root.path().join("etc");
        std::fs::create_dir(&etc).unwrap();
        std::fs::copy("/proc/self/cmdline", etc.join("changed")).unwrap();
        std::fs::copy("/proc/self/cmdline", etc.join("lost")).unwrap();
        let before = Snapshot::of(&root);
        before.assert_same_as_now(&root);
        std::fs::copy("/proc/self/status", etc.join("changed")).unwrap();
        std::fs::remove_file(etc.join("lost")).unwrap();
        std::fs::copy("/proc/self/status", etc.join("new")).unwrap();
        std::fs::create_dir_all(root.path().join("run/disklessset/locks")).unwrap();
        let differences = before.differences(&Snapshot::of(&root));
        assert!(differences.contains("+ file etc/new"), "{differences}");
        assert!(differences.contains("- file etc/lost"), "{differences}");
        assert!(differences.contains("~ etc/changed"), "{differences}");
        assert!(!differences.contains("locks"), "{differences}");
        assert_eq!(differences.lines().count(), 3, "{differences}");
    }

    #[test]
    fn a_mount_below_the_root_is_named() {
        crate::need!(crate::need::root());
        let root = TestRoot::bare();
        let point = root.path().join("mnt");
        std::fs::create_dir(&point).unwrap();
        let before = Snapshot::of(&root);
        nix::mount::mount(
            Some("none"),
            point.as_std_path(),
            Some("tmpfs"),
            nix::mount::MsFlags::empty(),
            None::<&str>,
        )
        .unwrap();
        let differences = before.differences(&Snapshot::of(&root));
        nix::mount::umount(point.as_std_path()).unwrap();
        assert!(differences.contains(&format!("+ mount {point}")), "{differences}");
        before.assert_same_as_now(&root);
    }

    #[test]
    fn a_process_started_from_the_root_is_named_even_in_a_session_of_its_own() {
        let root = TestRoot::bare();
        let before = Snapshot::of(&root);
        let sleeper = root.tool("setsid", &["sleep", "300"]).start();
        let (sleeper, differences) = sleeper
            .wait_until(|| Some(before.differences(&Snapshot::of(&root))).filter(|d| d.contains("sleep")));
        assert!(differences.contains("+ process"), "{differences}");
        sleeper.kill_nine();
        root.end_processes();
        before.assert_same_as_now(&root);
    }
}
