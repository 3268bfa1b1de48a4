//! The world of a place: its files, what is mounted, and the processes of its actors.

use std::collections::BTreeMap;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::place::Rooms;
use super::values::{KERNEL, OTHER_KERNEL};
use disklessset_core::integrity::Digest;
use disklessset_core::system::mounts;

/// How long the processes of an actor that was killed may take to follow it.
const PATIENCE: Duration = Duration::from_secs(5);
/// What comes and goes: locks are files that stay, logs tell of what happened.
const COMES_AND_GOES: [&str; 2] = ["root/run", "root/var/log"];
/// The register of creations; nobody being at it, it says nothing.
const REGISTER: &str = "root/var/lib/diskless/installations.yml";
/// Larger files are known by size and time alone, in bytes.
const READ_UP_TO: u64 = 16 * 1024 * 1024;
/// What the facts of directories and of symbolic links begin with.
const DIRECTORY: &str = "directory";
const LINK: &str = "link";
/// So many differences are named.
const NAMED: usize = 3;

/// The world at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RootSnapshot {
    files: BTreeMap<Utf8PathBuf, String>,
    /// By the kernel's number: directories of others, with mounts of theirs below, may be renamed at any time.
    mounts: BTreeMap<u64, Utf8PathBuf>,
}

/// Whose mounts the actors see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mounts {
    /// Those of a namespace of their own.
    Own,
    /// Everybody's: of these only what is below the place can be theirs.
    Shared,
}

impl RootSnapshot {
    /// The world now.
    pub(super) fn now(base: &Utf8Path, whose: Mounts) -> Self {
        let rooms = Rooms::of(base);
        let mut files = BTreeMap::new();
        let temporary = rooms.temporary().map(|(room, _)| room);
        for room in [rooms.root()].into_iter().chain(temporary) {
            walk(base, &room, &mut files);
        }
        let mounts = mounts::mounts().unwrap_or_default().into_iter();
        let mounts = mounts.filter(|mount| whose == Mounts::Own || mount.target.starts_with(base));
        let mounts = mounts.map(|mount| (mount.id, mount.target)).collect();
        Self { files, mounts }
    }

    /// What differs from this world now, in one line; `None` when nothing does.
    pub(super) fn difference(&self, now: &Self) -> Option<String> {
        let mut found = Vec::new();
        found.extend(self.new_mounts(now).map(|mount| format!("{mount} is mounted")));
        for (file, facts) in &now.files {
            match self.files.get(file) {
                None if self.is_new_below_new(file, now) => {}
                None => {
                    let within = now.first_file_below(file);
                    found.push(format!("{} {} is there{within}", kind(facts), published_name(file)));
                }
                Some(before) if before != facts => {
                    found.push(format!("{} {} {}", kind(facts), published_name(file), change(before, facts)));
                }
                Some(_) => {}
            }
        }
        let gone = self.files.iter().filter(|(file, _)| !now.files.contains_key(*file));
        let tops = gone.filter(|(file, _)| {
            file.parent().is_none_or(|above| now.files.contains_key(above) || !self.files.contains_key(above))
        });
        found.extend(tops.map(|(file, facts)| {
            format!("{} {} is gone{}", kind(facts), published_name(file), self.first_file_below(file))
        }));
        if found.is_empty() {
            return None;
        }
        let more = found.len().saturating_sub(NAMED);
        found.truncate(NAMED);
        let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(found.join(", ") + &rest)
    }

    /// The first of what lies in a directory and is none itself, for a sentence about the directory;
    /// nothing when there is none.
    fn first_file_below(&self, directory: &Utf8Path) -> String {
        let below = self.files.range(directory.to_owned()..).skip(1);
        let mut below = below.take_while(|(file, _)| file.starts_with(directory));
        let file = below.find(|(_, facts)| kind(facts) != DIRECTORY);
        file.map_or_else(String::new, |(file, facts)| {
            format!(", with {} {}", kind(facts), published_name(file))
        })
    }

    fn is_new_below_new(&self, file: &Utf8Path, now: &Self) -> bool {
        file.parent().is_some_and(|above| now.files.contains_key(above) && !self.files.contains_key(above))
    }

    /// The mounts that were not there before.
    pub(super) fn new_mounts<'w>(&'w self, now: &'w Self) -> impl Iterator<Item = &'w Utf8PathBuf> {
        now.mounts.iter().filter(|(id, _)| !self.mounts.contains_key(id)).map(|(_, target)| target)
    }
}

/// A path as the root has it: without the place around it.
fn published_name(file: &Utf8Path) -> String {
    match file.strip_prefix("root") {
        Ok(inside) => format!("/{inside}"),
        Err(_) => format!("/{}", file.as_str().replacen("var-tmp", "var/tmp", 1)),
    }
}

fn kind(facts: &str) -> &str {
    facts.split(' ').next().unwrap_or_default()
}

/// What is another than it was, for a sentence about the file.
fn change(before: &str, now: &str) -> String {
    let split = |facts: &str| facts.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (was, is) = (split(before), split(now));
    if kind(before) != kind(now) {
        return format!("was a {}", kind(before));
    }
    if kind(now) == LINK {
        return "leads elsewhere".to_owned();
    }
    match (was.as_slice(), is.as_slice()) {
        ([_, mode, ..], [_, now, ..]) if mode != now => format!("has mode {now}, and had {mode}"),
        ([_, _, user, group, ..], [_, _, now, its_group, ..]) if (user, group) != (now, its_group) => {
            format!("belongs to {now}:{its_group}, and belonged to {user}:{group}")
        }
        _ => "has other content".to_owned(),
    }
}

fn walk(base: &Utf8Path, directory: &Utf8Path, files: &mut BTreeMap<Utf8PathBuf, String>) {
    let Ok(entries) = directory.as_std_path().read_dir() else { return };
    for entry in entries.flatten() {
        let path = Utf8PathBuf::from(entry.path().to_string_lossy().into_owned());
        let Ok(name) = path.strip_prefix(base) else { continue };
        let ignored = COMES_AND_GOES.iter().any(|place| name == *place);
        let Ok(seen) = entry.metadata() else { continue };
        if ignored || (name == REGISTER && says_nothing(&path)) || is_new_kernel(name) {
            continue;
        }
        files.insert(name.to_owned(), facts_of(&path, &seen));
        // What is mounted has its own line.
        let crosses = directory.symlink_metadata().is_ok_and(|above| above.dev() != seen.dev());
        if seen.is_dir() && !crosses {
            walk(base, &path, files);
        }
    }
}

/// Whether this is of a kernel that an image brought: that stays when the image goes, for other images. Those that the check put
/// there have its name.
fn is_new_kernel(name: &Utf8Path) -> bool {
    let file = name.file_name().unwrap_or_default();
    let version = match name.parent().and_then(Utf8Path::file_name) {
        Some("kernel-modules") => Some(file).filter(|file| !file.starts_with('.')),
        Some("kernels") => {
            ["vmlinuz-", "initramfs-kernel-", "SHA256SUMS-"].iter().find_map(|start| file.strip_prefix(start))
        }
        _ => None,
    };
    version.is_some_and(|version| ![KERNEL, OTHER_KERNEL].contains(&version))
}

fn says_nothing(register: &Utf8Path) -> bool {
    std::fs::read_to_string(register).is_ok_and(|text| ["", "{}"].contains(&text.trim()))
}

fn facts_of(path: &Utf8Path, seen: &std::fs::Metadata) -> String {
    let owner = format!("{:o} {} {}", seen.mode() & 0o7777, seen.uid(), seen.gid());
    let file_type = seen.file_type();
    if file_type.is_dir() {
        return format!("{DIRECTORY} {owner}");
    }
    if file_type.is_symlink() {
        let target = std::fs::read_link(path).map(|target| target.to_string_lossy().into_owned());
        return format!("{LINK} {}", target.unwrap_or_default());
    }
    if file_type.is_file() {
        let content = match seen.size() {
            size if size > READ_UP_TO => format!("{size} {} {}", seen.mtime(), seen.mtime_nsec()),
            _ => Digest::of_file(path).map_or_else(|_| String::new(), |digest| digest.to_string()),
        };
        return format!("file {owner} {content}");
    }
    let what = if file_type.is_fifo() { "FIFO" } else { "special" };
    format!("{what} {owner} {}", seen.rdev())
}

/// The processes that an actor left behind, by their names; they are ended. Only for those who are the reaper of their
/// descendants, with no child of their own running.
pub(super) fn left_processes() -> Vec<String> {
    let begun = Instant::now();
    loop {
        while matches!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Ok(ended) if ended != WaitStatus::StillAlive)
        {
        }
        let left = children();
        if left.is_empty() {
            return Vec::new();
        }
        if begun.elapsed() > PATIENCE {
            for (pid, _) in &left {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
            return left.into_iter().map(|(_, name)| name).collect();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Children of this process that live: pid and name.
fn children() -> Vec<(i32, String)> {
    let own = std::process::id().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let look = |pid: &str| {
        let number = pid.parse::<i32>().ok()?;
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // `4711 (name with (brackets)) S 4710 …`
        let (head, tail) = stat.rsplit_once(") ")?;
        let mut fields = tail.split(' ');
        let (state, parent) = (fields.next()?, fields.next()?);
        let name = head.split_once('(').map_or("", |(_, name)| name);
        (parent == own && state != "Z").then(|| (number, name.to_owned()))
    };
    entries.flatten().filter_map(|entry| look(entry.file_name().to_str()?)).collect()
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
mod tests {
    use super::*;

    #[test]
    fn what_came_went_and_changed_is_named_once_for_a_directory() {
        let temp = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::create_dir_all(base.join("root/var/log")).unwrap();
        for file in ["root/gone", "root/changed"] {
            std::fs::write(base.join(file), "x").unwrap();
        }
        let before = RootSnapshot::now(base, Mounts::Shared);
        assert_eq!(before.difference(&RootSnapshot::now(base, Mounts::Shared)), None);
        std::fs::remove_file(base.join("root/gone")).unwrap();
        std::fs::write(base.join("root/changed"), "y").unwrap();
        std::fs::create_dir_all(base.join("root/new/deep")).unwrap();
        std::fs::write(base.join("root/new/deep/x"), "y").unwrap();
        std::fs::write(base.join("root/var/log/a.log"), "y").unwrap();
        let difference = before.difference(&RootSnapshot::now(base, Mounts::Shared)).unwrap();
        let expected = "file /changed has other content, directory /new is there, with file /new/deep/x, file /gone is gone";
        assert_eq!(difference, expected);
    }

    #[test]
    fn change_says_what_is_another() {
        for (before, now, sentence) in [
            ("file 644 0 0 ab", "file 600 0 0 ab", "has mode 600, and had 644"),
            ("file 644 0 0 ab", "file 644 7 0 ab", "belongs to 7:0, and belonged to 0:0"),
            ("file 644 0 0 ab", "file 644 0 0 cd", "has other content"),
            ("file 644 0 0 ab", "link /etc/passwd", "was a file"),
            ("link a", "link b c", "leads elsewhere"),
            ("directory 755 0 0", "directory 700 0 0", "has mode 700, and had 755"),
        ] {
            assert_eq!(change(before, now), sentence);
        }
    }
}
