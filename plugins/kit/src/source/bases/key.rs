//! What decides which packages and files a tree has.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Command;
use disklessset_system::bases::BaseKey;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;

/// All that a package manager is told, beside what its repositories have.
pub(in crate::source) struct Ingredients<'a> {
    /// Its command.
    pub(in crate::source) command: &'a Command,
    /// Where the tree is made, and files beside it: each time another place.
    pub(in crate::source) places: [&'a Utf8Path; 2],
    /// Files that it reads; a directory stands for the files in it.
    pub(in crate::source) files: Vec<Utf8PathBuf>,
}

impl Ingredients<'_> {
    /// The key of a tree of these, with a digest of what the repositories have.
    pub(super) fn key(&self, releases: &[u8]) -> BaseKey {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        };
        // What is done to a tree of packages may differ in another version.
        add(env!("CARGO_PKG_VERSION").as_bytes());
        add(releases);
        add(self.command.program().as_bytes());
        add(&look_of(self.command.program()));
        for argument in self.command.arguments() {
            add(self.without_places(argument).as_bytes());
        }
        for (name, value) in self.command.environment() {
            add(format!("{name}={}", self.without_places(value)).as_bytes());
        }
        for file in &self.files {
            for (name, content) in contents(file) {
                add(self.without_places(name.as_str()).as_bytes());
                add(self.without_places(&content).as_bytes());
            }
        }
        let digits: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        digits.parse().expect("a SHA-256 has 64 digits")
    }

    fn without_places(&self, text: &str) -> String {
        self.places.iter().fold(text.to_owned(), |text, place| text.replace(place.as_str(), "HERE"))
    }
}

/// What a program looks like: another version of it has another size or time.
fn look_of(program: &str) -> Vec<u8> {
    let found = disklessset_system::programs::find(program).and_then(|path| path.metadata().ok());
    found.map_or_else(Vec::new, |found| format!("{} {}", found.size(), found.mtime()).into_bytes())
}

/// A file's content, or that of all files in a directory, in the order of their names. One that is not there has none.
fn contents(path: &Utf8Path) -> Vec<(Utf8PathBuf, String)> {
    let mut files = match path.read_dir_utf8() {
        Ok(entries) => entries.flatten().map(|entry| entry.into_path()).collect(),
        Err(_) => vec![path.to_owned()],
    };
    files.sort();
    let content = |file: Utf8PathBuf| {
        let bytes = std::fs::read(&file).ok()?;
        Some((file, String::from_utf8_lossy(&bytes).into_owned()))
    };
    files.into_iter().filter_map(content).collect()
}
