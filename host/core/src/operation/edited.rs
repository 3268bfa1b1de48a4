//! An image that is mounted for editing, and in which nothing was edited.

use super::Operation;
use crate::{
    failure,
    installations::Effect,
    system::{
        mounts::{self, MountError},
        tree_mounts,
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Mount, Result};

impl Operation<'_> {
    /// Takes the image's own mounts away where nothing was edited in them, so that they stand in nobody's way. With edits, or with something
    /// that others mounted in one of its directories, all stays: whoever asked for more is told.
    ///
    /// # Errors
    /// When a process works in one: it is named, and all stays.
    pub(crate) fn end_unedited(&self, directories: &[Utf8PathBuf]) -> Result<()> {
        let open = self.on_journal(|journal| journal.state().open.clone());
        let own = open.iter().filter_map(|open| match &open.effect {
            Effect::Mount { mount } => Some(mount),
            _ => None,
        });
        let own: Vec<&Mount> = own.collect();
        let edited =
            own.iter().any(|mount| matches!(mount, Mount::Overlay { upper, .. } if !is_empty(upper)));
        if own.is_empty() || edited {
            return Ok(());
        }
        let is_own = |place: &Utf8Path| {
            own.iter().any(|mount| match mount {
                Mount::System { target } => {
                    tree_mounts::SYSTEM.iter().any(|name| place.starts_with(target.join(name)))
                }
                other => place == other.target(),
            })
        };
        for directory in directories {
            let mounted = mounts::mounts_below(directory).map_err(failure::of)?;
            if !mounted.iter().all(|mount| is_own(&mount.target)) {
                return Ok(());
            }
        }
        for mount in &own {
            let processes = mounts::processes_in(mount.target());
            if !processes.is_empty() {
                let target = mount.target().to_owned();
                return Err(failure::refused(MountError::Busy { target, processes, mounts: Vec::new() }));
            }
        }
        self.mounts_changed.set(true);
        self.release_mounts()
    }
}

fn is_empty(directory: &Utf8Path) -> bool {
    // One that is not there holds nothing; one that cannot be read may hold anything.
    match directory.read_dir_utf8() {
        Ok(mut entries) => entries.next().is_none(),
        Err(cause) => cause.kind() == std::io::ErrorKind::NotFound,
    }
}
