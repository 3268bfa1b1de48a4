//! Puts built files where they are used: copied aside and renamed, so that a running program keeps the old file.

use std::fs::{File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};

/// A file that could not be installed.
#[derive(Debug, thiserror::Error)]
#[error("cannot install {from} as {to}: {cause}")]
pub struct Failed {
    from: Utf8PathBuf,
    to: Utf8PathBuf,
    cause: io::Error,
}

/// Installs a copy of `from` as `to` with exactly the mode given; the directory of `to` must exist.
///
/// # Errors
/// When it cannot be copied, made durable or renamed.
pub fn file(from: &Utf8Path, to: &Utf8Path, mode: u32) -> Result<(), Failed> {
    put(from, to, mode, Lasting::Durable)
}

/// The same for what goes with a test, and need not outlive a power failure: modules are large, and every test has its own.
///
/// # Errors
/// When it cannot be copied or renamed.
pub fn for_a_test(from: &Utf8Path, to: &Utf8Path, mode: u32) -> Result<(), Failed> {
    put(from, to, mode, Lasting::AsLongAsTheTest)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasting {
    Durable,
    AsLongAsTheTest,
}

fn put(from: &Utf8Path, to: &Utf8Path, mode: u32, lasting: Lasting) -> Result<(), Failed> {
    copy_aside_and_rename(from, to, mode, lasting).map_err(|cause| Failed {
        from: from.to_owned(),
        to: to.to_owned(),
        cause,
    })
}

fn copy_aside_and_rename(from: &Utf8Path, to: &Utf8Path, mode: u32, lasting: Lasting) -> io::Result<()> {
    let dir = to.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut source = File::open(from)?;
    let mut aside = tempfile::Builder::new().prefix(".new-").tempfile_in(dir)?;
    io::copy(&mut source, aside.as_file_mut())?;
    aside.as_file().set_permissions(Permissions::from_mode(mode))?;
    if lasting == Lasting::AsLongAsTheTest {
        return aside.persist(to).map(drop).map_err(Into::into);
    }
    aside.as_file().sync_all()?;
    aside.persist(to)?;
    File::open(dir)?.sync_all()
}

/// The file name a module is installed under. Cargo builds `libdemo_module.so` from a target `demo_module`; modules
/// are dropped in as `demo_module.so`.
pub fn module_file_name(target: &str) -> String {
    format!("{target}.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_of_the_old_file_keeps_it_and_the_mode_is_exact() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap();
        let (from, to) = (dir.join("from"), dir.join("to"));
        std::fs::File::create(&to).unwrap().set_len(3).unwrap();
        let old = File::open(&to).unwrap();
        std::fs::copy("/proc/self/cmdline", &from).unwrap();
        file(&from, &to, 0o755).unwrap();
        assert_eq!(old.metadata().unwrap().len(), 3);
        assert_eq!(std::fs::read(&from).unwrap(), std::fs::read(&to).unwrap());
        assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o7777, 0o755);
        assert_eq!(std::fs::read_dir(dir).unwrap().count(), 2, "a file was left aside");
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = file(Utf8Path::new("/no/such"), Utf8Path::new("/tmp/x_module.so"), 0o644).unwrap_err();
        assert!(error.to_string().contains("/no/such"), "{error}");
    }
}
