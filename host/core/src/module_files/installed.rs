//! What `module install` remembers of the files it put into the modules directory: where each came from and what it was.
//!
//! Sysadmins may drop files in, change them and delete them by hand: a file without a record is as good as one with it, a
//! file that is no longer what was installed is told of, and a record without its file goes by itself.

use std::{collections::BTreeMap, io, os::unix::fs::MetadataExt};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::failure;
use crate::integrity::Digest;
use crate::system::{FileError, atomic_file, files, layout::Layout};
use crate::yaml;

/// The most the register may hold, in bytes: thousands of modules are far below it.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// One installed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    /// The module's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The file it was copied from.
    pub origin: Utf8PathBuf,
    /// The digest of its content, in hexadecimal digits.
    pub sha256: String,
    /// When it was installed, for people.
    pub when: String,
    /// Whose key has signed it, when the site trusts that key and the signature was checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<Signer>,
    /// The file as it was when it came into its place: while this is the same, its content need not be read again.
    #[serde(default)]
    stamp: Stamp,
}

/// The key behind a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signer {
    /// The name under which the site trusts the key.
    pub name: String,
    /// The public key, its kind and its text.
    pub key: String,
}

/// What the system changes whenever somebody changes a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.size(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl Installed {
    /// A record of the file of a module of this name and version that is about to be installed.
    pub fn new(
        (name, version): (String, String),
        origin: &Utf8Path,
        sha256: String,
        signed_by: Option<Signer>,
    ) -> Self {
        Self {
            name,
            version,
            origin: origin.to_owned(),
            sha256,
            when: jiff::Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            signed_by,
            stamp: Stamp::default(),
        }
    }

    /// Whether the file is still the one that was installed. Its content is read only when somebody has touched it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn is_still(&self, file: &Utf8Path) -> disklessset_plugin_api::Result<bool> {
        let seen =
            std::fs::metadata(file).map_err(|cause| failure::of(FileError::of("inspect", file)(cause)))?;
        if Stamp::of(&seen) == self.stamp {
            return Ok(true);
        }
        Ok(seen.size() == self.stamp.bytes && Digest::of_file(file)?.to_string() == self.sha256)
    }
}

/// The records, by the file each is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Register {
    path: Utf8PathBuf,
    records: BTreeMap<Utf8PathBuf, Installed>,
}

impl Register {
    /// Reads the register of a site; a missing one is empty.
    ///
    /// # Errors
    /// When it is there and cannot be read or understood.
    pub(crate) fn read(layout: &Layout) -> Result<Self, FileError> {
        let path = layout.modules_register();
        let records = match atomic_file::read_bounded(&path, MOST_BYTES) {
            Ok(bytes) => records_of(&bytes).map_err(|reason| FileError {
                act: "understand",
                path: path.clone(),
                source: io::Error::new(io::ErrorKind::InvalidData, reason),
            })?,
            Err(error) if error.is_not_found() => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, records })
    }

    /// The record of a file.
    pub(crate) fn of(&self, file: &Utf8Path) -> Option<&Installed> {
        self.records.get(file)
    }

    /// Puts a record of a file that is in its place; the caller has the lock of the modules directory.
    ///
    /// # Errors
    /// When the file is not there, or the register cannot be written.
    pub(crate) fn put(mut self, file: &Utf8Path, mut record: Installed) -> Result<(), FileError> {
        let seen = std::fs::metadata(file).map_err(FileError::of("inspect", file))?;
        record.stamp = Stamp::of(&seen);
        if self.records.get(file) != Some(&record) {
            self.forget_gone();
            self.records.insert(file.to_owned(), record);
            self.write()?;
        }
        Ok(())
    }

    /// Drops the records of files that are gone from directories that are there; the caller has the lock of the modules
    /// directory.
    ///
    /// # Errors
    /// When the register cannot be written.
    pub(crate) fn drop_stale(mut self) -> Result<(), FileError> {
        let before = self.records.len();
        self.forget_gone();
        if self.records.len() == before { Ok(()) } else { self.write() }
    }

    fn forget_gone(&mut self) {
        // A directory that is not mounted now says nothing about its files.
        let is_gone = |file: &Utf8Path| {
            file.symlink_metadata().is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound)
                && file.parent().is_some_and(Utf8Path::is_dir)
        };
        self.records.retain(|file, _| !is_gone(file));
    }

    fn write(&self) -> Result<(), FileError> {
        if self.records.is_empty() {
            return files::remove_file(&self.path);
        }
        let text = serde_yaml::to_string(&self.records).map_err(|cause| FileError {
            act: "write",
            path: self.path.clone(),
            source: io::Error::other(cause),
        })?;
        files::sweep_temporaries(&self.path)?;
        atomic_file::replace(&self.path, text.as_bytes(), 0o644)
    }
}

fn records_of(bytes: &[u8]) -> Result<BTreeMap<Utf8PathBuf, Installed>, String> {
    let text = String::from_utf8_lossy(bytes);
    Ok(yaml::from_str::<Option<_>>(&text)?.unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
mod tests {
    use super::*;

    #[test]
    fn a_record_knows_its_file_and_goes_with_it() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        let layout = Layout::builder().root(root).build().unwrap();
        atomic_file::create_dir_all(&layout.state_dir(), 0o755).unwrap();
        let file = root.join("demo_module.so");
        std::fs::write(&file, "one").unwrap();
        let record = Installed {
            name: "demo".into(),
            version: "1.0.0".into(),
            origin: "/tmp/a: b\nc".into(),
            sha256: Digest::of_file(&file).unwrap().to_string(),
            when: String::new(),
            signed_by: None,
            stamp: Stamp::default(),
        };
        assert!(
            record.sha256.starts_with("7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed")
        );
        Register::read(&layout).unwrap().put(&file, record.clone()).unwrap();
        let read = || Register::read(&layout).unwrap();
        assert_eq!(read().of(&file).unwrap().origin, record.origin);
        assert!(read().of(&file).unwrap().is_still(&file).unwrap());
        // Copied back by a backup: another inode, the same content.
        std::fs::rename(&file, root.join("aside")).unwrap();
        std::fs::copy(root.join("aside"), &file).unwrap();
        assert!(read().of(&file).unwrap().is_still(&file).unwrap());
        std::fs::write(&file, "two").unwrap();
        assert!(!read().of(&file).unwrap().is_still(&file).unwrap());
        read().drop_stale().unwrap();
        assert!(read().of(&file).is_some());
        std::fs::remove_file(&file).unwrap();
        read().drop_stale().unwrap();
        assert!(read().of(&file).is_none() && !layout.modules_register().exists());
    }
}
