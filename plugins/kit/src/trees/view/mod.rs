//! A tree shown through an overlay, so that it can be changed and packed and nothing of it is copied.

mod mounts_inside;
mod root_directory;
mod scan;

use super::{copy, file_system_of};
use crate::directories;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Host, Result};
use disklessset_system::mount_table;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Dir, FileType, Mode, OFlags, XattrFlags},
};
use scan::{Facts, Fitness};
use serde::Serialize;

/// The service of the host. It is newer than the API: one that has it not says so.
const MOUNT: &str = "mount_view_of_tree";

#[derive(Serialize)]
struct Wanted<'a> {
    tree: &'a Utf8Path,
    device: u64,
    inode: u64,
    upper: &'a Utf8Path,
    work: &'a Utf8Path,
    target: &'a Utf8Path,
}

/// A tree as it was when it was first looked at.
#[derive(Debug)]
pub struct Watched {
    path: Utf8PathBuf,
    tree: OwnedFd,
    facts: Facts,
}

impl Watched {
    /// Looks whether the tree is as it was: what is made of one that is changed meanwhile is a mixture.
    ///
    /// # Errors
    /// When it is not, with some of the directories; when it cannot be read.
    pub fn must_be_unchanged(&self, host: &Host<'_>) -> Result<()> {
        let changed = self.facts.changed(self.tree.as_fd(), host)?;
        if changed.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!("the tree {} was changed while it was packed", self.path))
            .because(format!("in {}", changed.join(", ")))
            .hint("try again when nobody changes it, or take a snapshot or copy of it as the source"))
    }
}

/// What came of showing a tree.
#[derive(Debug)]
pub enum Shown {
    /// It is mounted.
    View(Watched),
    /// It cannot be: why, as the end of a sentence.
    Not(String),
}

/// Shows the tree `source` in the directory `target`, which exists and is empty; changes go into the private directory `scratch`, and are
/// gone with the view when the action ends. What is mounted inside the source stays out. Neither its files nor their times change.
///
/// # Errors
/// When the source cannot be read, changes would lie inside it, or the user stops it.
pub fn show(source: &Utf8Path, scratch: &Utf8Path, target: &Utf8Path, host: &Host<'_>) -> Result<Shown> {
    let fault = |error: Error| error.context(format!("cannot show the tree {source}"));
    copy::refuse_itself(source, target)?;
    let real = source.canonicalize_utf8().map_err(|cause| fault(cause.into()))?;
    if let Some(why) = user_of(&real)? {
        return Ok(Shown::Not(why));
    }
    let [upper, work] = ["changes", "overlay"].map(|name| scratch.join(name));
    directories::make(&upper, 0o700)?;
    directories::make(&work, 0o700)?;
    if let Some(why) = unfit_for_changes(scratch, &upper)? {
        return Ok(Shown::Not(why));
    }
    let tree = open(&real).map_err(fault)?;
    let facts = match scan::look(tree.as_fd(), host).map_err(fault)? {
        Fitness::Fit(facts) => facts,
        Fitness::Unfit(why) => return Ok(Shown::Not(why)),
    };
    root_directory::give_attributes(&tree, &upper)
        .map_err(|cause| Error::failed(format!("cannot give {upper} what {source} has")).because(cause))?;
    let found = rustix::fs::fstat(&tree).map_err(|cause| fault(std::io::Error::from(cause).into()))?;
    let (device, inode) = (found.st_dev, found.st_ino);
    let wanted = Wanted { tree: &real, device, inode, upper: &upper, work: &work, target };
    match host.call::<()>(MOUNT, &wanted) {
        Ok(()) => {}
        Err(error) if error.kind == ErrorKind::INTERRUPTED => return Err(error),
        Err(error) => {
            let why = error.causes.last().unwrap_or(&error.message);
            let kind = file_system_of(&real);
            return Ok(Shown::Not(format!("no overlay over {kind} can be mounted here ({why})")));
        }
    }
    mounts_inside::leave_out(&real, target, host)?;
    Ok(Shown::View(Watched { path: source.to_owned(), tree, facts }))
}

fn open(tree: &Utf8Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(tree.as_std_path(), flags, Mode::empty())
        .map_err(|cause| Error::failed(format!("cannot open {tree}")).because(cause))
}

/// Which overlay keeps its changes in this tree, or in one around it: it could change under the view.
fn user_of(tree: &Utf8Path) -> Result<Option<String>> {
    let mounts = mount_table::mounts().map_err(crate::file_error::into_api_error)?;
    let overlays = mounts.iter().filter(|mount| mount.kind == "overlay");
    for mount in overlays {
        let layers = mount.options.split(',').filter_map(|option| {
            option.strip_prefix("upperdir=").or_else(|| option.strip_prefix("workdir="))
        });
        for layer in layers {
            if tree.starts_with(layer) || Utf8Path::new(layer).starts_with(tree) {
                return Ok(Some(format!("the overlay at {} keeps its changes in {layer}", mount.target)));
            }
        }
    }
    Ok(None)
}

/// Why the file system of the work area cannot take changes: overlays need attributes of root's, and lists that tell the kinds of files.
fn unfit_for_changes(scratch: &Utf8Path, upper: &Utf8Path) -> Result<Option<String>> {
    let kind = file_system_of(scratch);
    if kind == "overlay" {
        return Ok(Some(format!("the work area {scratch} lies on an overlay itself")));
    }
    let name = c"trusted.disklessset";
    let set = rustix::fs::lsetxattr(upper.as_std_path(), name, b"y", XattrFlags::empty());
    if set.and_then(|()| rustix::fs::lremovexattr(upper.as_std_path(), name)).is_err() {
        return Ok(Some(format!("the file system {kind} of the work area keeps no attributes of root's")));
    }
    let fault = |cause| Error::failed(format!("cannot read {scratch}")).because(cause);
    for entry in Dir::new(open(scratch)?).map_err(fault)? {
        if entry.map_err(fault)?.file_type() == FileType::Unknown {
            return Ok(Some(format!("the file system {kind} of the work area does not list what files are")));
        }
    }
    Ok(None)
}
