//! Changes an image's directory from one state to the next in a single step.
//!
//! The next state is built aside, hard links for what stays, new files for what changes, and the two directories are
//! exchanged by one rename. Nodes see the old image or the new one, never a mix of record, boot file and root image; and
//! after a crash the directory aside is removed, whichever of the two it is.

use crate::records::file_names;
use crate::system::{FileError, atomic_file, failpoint::failpoint, files};
use camino::{Utf8Path, Utf8PathBuf};
use std::fs;

/// A finished file of the next state, which is moved in with mode 0644.
#[derive(Debug)]
pub(crate) struct NewFile<'a>(pub(crate) &'a Utf8Path);

/// Builds the next state of `directory` in `staging` (which exists and is empty, on the same file system), on disk; exchanging the
/// two puts it in service. What tells of files is not carried over (see `manifest`), nor what is `written` afterwards.
///
/// # Errors
/// When building fails.
pub(crate) fn prepare(
    directory: &Utf8Path,
    staging: &Utf8Path,
    files: &[(&str, NewFile<'_>)],
    written: &[&str],
) -> Result<(), FileError> {
    let mut replaced: Vec<&str> =
        files.iter().map(|(name, _)| *name).chain(written.iter().copied()).collect();
    replaced.extend(file_names::DIGESTS);
    // 1.x, killed when it packed an image again, left the state before beside the torn one. Now there is a whole one.
    let kept: Vec<String> = replaced.iter().map(|name| format!("{name}.bkp")).collect();
    replaced.extend(kept.iter().map(String::as_str));
    link_all(directory, staging, &replaced)?;
    for (name, NewFile(from)) in files {
        publishable(from)?;
        atomic_file::rename_noreplace(from, &staging.join(name))?;
    }
    files::set_mode(staging, 0o755)?;
    atomic_file::sync_dir(staging)
}

/// Makes a file fit to be fetched: mode 0644, on disk.
///
/// # Errors
/// When it cannot be opened or flushed.
pub(crate) fn publishable(file: &Utf8Path) -> Result<(), FileError> {
    files::set_mode(file, 0o644)?;
    fs::File::open(file).and_then(|open| open.sync_all()).map_err(FileError::of("flush", file))
}

/// Links every file of one directory into another; directories are made anew.
fn link_all(from: &Utf8Path, to: &Utf8Path, except: &[&str]) -> Result<(), FileError> {
    for entry in from.read_dir_utf8().map_err(FileError::of("read directory", from))? {
        let entry = entry.map_err(FileError::of("read directory", from))?;
        let (name, source) = (entry.file_name(), entry.path());
        if except.contains(&name) {
            continue;
        }
        let target: Utf8PathBuf = to.join(name);
        let kind = entry.file_type().map_err(FileError::of("look at", source))?;
        if kind.is_dir() {
            atomic_file::create_dir(&target, 0o755)?;
            link_all(source, &target, &[])?;
            atomic_file::sync_dir(&target)?;
        } else {
            // linkat does not follow a symlink: the link itself is carried over.
            fs::hard_link(source, &target).map_err(FileError::of("link", source))?;
            failpoint!("next state: a file linked into it", target);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;

    #[test]
    fn the_next_state_comes_whole() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        let (image, staging) = (base.join("web"), base.join(".new"));
        fs::create_dir_all(image.join("sub")).unwrap();
        fs::create_dir(&staging).unwrap();
        fs::write(image.join("squashfs.img"), "old root").unwrap();
        fs::write(image.join("boot.ipxe"), "old boot").unwrap();
        fs::write(image.join("sub/kept"), "kept").unwrap();
        fs::write(base.join("packed"), "new root").unwrap();

        let packed = base.join("packed");
        prepare(&image, &staging, &[("squashfs.img", NewFile(&packed))], &["boot.ipxe"]).unwrap();
        fs::write(staging.join("boot.ipxe"), "new boot").unwrap();
        files::exchange(&staging, &image).unwrap();

        let read = |path: &str| fs::read_to_string(image.join(path)).unwrap();
        assert_eq!(
            (read("boot.ipxe"), read("squashfs.img"), read("sub/kept")),
            ("new boot".into(), "new root".into(), "kept".into())
        );
        assert_eq!(
            fs::read_to_string(staging.join("squashfs.img")).unwrap(),
            "old root",
            "the old state is aside"
        );
    }
}
