//! Who keeps a mount busy.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::mount_table;
use camino::Utf8Path;

/// A process that is in the way, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusyProcess {
    /// Its number.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
    /// What it does with the place: `works in it`.
    pub how: &'static str,
}

impl std::fmt::Display for BusyProcess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "pid {} ({}) {}", self.pid, self.name, self.how)
    }
}

/// The processes that have their working directory, root, program or an open file at or below `path`. Best effort:
/// other users' processes can be seen by root only, and any may come or go meanwhile.
pub fn processes_in(path: &Utf8Path) -> Vec<BusyProcess> {
    let path = mount_table::real(path);
    let place = WatchedPath { path: path.as_std_path(), device: own_device(&path) };
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut found: Vec<BusyProcess> = pids
        .filter_map(|pid| {
            let process = PathBuf::from(format!("/proc/{pid}"));
            let how = place.use_by(&process)?;
            let name = std::fs::read(process.join("comm")).unwrap_or_default();
            let name: String =
                String::from_utf8_lossy(&name).trim_end().chars().filter(|c| !c.is_control()).collect();
            Some(BusyProcess { pid, name, how })
        })
        .collect();
    found.sort_by_key(|process| process.pid);
    found
}

struct WatchedPath<'a> {
    path: &'a Path,
    /// Its file system, when it is not the one around it: finds users in other mount namespaces too.
    device: Option<u64>,
}

impl WatchedPath<'_> {
    fn use_by(&self, process: &Path) -> Option<&'static str> {
        for (link, how) in [("cwd", "works in it"), ("root", "has it as its root"), ("exe", "runs from it")] {
            if self.has(&process.join(link)) {
                return Some(how);
            }
        }
        let mut files = std::fs::read_dir(process.join("fd")).ok()?.flatten();
        if files.any(|file| self.has(&file.path())) {
            return Some("has a file open in it");
        }
        let maps = std::fs::read_to_string(process.join("maps")).ok()?;
        let mapped =
            |line: &str| line.find('/').is_some_and(|at| Path::new(&line[at..]).starts_with(self.path));
        maps.lines().any(mapped).then_some("has a file of it mapped")
    }

    fn has(&self, link: &Path) -> bool {
        let below = std::fs::read_link(link).is_ok_and(|target| target.starts_with(self.path));
        below
            || self
                .device
                .is_some_and(|device| std::fs::metadata(link).is_ok_and(|metadata| metadata.dev() == device))
    }
}

fn own_device(path: &Utf8Path) -> Option<u64> {
    let inside = std::fs::metadata(path).ok()?.dev();
    let around = std::fs::metadata(path.parent()?).ok()?.dev();
    (inside != around).then_some(inside)
}
