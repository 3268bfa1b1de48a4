//! Module files for tests: real ones, and real ones with a few bytes changed.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::modules::{ModuleEntry, ModuleRegistry, ModuleState};

/// The shared object of a module that was built with these tests.
pub(crate) fn built(name: &str) -> Utf8PathBuf {
    let test = Utf8PathBuf::try_from(std::env::current_exe().unwrap()).unwrap();
    let path = test.parent().unwrap().join(format!("lib{name}_module.so"));
    assert!(path.exists(), "{path} is not built: is the module a dev-dependency of this package?");
    path
}

/// A modules directory of one test.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("modules-").tempdir().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        Self { directory }
    }

    /// A place with these modules, copied under their proper names.
    pub(crate) fn with(names: &[&str]) -> Self {
        let place = Self::new();
        for name in names {
            place.copy(name, &format!("{name}_module.so"));
        }
        place
    }

    pub(crate) fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    pub(crate) fn copy(&self, name: &str, file: &str) -> Utf8PathBuf {
        self.put(file, &std::fs::read(built(name)).unwrap())
    }

    pub(crate) fn put(&self, file: &str, content: &[u8]) -> Utf8PathBuf {
        let path = self.path().join(file);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// A copy in whose note one text is replaced by another of the same length.
    pub(crate) fn forge(&self, name: &str, file: &str, from: &str, to: &str) -> Utf8PathBuf {
        let mut content = std::fs::read(built(name)).unwrap();
        replace_in_note(&mut content, from, to);
        self.put(file, &content)
    }

    pub(crate) fn scan(&self) -> ModuleRegistry {
        ModuleRegistry::scan(self.path())
    }

    /// The entry of one file.
    pub(crate) fn entry(&self, file: &str) -> ModuleEntry {
        let registry = self.scan();
        let entry = registry.entries().iter().find(|entry| entry.file.file_name() == Some(file));
        entry.unwrap_or_else(|| panic!("{file} is not listed")).clone()
    }

    /// The reason for which a file is refused.
    pub(crate) fn refusal(&self, file: &str) -> String {
        let entry = self.entry(file);
        assert_eq!(entry.state, ModuleState::Refused, "{entry:?}");
        let reason = entry.reason.unwrap();
        assert!(!reason.contains('\n'), "one line: {reason:?}");
        reason
    }
}

/// Changes the JSON of the note; both texts have the same length.
pub(crate) fn replace_in_note(content: &mut [u8], from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let note = find(content, b"disklessset\0{").expect("there is a note");
    let at = note + find(&content[note..note + 2000], from.as_bytes()).expect("the note has that text");
    content[at..at + to.len()].copy_from_slice(to.as_bytes());
}

/// The content of a module as if it had been built on a system with a glibc that nobody has yet: some
/// version that it needs is written 2.99, by its name and by the hash that stands beside it.
pub(crate) fn of_a_newer_glibc(name: &str) -> Vec<u8> {
    let mut content = std::fs::read(built(name)).unwrap();
    let two_digits =
        |at: &[u8]| at.starts_with(b"\0GLIBC_2.") && at[9..11].iter().all(u8::is_ascii_digit) && at[11] == 0;
    let at = content.windows(12).position(two_digits).expect("it needs some version like 2.34");
    let hash_of = |content: &[u8]| hash(&content[at + 1..at + 11]).to_le_bytes();
    let before = hash_of(&content);
    content[at + 9..at + 11].copy_from_slice(b"99");
    let after = hash_of(&content);
    for word in content.chunks_exact_mut(4).filter(|word| **word == before) {
        word.copy_from_slice(&after);
    }
    content
}

/// The hash of a name as ELF files have it.
fn hash(name: &[u8]) -> u32 {
    name.iter().fold(0, |hash: u32, byte| {
        let next = (hash << 4).wrapping_add(u32::from(*byte));
        let high = next & 0xf000_0000;
        (next ^ (high >> 24)) & !high
    })
}

pub(crate) fn find(content: &[u8], text: &[u8]) -> Option<usize> {
    content.windows(text.len()).position(|window| window == text)
}
