//! Copies the loaders out of the distribution's package.

use crate::loader::Loader;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_system::{
    FileError,
    durable::{create_dir_all, read_bounded, replace, set_mode},
};

/// Where packages put iPXE: those of Debian, and of Enterprise Linux.
const PACKAGES: [&str; 2] = ["/usr/lib/ipxe", "/usr/share/ipxe"];
/// The most bytes of a loader; those of Debian have one million.
const MOST_BYTES: u64 = 32 << 20;

/// What became of a loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// Its name.
    pub file: &'static str,
    /// The file that it comes from.
    pub from: Utf8PathBuf,
    /// Whether it is, or was, to be written; the same file was there already otherwise.
    pub new: bool,
}

/// Why loaders cannot be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// No package has brought them.
    #[error("iPXE is not installed: there are no files for firmware in {}", PACKAGES.join(" or "))]
    NoPackage,
    /// The system refuses something.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Where packages put iPXE on this machine.
pub fn packages() -> Vec<Utf8PathBuf> {
    PACKAGES.map(Utf8PathBuf::from).to_vec()
}

/// What copying would do: nothing is changed.
///
/// # Errors
/// As for [`copy`].
pub fn lacking(packages: &[Utf8PathBuf], to: &Utf8Path) -> Result<Vec<Copied>, CopyError> {
    let mut found = Vec::new();
    for (loader, from) in in_packages(packages)? {
        found.push(Copied {
            file: loader.file,
            new: content_to_write(&from, &to.join(loader.file))?.is_some(),
            from,
        });
    }
    Ok(found)
}

/// Copies the loaders that the packages have, each durably and at once, for everybody to read.
///
/// # Errors
/// When there is no package, or the system refuses something.
pub fn copy(packages: &[Utf8PathBuf], to: &Utf8Path) -> Result<Vec<Copied>, CopyError> {
    let loaders = in_packages(packages)?;
    create_dir_all(to, 0o755)?;
    let mut copied = Vec::new();
    for (loader, from) in loaders {
        let path = to.join(loader.file);
        let content = content_to_write(&from, &path)?;
        match &content {
            Some(content) => replace(&path, content, 0o644)?,
            None => set_mode(&path, 0o644)?,
        }
        copied.push(Copied { file: loader.file, from, new: content.is_some() });
    }
    Ok(copied)
}

fn in_packages(packages: &[Utf8PathBuf]) -> Result<Vec<(Loader, Utf8PathBuf)>, CopyError> {
    let of = |loader: Loader| {
        // Debian has `ipxe.efi` as a link into /boot.
        let mut real =
            packages.iter().filter_map(|package| package.join(loader.file).canonicalize_utf8().ok());
        let found = real.find(|path| path.is_file());
        found.map(|path| (loader, path))
    };
    let found: Vec<_> = Loader::ALL.into_iter().filter_map(of).collect();
    if found.is_empty() { Err(CopyError::NoPackage) } else { Ok(found) }
}

/// What is to be written; nothing where the same is there, as a file of its own.
fn content_to_write(from: &Utf8Path, to: &Utf8Path) -> Result<Option<Vec<u8>>, FileError> {
    let content = read_bounded(from, MOST_BYTES)?;
    Ok((!is_there(&content, to)).then_some(content))
}

/// Whether a file of its own has this content.
pub(crate) fn is_there(content: &[u8], file: &Utf8Path) -> bool {
    let is_file = file.symlink_metadata().is_ok_and(|facts| facts.is_file());
    is_file && read_bounded(file, MOST_BYTES).is_ok_and(|there| there == content)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn loaders_are_copied_once_for_everybody_to_read() {
        let temp = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(temp.path()).unwrap();
        let (package, to) = (top.join("usr/lib/ipxe"), top.join("www/loaders"));
        let packages = [top.join("none"), package.clone()];
        assert!(matches!(copy(&packages, &to), Err(CopyError::NoPackage)));
        assert!(!to.exists(), "nothing is made for nothing");

        std::fs::create_dir_all(&package).unwrap();
        std::fs::write(package.join("snponly.efi"), "one").unwrap();
        assert!(lacking(&packages, &to).unwrap()[0].new && !to.exists());
        let copied = copy(&packages, &to).unwrap();
        assert_eq!((copied.len(), copied[0].file, copied[0].new), (1, "snponly.efi", true));
        let file = to.join("snponly.efi");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644);

        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        assert!(!copy(&packages, &to).unwrap()[0].new);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o644);

        std::fs::write(package.join("snponly.efi"), "two").unwrap();
        assert!(lacking(&packages, &to).unwrap()[0].new);
        assert!(copy(&packages, &to).unwrap()[0].new);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
    }

    #[test]
    fn a_link_of_the_package_is_followed_and_one_in_its_place_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let top = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::write(top.join("real"), "one").unwrap();
        std::os::unix::fs::symlink("real", top.join("ipxe.efi")).unwrap();
        std::fs::create_dir(top.join("to")).unwrap();
        std::os::unix::fs::symlink(top.join("ipxe.efi"), top.join("to/ipxe.efi")).unwrap();
        assert!(copy(&[top.to_owned()], &top.join("to")).unwrap()[0].new);
        assert!(top.join("to/ipxe.efi").symlink_metadata().unwrap().is_file());
    }
}
