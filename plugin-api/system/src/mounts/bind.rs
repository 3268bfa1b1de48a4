//! Shows files and directories a second time.

use super::{Access, Depth, MountError, MountFlags, change, open_place, unmount_all_below};
use crate::{
    FileError,
    beneath::own_path,
    steps::{Step, passed},
};
use camino::Utf8Path;
use rustix::mount::{MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change};
use std::io;

/// Whether a bind shows what is mounted below its source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submounts {
    /// Only the source's own file system is shown.
    Leave,
    /// Everything is shown.
    Show,
}

/// Shows a file or directory a second time, at `target`, which must exist and be no link.
///
/// The copy is cut off from the original: unmounting below the one never unmounts below the other, as it would on
/// servers whose mounts are shared.
///
/// # Errors
/// What the system refuses; nothing stays mounted then.
pub fn bind(
    source: &Utf8Path,
    target: &Utf8Path,
    access: Access,
    submounts: Submounts,
) -> Result<(), MountError> {
    let place = open_place(target)?;
    let place = own_path(&place);
    let (mounted, more) = match submounts {
        Submounts::Show => (mount_bind_recursive(source.as_str(), &*place), MountPropagationFlags::REC),
        Submounts::Leave => (mount_bind(source.as_str(), &*place), MountPropagationFlags::empty()),
    };
    mounted.map_err(FileError::of("mount", target))?;
    passed(Step::BindShared, &target);
    let finished = mount_change(target.as_str(), MountPropagationFlags::PRIVATE | more);
    let (read_only, depth) = match (access, submounts) {
        (Access::ReadOnly, Submounts::Leave) => (MountFlags::RDONLY, Depth::Alone),
        (Access::ReadOnly, Submounts::Show) => (MountFlags::RDONLY, Depth::AllBelow),
        (Access::ReadWrite, Submounts::Leave) => (MountFlags::empty(), Depth::Alone),
        (Access::ReadWrite, Submounts::Show) => (MountFlags::empty(), Depth::AllBelow),
    };
    let flags = MountFlags::NOSUID | MountFlags::NODEV | read_only;
    let finished = finished
        .map_err(io::Error::from)
        .and_then(|()| change(target.as_str(), flags, MountFlags::empty(), depth));
    passed(Step::BindFinished, &target);
    finished.map_err(|error| {
        // Made a moment ago and used by nobody; the first error is the one to tell.
        let _ = unmount_all_below(target);
        FileError::of("mount", target)(error).into()
    })
}
