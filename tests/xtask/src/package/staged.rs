//! The tree that packages are made of: as `dist` installs it, with documentation, and man pages compressed.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::install;

use super::glibc;
use super::table::Package;
use crate::command::{Output, Tool};
use crate::dist::{self, Built, make_dirs};
use crate::failure::{self, Failure};
use crate::source_tree::SourceTree;

/// Where documentation lies, a directory for each package.
pub(super) const DOC: &str = "usr/share/doc";

/// The tree.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) root: Utf8PathBuf,
    /// A place for what packers need beside it.
    pub(super) scratch: Utf8PathBuf,
    pub(super) version: String,
    /// The day of the sources, as changelogs have it.
    pub(super) date: String,
    /// The oldest glibc that its programs run with.
    pub(super) glibc: (u32, u32),
    pub(super) license: String,
    pub(super) sources: Utf8PathBuf,
}

impl Staged {
    /// Installs all that was built below a scratch directory.
    pub(super) fn of(tree: &SourceTree, built: &Built, scratch: &Utf8Path) -> Result<Self, Failure> {
        let root = scratch.join("tree");
        make_dirs(scratch, "tree")?;
        dist::install_all(tree, built, &root)?;
        add_documentation(tree, &root)?;
        make_dirs(&root, "etc/disklessset")?;
        let pages: Vec<_> =
            files(&root)?.into_iter().filter(|path| path.starts_with("usr/share/man")).collect();
        compress(&root, &pages)?;
        let version = tree.package("disklessset").and_then(|package| package["version"].as_str());
        let native = std::iter::once(&built.program).chain(built.modules.iter().map(|(_, file)| file));
        let needed = native.map(|file| glibc::needed(file)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            root,
            scratch: scratch.to_owned(),
            version: version.unwrap_or_default().to_owned(),
            date: dist::date_of(tree, "%cD", "Thu, 1 Jan 1970 00:00:00 +0000"),
            glibc: needed.into_iter().max().unwrap_or_default(),
            license: read(&tree.root.join("LICENSE-MIT"))?,
            sources: tree.root.clone(),
        })
    }

    /// The files of a package, by their paths below the root.
    pub(super) fn files_of(&self, package: &Package) -> Result<Vec<String>, Failure> {
        Ok(files(&self.root)?.into_iter().filter(|path| package.has(path)).collect())
    }
}

/// All below docs/, so that links between its pages work, and what stands at the top of the sources.
fn add_documentation(tree: &SourceTree, root: &Utf8Path) -> Result<(), Failure> {
    let docs = files(&tree.root.join("docs"))?.into_iter().map(|path| format!("docs/{path}"));
    let top = ["README.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned);
    let place = format!("{DOC}/disklessset-doc");
    for path in docs.chain(top) {
        let to = Utf8Path::new(&place).join(&path);
        make_dirs(root, to.parent().unwrap_or(&to).as_str())?;
        install::file(&tree.root.join(&path), &root.join(&to), 0o644).map_err(Failure::from)?;
    }
    Ok(())
}

/// Compresses files without their names and times, so that the same sources make the same packages.
pub(super) fn compress(root: &Utf8Path, files: &[String]) -> Result<(), Failure> {
    Tool::new("gzip").arg("-9n").args(files.iter().cloned()).dir(root).output(Output::Kept).run().map(drop)
}

/// All files below a directory, by their paths below it, sorted.
pub(super) fn files(root: &Utf8Path) -> Result<Vec<String>, Failure> {
    let (mut found, mut waiting) = (Vec::new(), vec![root.to_owned()]);
    while let Some(dir) = waiting.pop() {
        for entry in dir.read_dir_utf8().map_err(failure::file("read", &dir))? {
            let path = entry.map_err(failure::file("read", &dir))?.path().to_owned();
            match path.is_dir() {
                true => waiting.push(path),
                false => found.extend(path.strip_prefix(root).map(|path| path.as_str().to_owned())),
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

pub(super) fn read(file: &Utf8Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(failure::file("read", file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_page_that_its_summary_leads_to() {
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap();
        add_documentation(&SourceTree::find().unwrap(), root).unwrap();
        let docs = root.join(DOC).join("disklessset-doc/docs");
        let summary = read(&docs.join("SUMMARY.md")).unwrap();
        let pages: Vec<_> = summary.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
        assert!(pages.iter().any(|page| page.starts_with("guides/")), "{pages:?}");
        let missing: Vec<_> = pages.iter().filter(|page| !docs.join(page).is_file()).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
