//! Files that are whole or absent, whatever happens: durable replacement, renames that reach the disk, bounded reads.
//!
//! A rename survives a power cut only when its directory was synced after it, and a file that a rename publishes must have been synced
//! before it. Both are done here, so that no caller can forget one.

mod append;
mod create;
mod flush;
mod mode;
mod read;
mod remove;
mod rename;
mod replace;
mod temporary;
mod write_behind;

pub use append::{open_append, open_log, reserve_space};
pub use create::{create_dir, create_dir_all, create_dir_in, create_dir_unflushed, create_new};
pub use flush::{Together, sync_all_of, sync_dir, sync_files, sync_path};
pub use mode::set_mode;
pub use read::{read_bounded, read_bounded_in};
pub use remove::{remove_file, remove_file_together};
pub use rename::{exchange, rename_noreplace, rename_replacing};
pub use replace::{replace, replace_together};
pub use temporary::{create_temporary, has_temporaries, sweep_temporaries, sweep_temporaries_of};
pub use write_behind::WriteBehind;

use crate::FileError;
use camino::Utf8Path;
use rustix::fs::OFlags;
use std::{fs::File, os::unix::fs::OpenOptionsExt};

/// The directory that holds the name; `.` for a bare name.
fn parent_of(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(parent) if !parent.as_str().is_empty() => parent,
        _ => Utf8Path::new("."),
    }
}

/// Flags as the standard library takes them.
fn open_flags(flags: OFlags) -> i32 {
    flags.bits().cast_signed()
}

fn open_nofollow(path: &Utf8Path) -> Result<File, FileError> {
    File::options()
        .read(true)
        .custom_flags(open_flags(OFlags::NOFOLLOW | OFlags::NONBLOCK))
        .open(path)
        .map_err(FileError::of("open", path))
}

#[cfg(test)]
mod tests;
