//! The kernel's own table of mounts, which is the only one to believe.

use camino::{Utf8Path, Utf8PathBuf};

use crate::FileError;
use std::collections::HashMap;

/// One mount as this process sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The kernel's number of it.
    pub id: u64,
    /// Device number of its file system, `major:minor`.
    pub device: String,
    /// Where it is mounted.
    pub target: Utf8PathBuf,
    /// The part of its file system that is shown there; `/` unless it is a bind mount.
    pub subtree: Utf8PathBuf,
    /// The options of the mount itself, as the kernel writes them: `rw,nosuid,noatime`.
    pub flags: String,
    /// The file system's type.
    pub kind: String,
    /// What is mounted: a device, a server's export, or just a word.
    pub source: String,
    /// The options of the file system, those of every mount of it.
    pub options: String,
}

/// All mounts, in the kernel's order: what covers a place comes after what it covers.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn mounts() -> Result<Vec<Mount>, FileError> {
    read("/proc/self/mountinfo".into())
}

/// All mounts of this thread's own namespace, in the kernel's order.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn mounts_of_this_thread() -> Result<Vec<Mount>, FileError> {
    read("/proc/thread-self/mountinfo".into())
}

fn read(path: &Utf8Path) -> Result<Vec<Mount>, FileError> {
    let table = std::fs::read(path).map_err(FileError::of("read", path))?;
    Ok(table.split(|byte| *byte == b'\n').filter_map(parse_line).collect())
}

/// The table, read once for looks at many places: it is as long as there are nodes with mounts, and reading it costs as much.
#[derive(Debug)]
pub struct Table(HashMap<Utf8PathBuf, Mount>);

impl Table {
    /// Reads it.
    ///
    /// # Errors
    /// When `/proc` is not there or not readable.
    pub fn read() -> Result<Self, FileError> {
        // Of several at one place the last is the visible one.
        Ok(Self(mounts()?.into_iter().map(|mount| (mount.target.clone(), mount)).collect()))
    }

    /// The mount that is visible at exactly this place, if there is one.
    pub fn at(&self, path: &Utf8Path) -> Option<&Mount> {
        self.0.get(&real(path))
    }
}

/// The mount that is visible at exactly this place, if there is one.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn mount_at(path: &Utf8Path) -> Result<Option<Mount>, FileError> {
    let path = real(path);
    Ok(mounts()?.into_iter().rfind(|mount| mount.target == path))
}

/// All mounts at exactly this place, the one that is visible last.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn mounts_at(path: &Utf8Path) -> Result<Vec<Mount>, FileError> {
    let path = real(path);
    Ok(mounts()?.into_iter().filter(|mount| mount.target == path).collect())
}

/// All mounts at this place and below it.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn mounts_below(path: &Utf8Path) -> Result<Vec<Mount>, FileError> {
    let path = real(path);
    Ok(mounts()?.into_iter().filter(|mount| mount.target.starts_with(&path)).collect())
}

/// Whether something is mounted at exactly this place.
///
/// # Errors
/// When `/proc` is not there or not readable.
pub fn is_mounted(path: &Utf8Path) -> Result<bool, FileError> {
    Ok(mount_at(path)?.is_some())
}

/// The mount that a path lies on; its links are followed.
///
/// # Errors
/// When the path or `/proc` is not there or not readable.
pub fn mount_of(path: &Utf8Path) -> Result<Option<Mount>, FileError> {
    let real = path.canonicalize_utf8().map_err(FileError::of("locate", path))?;
    let above = mounts()?.into_iter().filter(|mount| real.starts_with(&mount.target));
    // What covers a place comes after what it covers.
    Ok(above.max_by_key(|mount| mount.target.components().count()))
}

/// The path as the kernel's table has it: its directory's links resolved, its last component as it is.
pub fn real(path: &Utf8Path) -> Utf8PathBuf {
    let resolved = match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => {
            let parent = if parent.as_str().is_empty() { Utf8Path::new(".") } else { parent };
            parent.canonicalize_utf8().map(|parent| parent.join(name))
        }
        _ => path.canonicalize_utf8(),
    };
    resolved.unwrap_or_else(|_| path.to_owned())
}

/// `36 35 98:0 /subtree /target rw,noatime shared:1 - ext4 /dev/sda1 rw`, with any number of fields before the dash.
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let device = unescape(fields.nth(1)?);
    let subtree = unescape(fields.next()?).into();
    let target = unescape(fields.next()?).into();
    let flags = unescape(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let kind = unescape(fields.next()?);
    let source = fields.next().map(unescape).unwrap_or_default();
    let options = fields.next().map(unescape).unwrap_or_default();
    Some(Mount { id, device, target, subtree, flags, kind, source, options })
}

/// Blank, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = |digit: &u8| (b'0'..=b'7').contains(digit).then(|| u32::from(digit - b'0'));
        let escaped = match (first, tail) {
            (b'\\', [a, b, c, ..]) => match (octal(a), octal(b), octal(c)) {
                (Some(a), Some(b), Some(c)) => u8::try_from(a * 64 + b * 8 + c).ok(),
                _ => None,
            },
            _ => None,
        };
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { tail.get(3..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood_with_any_number_of_optional_fields() {
        let line =
            br"36 35 98:0 /sub\040tree /mnt/a\040b\134c\011d rw,nosuid shared:1 master:2 - ext4 /dev/sda1 rw";
        let mount = parse_line(line).unwrap();
        assert_eq!((mount.id, mount.device.as_str(), mount.kind.as_str()), (36, "98:0", "ext4"));
        assert_eq!(mount.flags, "rw,nosuid");
        assert_eq!(mount.target, "/mnt/a b\\c\td");
        assert_eq!((mount.subtree.as_str(), mount.source.as_str()), ("/sub tree", "/dev/sda1"));
        assert_eq!(parse_line(b"1 1 0:1 / /x rw - tmpfs none rw").unwrap().target, "/x");
        assert_eq!(parse_line(b"1 1 0:1 / /x rw"), None);
        assert_eq!(unescape(br"a\9b\\"), r"a\9b\\");
    }

    #[test]
    fn the_root_is_mounted_and_a_sibling_with_the_same_beginning_is_not_below() {
        assert!(mount_at("/".into()).unwrap().is_some());
        assert!(mount_at("/proc".into()).unwrap().is_some_and(|mount| mount.kind == "proc"));
        assert!(mounts_below("/proc".into()).unwrap().iter().all(|mount| mount.target.starts_with("/proc")));
        assert_eq!(mounts_below("/pro".into()).unwrap(), []);
        assert!(is_mounted("/proc".into()).unwrap() && !is_mounted("/proc/self".into()).unwrap());
    }

    #[test]
    fn a_path_lies_on_the_deepest_mount_above_it() {
        assert_eq!(mount_of("/proc/sys".into()).unwrap().unwrap().target, "/proc");
        assert!(mount_of("/no/such/place".into()).unwrap_err().is_not_found());
    }
}
