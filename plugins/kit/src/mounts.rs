//! What is mounted, from the kernel's own table.

use camino::{Utf8Path, Utf8PathBuf};

/// One line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    /// Where.
    pub target: Utf8PathBuf,
    /// The type of the file system.
    pub kind: String,
    /// What is mounted: a device, a directory of it, or a word.
    pub source: String,
}

/// All mounts at or below a directory, in the order they were made.
///
/// # Errors
/// When the table cannot be read.
pub fn at_or_below(directory: &Utf8Path) -> std::io::Result<Vec<Mounted>> {
    let table = std::fs::read("/proc/self/mountinfo")?;
    let table = String::from_utf8_lossy(&table);
    Ok(table.lines().filter_map(parse).filter(|mounted| mounted.target.starts_with(directory)).collect())
}

/// Whether something is mounted at exactly this directory.
///
/// # Errors
/// When the table cannot be read.
pub fn is_mounted(directory: &Utf8Path) -> std::io::Result<bool> {
    Ok(at_or_below(directory)?.iter().any(|mounted| mounted.target == directory))
}

fn parse(line: &str) -> Option<Mounted> {
    let (left, right) = line.split_once(" - ")?;
    let target = unescape(left.split(' ').nth(4)?);
    let mut right = right.split(' ');
    let (kind, source) = (right.next()?.to_owned(), unescape(right.next()?));
    Some(Mounted { target: target.into(), kind, source })
}

/// The kernel writes space, tab, newline and backslash as three octal digits.
fn unescape(text: &str) -> String {
    ["\\040", "\\011", "\\012"]
        .iter()
        .zip([" ", "\t", "\n"])
        .fold(text.to_owned(), |text, (octal, plain)| text.replace(octal, plain))
        .replace("\\134", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_kernel_are_read() {
        let line = r"36 35 98:0 /mnt1 /a\040b/c rw,noatime master:1 - ext3 /dev/ro\134ot rw,errors=continue";
        let expected =
            Mounted { target: "/a b/c".into(), kind: "ext3".to_owned(), source: "/dev/ro\\ot".to_owned() };
        assert_eq!(parse(line), Some(expected));
    }

    #[test]
    fn the_own_table_has_proc() {
        assert!(is_mounted(Utf8Path::new("/proc")).unwrap());
        assert!(!is_mounted(Utf8Path::new("/proc/self")).unwrap());
    }
}
