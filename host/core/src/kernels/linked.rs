//! Modules that are links to those of another kernel, as `weak-updates` of Enterprise Linux has them: a copy of one kernel's modules gets the
//! files themselves.

use crate::{
    failure,
    operation::Operation,
    system::{FileError, command::Tool, files},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Level, Result};

/// Links to where a kernel was built, which nodes do not need.
const OF_THE_BUILD: [&str; 3] = ["build", "source", "vdso"];

/// Where links of a directory of modules lead.
#[derive(Debug)]
pub(super) struct Origin<'a> {
    /// The directory, all links of its own path resolved.
    pub(super) modules: &'a Utf8Path,
    /// The tree that it belongs to, where that is known.
    pub(super) tree: Option<&'a Utf8Path>,
}

impl Origin<'_> {
    /// The tree, and the path of the modules in it.
    fn root(&self) -> Option<(Utf8PathBuf, Utf8PathBuf)> {
        let split =
            |tree: &Utf8Path| Some((tree.to_owned(), self.modules.strip_prefix(tree).ok()?.to_owned()));
        if let Some(tree) = self.tree {
            return split(tree);
        }
        let version = self.modules.file_name()?;
        let suffixes = [format!("/usr/lib/modules/{version}"), format!("/lib/modules/{version}")];
        let above = suffixes.iter().find_map(|suffix| self.modules.as_str().strip_suffix(suffix.as_str()))?;
        split(if above.is_empty() { "/".into() } else { above.into() })
    }

    /// What a link at `inside` (below the modules) with this text leads to. It never leads out of the tree.
    fn target(&self, inside: &Utf8Path, text: &Utf8Path) -> Option<Utf8PathBuf> {
        let in_tree =
            self.root().and_then(|(tree, modules)| files::resolve_in_tree(&tree, &modules.join(inside)).ok());
        in_tree.or_else(|| self.among_siblings(inside, text))
    }

    fn among_siblings(&self, inside: &Utf8Path, text: &Utf8Path) -> Option<Utf8PathBuf> {
        // A directory by itself: its siblings are the modules of other kernels.
        let (siblings, version) = (self.modules.parent()?, self.modules.file_name()?);
        let absolute =
            ["/usr/lib/modules", "/lib/modules"].iter().find_map(|top| text.strip_prefix(top).ok());
        let path = absolute.map_or_else(|| Utf8Path::new(version).join(inside), Utf8Path::to_owned);
        files::resolve_in_tree(siblings, &path).ok()
    }
}

/// Puts files and directories in the place of links that lead out of `copy`, a copy of the modules of one kernel. Links that lead nowhere in
/// the tree go; a driver that is lost with one is told of.
///
/// # Errors
/// When a directory cannot be read, or copying fails.
pub(super) fn carry(operation: &Operation<'_>, origin: &Origin<'_>, copy: &Utf8Path) -> Result<()> {
    let mut lost = Vec::new();
    for inside in links(copy)? {
        let place = copy.join(&inside);
        let text =
            place.read_link_utf8().map_err(|cause| failure::of(FileError::of("read", &place)(cause)))?;
        let of_build = inside.as_str() == inside.file_name().unwrap_or_default()
            && OF_THE_BUILD.contains(&inside.as_str());
        if of_build || stays_inside(&inside, &text) {
            continue;
        }
        match origin.target(&inside, &text) {
            Some(file) if file.is_file() || is_of_modules(&file, &place) => {
                std::fs::remove_file(&place)
                    .map_err(|cause| failure::of(FileError::of("remove", &place)(cause)))?;
                let copied = Tool::new("cp")
                    .args(["--archive", "--reflink=auto", "--no-target-directory"])
                    .args([file.as_str(), place.as_str()])
                    .run()
                    .map_err(failure::of_tool)?;
                operation.took("cp", copied.duration);
                if file.is_dir() {
                    super::copied::must_be_whole(&file, &place)?;
                }
            }
            // It led out of the tree, to a file of the server perhaps, which the server's dracut would take into an initramfs.
            _ => {
                files::remove_file(&place).map_err(failure::of)?;
                if inside.as_str().contains(".ko") {
                    lost.push(inside.into_string());
                }
            }
        }
    }
    if let [first, more @ ..] = lost.as_slice() {
        let others = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
        let text = format!(
            "the modules {first}{others} are links that lead nowhere: nodes will not have these drivers"
        );
        operation.say(Level::Warning, &text);
    }
    Ok(())
}

/// Whether a directory holds modules of another kernel; one that the copy lies in would be copied into itself.
fn is_of_modules(directory: &Utf8Path, place: &Utf8Path) -> bool {
    let below_modules =
        directory.parent().is_some_and(|parent| parent.components().any(|part| part.as_str() == "modules"));
    directory.is_dir() && below_modules && !place.starts_with(directory)
}

/// Whether a link of a copy leads to something in the copy, wherever that is moved.
fn stays_inside(inside: &Utf8Path, text: &Utf8Path) -> bool {
    let mut depth = inside.components().count().saturating_sub(1);
    text.is_relative()
        && text.components().all(|part| match part.as_str() {
            ".." => depth.checked_sub(1).map(|above| depth = above).is_some(),
            "." => true,
            _ => {
                depth += 1;
                true
            }
        })
}

/// All links below a directory, relative to it.
fn links(top: &Utf8Path) -> Result<Vec<Utf8PathBuf>> {
    let (mut found, mut ahead) = (Vec::new(), vec![top.to_owned()]);
    while let Some(directory) = ahead.pop() {
        let fault = |cause| failure::of(FileError::of("read directory", &directory)(cause));
        for entry in directory.read_dir_utf8().map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let kind = entry.file_type().map_err(fault)?;
            if kind.is_dir() {
                ahead.push(entry.path().to_owned());
            } else if kind.is_symlink() {
                found.extend(entry.path().strip_prefix(top).ok().map(Utf8Path::to_owned));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_stay_in_the_directory_are_told_from_others() {
        for (inside, text, stays) in [
            ("updates/x.ko", "../kernel/x.ko", true),
            ("updates/x.ko", "./y.ko", true),
            ("x.ko", "../5.14/x.ko", false),
            ("weak-updates/x.ko", "../../5.14/extra/x.ko", false),
            ("weak-updates/x.ko", "/lib/modules/5.14/extra/x.ko", false),
        ] {
            assert_eq!(stays_inside(inside.into(), text.into()), stays, "{inside} -> {text}");
        }
    }
}
