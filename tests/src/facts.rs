//! What is known of the files below a directory and of the machine around it: read, never changed.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use camino::Utf8Path;

/// One file as a user would describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileFacts {
    /// `file`, `directory`, `link`, `fifo`, `socket`, `block` or `char`.
    pub kind: &'static str,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Numeric owner and group.
    pub owner: (u32, u32),
    /// Bytes of a file, 0 of anything else.
    pub size: u64,
    /// A digest of a file's content or a link's target: it tells accidents apart, not attackers.
    pub digest: u64,
    /// Number of hard links of a file, 1 of anything else.
    pub links: u64,
    /// Last change of content or attributes, seconds and nanoseconds.
    pub changed: (i64, i64),
}

/// All files below a directory, by their path relative to it. Links are not followed; a directory another file
/// system is mounted on is described, not entered.
pub fn files_below(dir: &Utf8Path) -> io::Result<BTreeMap<PathBuf, FileFacts>> {
    let mut found = BTreeMap::new();
    if dir.exists() {
        let device = std::fs::symlink_metadata(dir)?.dev();
        walk(dir.as_std_path(), Path::new(""), device, &mut found)?;
    }
    Ok(found)
}

fn walk(top: &Path, below: &Path, device: u64, found: &mut BTreeMap<PathBuf, FileFacts>) -> io::Result<()> {
    for entry in std::fs::read_dir(top.join(below))? {
        let name = below.join(entry?.file_name());
        let path = top.join(&name);
        let meta = match std::fs::symlink_metadata(&path) {
            Err(gone) if gone.kind() == io::ErrorKind::NotFound => continue,
            meta => meta?,
        };
        found.insert(name.clone(), describe(&path, &meta)?);
        if meta.is_dir() && meta.dev() == device {
            walk(top, &name, device, found)?;
        }
    }
    Ok(())
}

fn describe(path: &Path, meta: &std::fs::Metadata) -> io::Result<FileFacts> {
    let kind = meta.file_type();
    let (kind, digest) = if kind.is_symlink() {
        ("link", digest_of(std::fs::read_link(path)?.as_os_str().as_bytes()))
    } else if kind.is_dir() {
        ("directory", 0)
    } else if kind.is_fifo() {
        ("fifo", 0)
    } else if kind.is_socket() {
        ("socket", 0)
    } else if kind.is_block_device() {
        ("block", meta.rdev())
    } else if kind.is_char_device() {
        ("char", meta.rdev())
    } else {
        ("file", digest_of_file(path)?)
    };
    Ok(FileFacts {
        kind,
        mode: meta.mode() & 0o7777,
        owner: (meta.uid(), meta.gid()),
        size: if kind == "file" { meta.size() } else { 0 },
        digest,
        links: if kind == "directory" { 1 } else { meta.nlink() },
        changed: (meta.ctime(), meta.ctime_nsec()),
    })
}

fn digest_of(bytes: &[u8]) -> u64 {
    let mut digest = Digest::default();
    digest.add(bytes);
    digest.0
}

fn digest_of_file(path: &Path) -> io::Result<u64> {
    use std::io::Read;
    let mut file = std::fs::File::open(path)?;
    let mut digest = Digest::default();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(digest.0),
            got => digest.add(&buffer[..got]),
        }
    }
}

/// Word by word: tests are built without optimisation, and the standard library's takes a third of their time then.
#[derive(Default)]
struct Digest(u64);

impl Digest {
    fn add(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_le_bytes(last));
        self.mix(bytes.len() as u64);
    }

    fn mix(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }
}

/// Mount points of the caller's mount namespace, in the order they were mounted.
pub fn mount_points() -> io::Result<Vec<PathBuf>> {
    use std::os::unix::ffi::OsStringExt;
    let table = std::fs::read("/proc/self/mountinfo")?;
    let points =
        table.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    Ok(points.map(|point| std::ffi::OsString::from_vec(unescape(point)).into()).collect())
}

/// Undoes the octal escapes (`\040`) the kernel writes for blanks and backslashes.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if *first == b'\\' => {
                plain.push(byte);
                rest = &tail[3..];
            }
            _ => {
                plain.push(*first);
                rest = tail;
            }
        }
    }
    plain
}

/// Loop devices in use: device name and the file behind it.
pub fn loop_devices() -> io::Result<BTreeMap<String, String>> {
    let mut devices = BTreeMap::new();
    for entry in std::fs::read_dir("/sys/block").into_iter().flatten() {
        let entry = entry?;
        if let Ok(file) = std::fs::read_to_string(entry.path().join("loop/backing_file")) {
            devices.insert(entry.file_name().to_string_lossy().into_owned(), file.trim_end().to_owned());
        }
    }
    Ok(devices)
}

/// Running processes in whose first environment the variable `name` begins with `start`: pid and command line.
/// A process keeps that environment whatever session or group it moves to. Zombies have none and are not listed.
pub fn processes_with(name: &str, start: &str) -> io::Result<BTreeMap<i32, String>> {
    let wanted = format!("{name}={start}");
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        // Processes come and go, and those of others cannot be read: neither is ours to report.
        let Ok(environ) = std::fs::read(entry.path().join("environ")) else { continue };
        if environ.split(|byte| *byte == 0).any(|pair| pair.starts_with(wanted.as_bytes())) {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.insert(pid, String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned());
        }
    }
    Ok(found)
}

/// Running processes that name a directory on their command line, or work or have their root at or below it: tools that the
/// program runs have an environment of their own, without any mark.
pub fn processes_at(dir: &Utf8Path) -> io::Result<BTreeMap<i32, String>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let inside = |link: &str| {
            std::fs::read_link(entry.path().join(link)).is_ok_and(|target| target.starts_with(dir))
        };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ").trim_end().to_owned();
        if line.contains(dir.as_str()) || inside("cwd") || inside("root") {
            found.insert(pid, line);
        }
    }
    Ok(found)
}

/// Running processes that descend from some: in a chroot and a namespace of their own these still have their parents.
pub fn descendants_of(ancestors: &BTreeMap<i32, String>) -> io::Result<BTreeMap<i32, String>> {
    let mut parents = BTreeMap::new();
    for entry in std::fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        if let Some(parent) = parent.and_then(|text| text.trim().parse::<i32>().ok()) {
            parents.insert(pid, parent);
        }
    }
    let descends = |pid: &i32| {
        std::iter::successors(parents.get(pid), |above| parents.get(above))
            .any(|above| ancestors.contains_key(above))
    };
    Ok(parents.keys().filter(|pid| descends(pid)).map(|pid| (*pid, command_line(*pid))).collect())
}

/// The words a process was started with, or an empty line when it is gone.
fn command_line(pid: i32) -> String {
    let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_of_the_mount_table_are_undone() {
        assert_eq!(unescape(br"/a\040b\134c"), br"/a b\c");
        assert_eq!(unescape(br"/a\04"), br"/a\04");
    }

    #[test]
    fn content_mode_and_links_are_seen() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::copy("/proc/self/cmdline", dir.join("a")).unwrap();
        std::os::unix::fs::symlink("/nowhere", dir.join("dangling")).unwrap();
        std::fs::create_dir(dir.join("d")).unwrap();
        std::fs::copy("/proc/self/status", dir.join("d/b")).unwrap();
        let before = files_below(dir).unwrap();
        assert_eq!(before.len(), 4);
        assert_eq!(before[Path::new("dangling")].kind, "link");
        std::fs::copy("/proc/self/cmdline", dir.join("d/b")).unwrap();
        let after = files_below(dir).unwrap();
        assert_ne!(before[Path::new("d/b")].digest, after[Path::new("d/b")].digest);
        assert_eq!(before[Path::new("a")], after[Path::new("a")]);
    }

    #[test]
    fn the_root_is_a_mount_point_and_this_process_is_found() {
        assert!(mount_points().unwrap().contains(&PathBuf::from("/")));
        let environ = std::fs::read("/proc/self/environ").unwrap();
        let pair = environ.split(|byte| *byte == 0).next().unwrap();
        let pair = std::str::from_utf8(pair).unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        assert!(processes_with(name, value).unwrap().contains_key(&(std::process::id() as i32)));
        let here = camino::Utf8PathBuf::from_path_buf(std::env::current_dir().unwrap()).unwrap();
        assert!(processes_at(&here).unwrap().contains_key(&(std::process::id() as i32)));
    }
}
