//! Manifests: files with their digests, in the form that `sha256sum -c` reads.

use super::{Digest, Fault};
use crate::{failure, system::atomic_file};
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::{collections::BTreeMap, fmt};

/// The file's name in the directory of an image.
pub const FILE_NAME: &str = "SHA256SUMS";
/// The most a manifest may hold, in bytes.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Where the digests of files that stay come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digests {
    /// From the manifest before; a file that has none there goes without.
    Carried,
    /// From the manifest before, and those that are missing from the files.
    Completed,
    /// From the files as they are now.
    Anew,
}

/// Files, as paths below the directory of the manifest, with their digests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    entries: BTreeMap<String, Digest>,
}

impl Manifest {
    /// Reads a manifest; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is no manifest.
    pub fn load(path: &Utf8Path) -> Result<Option<Self>> {
        let bytes = match atomic_file::read_bounded(path, MOST_BYTES) {
            Err(error) if error.is_not_found() => return Ok(None),
            read => read.map_err(failure::of)?,
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned());
        text.and_then(Self::parse)
            .map(Some)
            .map_err(|reason| Error::failed(format!("cannot understand {path}: {reason}")))
    }

    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// The line and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut entries = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let fault = |reason: &str| format!("line {}: {reason}", index + 1);
            let (escaped, line) = line.strip_prefix('\\').map_or((false, line), |rest| (true, rest));
            // Two spaces, or a space and the mark of binary files.
            let (digest, name) = line
                .split_at_checked(64)
                .and_then(|(digest, rest)| {
                    Some((digest, rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?))
                })
                .ok_or_else(|| fault("it is not a digest, two spaces and a name"))?;
            let name = match escaped {
                true => unescaped(name).ok_or_else(|| fault("its name cannot be read"))?,
                false => name.to_owned(),
            };
            let plain = |part: &str| !matches!(part, "" | "." | "..");
            if !name.split('/').all(plain) || name.contains('\0') {
                return Err(fault("its name leads elsewhere"));
            }
            if entries.insert(name, digest.parse().map_err(fault)?).is_some() {
                return Err(fault("its name is there twice"));
            }
        }
        Ok(Self { entries })
    }

    /// The digest of a file.
    pub fn get(&self, name: &str) -> Option<Digest> {
        self.entries.get(name).copied()
    }

    /// Sets the digest of a file.
    pub fn set(&mut self, name: impl Into<String>, digest: Digest) {
        self.entries.insert(name.into(), digest);
    }

    /// The files with their digests, by name.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.entries.iter().map(|(name, digest)| (name.as_str(), *digest))
    }

    /// What differs from this manifest in a directory in which these files are. `mend` tells what to do about a file.
    pub fn compare(
        &self,
        directory: &Utf8Path,
        files: &[String],
        mend: &dyn Fn(&str) -> String,
        record: &str,
    ) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (name, wanted) in self.entries() {
            if !files.iter().any(|file| file == name) {
                faults.push(Fault::problem(format!("{name} is missing")).mend(mend(name)));
                continue;
            }
            match Digest::of_file(&directory.join(name)) {
                Ok(found) if found == wanted => {}
                Ok(_) => faults.push(
                    Fault::problem(format!("{name} is not as it was published: its digest differs"))
                        .mend(mend(name)),
                ),
                Err(error) => faults.push(error.into()),
            }
        }
        let unknown: Vec<&str> =
            files.iter().map(String::as_str).filter(|name| self.get(name).is_none()).collect();
        if !unknown.is_empty() {
            let text =
                format!("no digest of {} is on record: it may be as it was, or not", unknown.join(", "));
            faults.push(Fault::warning(text).mend(record));
        }
        faults
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, digest) in &self.entries {
            match name.contains(['\\', '\n', '\r']) {
                true => {
                    let name = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
                    writeln!(f, "\\{digest}  {name}")?;
                }
                false => writeln!(f, "{digest}  {name}")?,
            }
        }
        Ok(())
    }
}

/// A name as `sha256sum` writes one with a line break or a backslash in it.
fn unescaped(name: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = name.chars();
    while let Some(character) = rest.next() {
        plain.push(match character {
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                '\\' => '\\',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

/// The regular files in a directory and below it, as paths below it, sorted; links are not followed and not among them.
///
/// # Errors
/// When a directory cannot be read.
pub fn files_in(directory: &Utf8Path, left_out: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut found = Vec::new();
    collect(directory, "", left_out, &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(
    directory: &Utf8Path,
    below: &str,
    left_out: &dyn Fn(&str) -> bool,
    found: &mut Vec<String>,
) -> Result<()> {
    let unread = |cause| Error::failed(format!("cannot read directory {directory}")).because(cause);
    for entry in directory.read_dir_utf8().map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let name = format!("{below}{}", entry.file_name());
        let kind = entry.file_type().map_err(unread)?;
        if left_out(&name) {
            continue;
        }
        if kind.is_dir() {
            collect(entry.path(), &format!("{name}/"), left_out, found)?;
        } else if kind.is_file() {
            found.push(name);
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_read_back_as_they_are() {
        let mut manifest = Manifest::default();
        for name in ["boot.ipxe", "squashfs.img", "sub/file", " pad ", "*star", "ünï", "a\\b", "a\nb\r"] {
            manifest.set(name, Digest::of(name.as_bytes()));
        }
        assert_eq!(Manifest::parse(&manifest.to_string()).unwrap(), manifest);
        assert_eq!(Manifest::parse("").unwrap(), Manifest::default());
    }

    #[test]
    fn the_program_sha256sum_agrees() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir(base.join("sub")).unwrap();
        let mut manifest = Manifest::default();
        for name in ["plain", "sub/two words", "back\\slash", "line\nbreak"] {
            std::fs::write(base.join(name), name).unwrap();
            manifest.set(name, Digest::of_file(&base.join(name)).unwrap());
        }
        std::fs::write(base.join(FILE_NAME), manifest.to_string()).unwrap();
        let check = || {
            let program = crate::system::command::Tool::new("sh");
            program
                .args(["-c", "cd \"$1\" && sha256sum --check --strict SHA256SUMS", "sh", base.as_str()])
                .run()
        };
        check().unwrap();
        assert_eq!(Manifest::load(&base.join(FILE_NAME)).unwrap().unwrap(), manifest);
        std::fs::write(base.join("plain"), "other").unwrap();
        check().unwrap_err();
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_its_line() {
        let digest = Digest::of(b"");
        for (text, reason) in [
            (format!("{digest}  a\nrubbish\n"), "line 2"),
            (format!("{digest} a\n"), "line 1"),
            (format!("{digest}  ../a\n"), "elsewhere"),
            (format!("{digest}  /etc/shadow\n"), "elsewhere"),
            (format!("{digest}  a\n{digest}  a\n"), "twice"),
            (format!("\\{digest}  a\\q\n"), "cannot be read"),
            (format!("{}é  a\n", "a".repeat(63)), "line 1"),
        ] {
            let said = Manifest::parse(&text).unwrap_err();
            assert!(said.contains(reason), "{text:?}: {said}");
        }
    }

    #[test]
    fn differences_are_told_one_by_one() {
        let dir = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(dir.path()).unwrap();
        for name in ["good", "bad", "new"] {
            std::fs::write(base.join(name), name).unwrap();
        }
        let mut manifest = Manifest::default();
        for name in ["good", "lost"] {
            manifest.set(name, Digest::of(name.as_bytes()));
        }
        manifest.set("bad", Digest::of(b"other"));
        let files = files_in(base, &|_| false).unwrap();
        let faults = manifest.compare(base, &files, &|name| format!("mend {name}"), "record");
        let told: Vec<_> =
            faults.iter().map(|fault| (fault.text.as_str(), fault.mend.as_deref().unwrap())).collect();
        assert_eq!(
            told,
            [
                ("bad is not as it was published: its digest differs", "mend bad"),
                ("lost is missing", "mend lost"),
                ("no digest of new is on record: it may be as it was, or not", "record"),
            ]
        );
    }
}
