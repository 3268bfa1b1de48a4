//! Making one OS tree from another: a btrfs snapshot, a copy that shares its data, or a plain copy. Every way keeps all that
//! a file has; what the target cannot hold is said. For a tree that is only packed there is a fourth: it is shown through an overlay.

mod choose;
mod copy;
mod snapshot;
mod view;

pub use choose::{Choice, choose};
pub use view::{Shown, Watched, show};

use crate::{file_error, space};
use camino::Utf8Path;
use copy::Reporter;
use disklessset_plugin_api::{Error, Host, ParamKind, ParameterType, Result, serde_json::Value};
use disklessset_system::{durable, file_system::FileSystem, mount_table::mount_of};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use std::{fmt, os::unix::fs::DirBuilderExt, str::FromStr};

/// The kind of file system that a path lies on.
fn kind(path: &Utf8Path) -> Result<FileSystem> {
    FileSystem::of(path).map_err(file_error::into_api_error)
}

/// The name of the file system that a path lies on, such as `ext4`, for messages.
fn file_system_of(path: &Utf8Path) -> String {
    let mount = mount_of(path).ok().flatten();
    mount.map_or_else(|| "of an unknown type".to_owned(), |mount| mount.kind)
}

/// A way to make a tree from another, the better ones first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A btrfs snapshot: nothing is copied, whatever the size.
    Snapshot,
    /// Every file is made anew and shares its data with the original until one of them is written to. Files that cannot share (of a
    /// subvolume with other rules, say) are copied.
    Reflink,
    /// Everything is copied.
    Copy,
}

impl Method {
    /// All of them, the better ones first.
    pub const ALL: [Self; 3] = [Self::Snapshot, Self::Reflink, Self::Copy];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "snapshot",
            Self::Reflink => "reflink",
            Self::Copy => "copy",
        })
    }
}

/// Not the word of a method.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no way to make a tree: it is none of {words}", words = words(.1))]
pub struct UnknownMethod(String, Words);

/// Which words would have been good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Methods,
    WithAuto,
}

fn words(which: &Words) -> &'static str {
    match which {
        Words::Methods => "snapshot, reflink, copy",
        Words::WithAuto => "auto, snapshot, reflink, copy",
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let known = Self::ALL.into_iter().find(|method| method.to_string() == text);
        known.ok_or_else(|| UnknownMethod(text.to_owned(), Words::Methods))
    }
}

/// What the user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The best that works.
    Auto,
    /// This or nothing.
    Only(Method),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Only(method) => method.fmt(f),
        }
    }
}

impl FromStr for Wanted {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        match text {
            "auto" => Ok(Self::Auto),
            text => text.parse().map(Self::Only).map_err(|_| UnknownMethod(text.to_owned(), Words::WithAuto)),
        }
    }
}

impl ParameterType for Wanted {
    fn kind() -> ParamKind {
        let all = std::iter::once(Self::Auto).chain(Method::ALL.map(Self::Only));
        ParamKind::Choice { choices: all.map(|wanted| wanted.to_string()).collect() }
    }

    fn from_value(value: &Value) -> std::result::Result<Self, String> {
        let text = value.as_str().unwrap_or_default();
        text.parse().map_err(|cause: UnknownMethod| cause.to_string())
    }
}

/// What [`copy_tree`] made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// How: a copy, when sharing was asked for and no file could be shared.
    pub method: Method,
    /// Files, directories and everything else, the topmost directory included; 0 after a snapshot, which looks at none.
    pub entries: u64,
    /// Bytes of file content, holes included, files with several names once; 0 after a snapshot.
    pub bytes: u64,
    /// What the copy could not keep, a line each, the first of many. All of it was told as a warning.
    pub lost: Vec<String>,
}

/// Makes the tree `target`, which is not there yet while its parent is, from the tree `source`. What is mounted inside the
/// source stays out. When it returns, the tree is on disk. A tree that was begun and failed is left for the caller to remove.
///
/// # Errors
/// When something cannot be read, made or given an attribute, with its name; when the user stops it; when the target lies inside the
/// source; when a snapshot is not possible here (see [`choose`]).
pub fn copy_tree(source: &Utf8Path, target: &Utf8Path, method: Method, host: &Host<'_>) -> Result<Copied> {
    make(source, target, method, Reporter::All, host)
}

/// The same for a tree that dies with the action, or that the caller flushes when more was done to it: when it returns, it need not be
/// on disk.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_tree_unflushed(
    source: &Utf8Path,
    target: &Utf8Path,
    method: Method,
    host: &Host<'_>,
) -> Result<Copied> {
    make(source, target, method, Reporter::Told, host)
}

/// Whether a snapshot of `source` in the directory `beside` is likely to be possible: nothing is tried.
///
/// # Errors
/// When one of the two cannot be looked at.
pub fn may_snapshot(source: &Utf8Path, beside: &Utf8Path, host: &Host<'_>) -> Result<bool> {
    Ok(snapshot::obstacle(source, beside, host)?.is_none())
}

/// The same for one of many trees from the same source: the user hears of no progress and of nothing lost, which the caller
/// tells once for all of them. When it returns, a tree that is no snapshot is not on disk: that is [`flush`]'s, for several at once.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_one_of_many(
    source: &Utf8Path,
    target: &Utf8Path,
    method: Method,
    host: &Host<'_>,
) -> Result<Copied> {
    make(source, target, method, Reporter::Nothing, host)
}

fn make(
    source: &Utf8Path,
    target: &Utf8Path,
    method: Method,
    telling: Reporter,
    host: &Host<'_>,
) -> Result<Copied> {
    match method {
        Method::Snapshot => {
            snapshot::make(source, target, host)?;
            Ok(Copied { method, entries: 0, bytes: 0, lost: Vec::new() })
        }
        Method::Reflink => {
            make_root(target, host)?;
            copy::copy(source, target, copy::Sharing::Always, telling, host).map_err(space::writing(target))
        }
        Method::Copy => {
            make_root(target, host)?;
            copy::copy(source, target, copy::Sharing::Never, telling, host).map_err(space::writing(target))
        }
    }
}

/// Copies a directory into a tree, or anywhere else, with its data shared where that is possible, and as faithfully as
/// [`copy_tree`]. To have it on disk is the caller's. It becomes an ordinary directory, no subvolume that would be missing in snapshots of
/// the tree. `target` is not there yet, while its parent is.
///
/// # Errors
/// As [`copy_tree`].
pub fn copy_directory(source: &Utf8Path, target: &Utf8Path, host: &Host<'_>) -> Result<Copied> {
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(target)
        .and_then(|()| Ok(inherit_nothing(target)?))
        .map_err(|cause| Error::failed(format!("cannot make the directory {target}")).because(cause))?;
    copy::copy(source, target, copy::Sharing::WherePossible, Reporter::Told, host)
        .map_err(space::writing(target))
}

/// Makes an empty directory for a tree, root's with mode 0755: a btrfs subvolume where that is possible, so that the tree can
/// be snapshotted later, else a plain directory. `path` is not there yet.
///
/// # Errors
/// When the directory cannot be made.
pub fn make_root(path: &Utf8Path, host: &Host<'_>) -> Result<()> {
    let fault = |cause| Error::failed(format!("cannot make the directory {path}")).because(cause);
    if !snapshot::make_subvolume(path, host) {
        std::fs::DirBuilder::new().mode(0o700).create(path).map_err(fault)?;
    }
    inherit_nothing(path).map_err(|cause| fault(cause.into()))?;
    std::os::unix::fs::lchown(path, Some(0), Some(0)).map_err(fault)?;
    // The umask of the server must not shape the root directory of nodes.
    durable::set_mode(path, 0o755).map_err(|error| fault(error.source))
}

/// Has all that was written to a directory's file system on disk. After work that others did in it: what is told to be done must outlast a
/// power cut.
///
/// # Errors
/// When the directory is not there, or a write failed.
pub fn flush(directory: &Utf8Path) -> Result<()> {
    let fault =
        |cause: &dyn fmt::Display| Error::failed(format!("cannot flush {directory} to disk")).because(cause);
    let opened = std::fs::File::open(directory).map_err(|cause| fault(&cause))?;
    rustix::fs::syncfs(&opened).map_err(|cause| fault(&cause))
}

/// Takes the access rules off a new directory that the one above gives to all new ones: every file of the tree would have them.
fn inherit_nothing(path: &Utf8Path) -> rustix::io::Result<()> {
    for name in [c"system.posix_acl_default", c"system.posix_acl_access"] {
        match rustix::fs::lremovexattr(path.as_std_path(), name) {
            Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_and_written_alike() {
        for text in ["auto", "snapshot", "reflink", "copy"] {
            assert_eq!(text.parse::<Wanted>().unwrap().to_string(), text);
        }
        assert!(Method::ALL.is_sorted());
        assert_eq!(serde_json::to_string(&Method::Reflink).unwrap(), "\"reflink\"");
        let refused = "overlay".parse::<Wanted>().unwrap_err().to_string();
        assert_eq!(
            refused,
            "\"overlay\" is no way to make a tree: it is none of auto, snapshot, reflink, copy"
        );
        assert!("auto".parse::<Method>().is_err());
    }
}
