//! The node file: read by anybody, changed under its lock, written whole.

use super::{glance::NamesAtAGlance, inventory::Inventory};
use crate::{
    failure,
    system::{
        atomic_file,
        failpoint::failpoint,
        layout::Layout,
        lock::{Lock, LockError, Wait},
    },
};
use camino::Utf8PathBuf;
use disklessset_plugin_api::{Error, ErrorKind, Result};

/// The most it may hold, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// The name of its lock.
const LOCK: &str = "nodes";
/// How long one waits at least for another command that changes nodes, in seconds.
const PATIENCE: u64 = 60;
/// What it begins with.
const HEAD: &str = "# Nodes and pools. `disklessset node`, `pool` and `assign` write this file; boot files are made from it.\n\
                    # After a change by hand, `disklessset clean` makes the boot files anew.\n";

/// The file with the nodes and pools of a site.
#[derive(Debug, Clone)]
pub struct NodeFile {
    path: Utf8PathBuf,
    locks: Utf8PathBuf,
}

impl NodeFile {
    /// That of a site.
    pub fn of(layout: &Layout) -> Self {
        Self { path: layout.nodes_file(), locks: layout.locks_dir() }
    }

    /// Where it is, as people know it.
    pub(super) fn published(&self, layout: &Layout) -> Utf8PathBuf {
        layout.published(&self.path)
    }

    /// What is on record; nothing where there is no file.
    ///
    /// # Errors
    /// When it cannot be read, or is no node file; file, line and reason are named.
    pub fn load(&self) -> Result<Inventory> {
        let Some(bytes) = self.read()? else { return Ok(Inventory::default()) };
        let understood = match std::str::from_utf8(&bytes) {
            Ok(text) => Inventory::parse(text).map_err(|error| error.to_string()),
            Err(cause) => Err(cause.to_string()),
        };
        understood.map_err(|reason| Error::failed(format!("cannot understand {}: {reason}", self.path)))
    }

    /// The names on record alone, taken from the text where that can be done.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn names(&self) -> Result<NamesAtAGlance> {
        let bytes = self.read()?.unwrap_or_default();
        let glance = std::str::from_utf8(&bytes).ok().and_then(NamesAtAGlance::of);
        glance.map_or_else(|| self.load().map(|inventory| NamesAtAGlance::of_inventory(&inventory)), Ok)
    }

    fn read(&self) -> Result<Option<Vec<u8>>> {
        match atomic_file::read_bounded(&self.path, MOST_BYTES) {
            Err(error) if error.is_not_found() => Ok(None),
            read => read.map(Some).map_err(failure::of),
        }
    }

    /// Takes the lock under which it is changed; waits for who has it.
    pub(super) fn lock(&self, operation: &str, wait: Wait) -> Result<Lock> {
        let seconds = match wait {
            Wait::Seconds(seconds) => seconds.max(PATIENCE),
            Wait::No => PATIENCE,
        };
        let lock = Lock::acquire(&self.locks, LOCK, "the node file", operation, Wait::Seconds(seconds));
        lock.map_err(|error| match error {
            LockError::Busy { .. } => failure::with_kind(ErrorKind::BUSY, error),
            LockError::Interrupted(cause) => failure::interrupted(cause),
            other => failure::of(other),
        })
    }

    /// Removes what a writer left that was killed. The caller has the lock.
    pub(super) fn sweep(&self, _lock: &Lock) -> Result<()> {
        atomic_file::sweep_temporaries(&self.path).map_err(failure::of)
    }

    /// Removes it, with what a writer left that was killed. The caller has the lock.
    pub(super) fn remove(&self, lock: &Lock) -> Result<()> {
        self.sweep(lock)?;
        atomic_file::remove_file(&self.path).map_err(failure::of)?;
        failpoint!("nodes: forgotten", self.path);
        Ok(())
    }

    /// Writes it, whole and durably. The caller has the lock.
    pub(super) fn save(&self, inventory: &Inventory, _lock: &Lock) -> Result<()> {
        let text = inventory.to_text().map_err(failure::of)?;
        let written = atomic_file::replace(&self.path, format!("{HEAD}{text}").as_bytes(), 0o644);
        written.map_err(failure::of)?;
        failpoint!("nodes: on record", self.path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8Path;

    #[test]
    fn a_node_file_is_missing_or_whole_or_named_with_what_is_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let layout = Layout::builder().root(root).build().unwrap();
        let file = NodeFile::of(&layout);
        assert_eq!(file.load().unwrap(), Inventory::default());
        atomic_file::create_dir_all(&layout.state_dir(), 0o755).unwrap();
        let inventory = Inventory::parse("format: 1\nnodes: {c1: {}}\n").unwrap();
        let lock = file.lock("test", Wait::No).unwrap();
        file.save(&inventory, &lock).unwrap();
        assert_eq!(file.load().unwrap(), inventory);
        atomic_file::replace(&layout.nodes_file(), b"format: 1\nnodes: {c1: {x: 1}}\n", 0o644).unwrap();
        let told = file.load().unwrap_err().to_string();
        assert!(told.contains("nodes.yml") && told.contains("line 2"), "{told}");
    }
}
