//! The database of dpkg: one file with a paragraph for each package, or a directory with a file for each
//! (images without a shell).

use super::{
    compared::{Key, Packages},
    database::{Tree, Unreadable, add},
    lines::{Lines, text},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader},
};

const STATUS: &str = "var/lib/dpkg/status";
const STATUS_D: &str = "var/lib/dpkg/status.d";
const INFO: &str = "var/lib/dpkg/info";

/// What was read of it.
pub(super) struct Database {
    pub(super) packages: Packages,
    tree: Tree,
}

/// Reads it; nothing where the tree has none.
pub(super) fn read(tree: Tree) -> Result<Option<Database>, Unreadable> {
    let mut packages = Packages::new();
    let mut there = false;
    if let Some(file) = tree.file(STATUS).map_err(Unreadable::of(STATUS))? {
        there = true;
        paragraphs(file, &mut packages).map_err(Unreadable::of(STATUS))?;
    }
    for name in tree.names(STATUS_D).map_err(Unreadable::of(STATUS_D))?.into_iter().flatten() {
        let path = format!("{STATUS_D}/{name}");
        if name.ends_with(".md5sums") {
            continue;
        }
        if let Some(file) = tree.file(&path).map_err(Unreadable::of(&path))? {
            there = true;
            paragraphs(file, &mut packages).map_err(Unreadable::of(&path))?;
        }
    }
    Ok(there.then_some(Database { packages, tree }))
}

/// Reads paragraphs of fields.
fn paragraphs(file: File, packages: &mut Packages) -> io::Result<()> {
    let mut lines = Lines::of(BufReader::new(file));
    let mut fields: BTreeMap<&'static str, String> = BTreeMap::new();
    loop {
        let line = lines.next()?;
        match line {
            None | Some(b"") => {
                paragraph(std::mem::take(&mut fields), packages)?;
                if line.is_none() {
                    return Ok(());
                }
            }
            Some(line) => {
                for field in ["Package", "Architecture", "Version", "Status"] {
                    let value = line.strip_prefix(field.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
                    if let Some(value) = value {
                        fields.insert(field, text(value));
                    }
                }
            }
        }
    }
}

fn paragraph(mut fields: BTreeMap<&str, String>, packages: &mut Packages) -> io::Result<()> {
    let (Some(name), Some(version)) = (fields.remove("Package"), fields.remove("Version")) else {
        return Ok(());
    };
    // Of a removed package its configuration may be left.
    let state = fields.get("Status").and_then(|status| status.split_ascii_whitespace().nth(2));
    if matches!(state, Some("not-installed" | "config-files")) {
        return Ok(());
    }
    let architecture = fields.remove("Architecture").unwrap_or_default();
    add(packages, Key { name, architecture }, version)
}

impl Database {
    /// The lists of files lie beside each other, one a package; the name has the architecture where there can
    /// be several.
    pub(super) fn files(
        &self,
        wanted: &dyn Fn(&Key) -> Option<u32>,
        file: &mut dyn FnMut(&[u8], u32) -> bool,
    ) {
        for key in self.packages.keys() {
            let Some(number) = wanted(key) else { continue };
            let Key { name, architecture } = key;
            let lists = [format!("{INFO}/{name}.list"), format!("{INFO}/{name}:{architecture}.list")];
            // A name with a slash leads elsewhere.
            let opened = lists.iter().filter(|_| !name.contains('/') && !architecture.contains('/'));
            for list in opened.filter_map(|path| self.tree.file(path).ok().flatten()) {
                let mut lines = Lines::of(BufReader::new(list));
                while let Ok(Some(path)) = lines.next() {
                    if !file(path, number) {
                        return;
                    }
                }
            }
        }
    }
}
