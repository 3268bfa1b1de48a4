//! How the file of a module comes into its place, and goes. What has happened already is not done again.

use std::os::unix::fs::MetadataExt;

use camino::Utf8Path;

use super::installed::{Installed, Register};
use crate::system::{FileError, atomic_file, files, layout::Layout};

/// Removes what installations of other sites that were killed left aside in a directory they share with this one:
/// `.NAME_module.so.PID-N.new` of processes that are gone. Those of this site are on its record.
pub(crate) fn remove_leftovers(directory: &Utf8Path) {
    let Ok(entries) = directory.read_dir_utf8() else { return };
    for entry in entries.flatten() {
        let Some(pid) = pid_of_copy(entry.file_name()) else { continue };
        if !Utf8Path::new("/proc").join(pid).exists() && Utf8Path::new("/proc/self").exists() {
            // Another installation may have been faster.
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Removes the copy of a module's file beside its place; only what has such a name is.
///
/// # Errors
/// Whatever the system refuses.
pub(crate) fn remove_copy(path: &Utf8Path) -> Result<(), FileError> {
    match path.file_name().and_then(pid_of_copy) {
        Some(_) => files::remove_file(path),
        None => Ok(()),
    }
}

/// Brings a copy into its place and remembers where it came from; what has happened already is not done again.
///
/// # Errors
/// Whatever the system refuses.
pub(crate) fn put_in(
    layout: &Layout,
    path: &Utf8Path,
    staging: &Utf8Path,
    inode: u64,
    record: &Installed,
) -> Result<(), FileError> {
    let is_it =
        |path: &Utf8Path| path.symlink_metadata().is_ok_and(|seen| seen.ino() == inode && seen.is_file());
    if is_it(staging) {
        atomic_file::rename_replacing(staging, path)?;
    }
    // Not there either: somebody was faster and put another file there, or took it away.
    if is_it(path) { Register::read(layout)?.put(path, record.clone()) } else { Ok(()) }
}

/// Removes the file of a module, and what is remembered of it.
///
/// # Errors
/// Whatever the system refuses.
pub(crate) fn take_out(layout: &Layout, path: &Utf8Path, inode: u64) -> Result<(), FileError> {
    let is_module = path.file_name().is_some_and(|name| name.ends_with("_module.so"));
    if is_module && path.symlink_metadata().is_ok_and(|seen| seen.ino() == inode) {
        files::remove_file(path)?;
    }
    Register::read(layout)?.drop_stale()
}

/// The process that made a file aside.
fn pid_of_copy(name: &str) -> Option<&str> {
    let (module, rest) = name.strip_prefix('.')?.split_once("_module.so.")?;
    let (pid, number) = rest.strip_suffix(".new")?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (!module.is_empty() && digits(pid) && digits(number)).then_some(pid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_killed_installations_count_as_leftovers() {
        assert_eq!(pid_of_copy(".demo_module.so.123-0.new"), Some("123"));
        for other in [
            "demo_module.so",
            ".demo_module.so",
            ".demo_module.so.1.new",
            ".x.1-2.new",
            "._module.so.1-2.new",
        ] {
            assert_eq!(pid_of_copy(other), None, "{other}");
        }
    }
}
