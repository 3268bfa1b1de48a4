//! The examiner: sends actors, and looks at the world before and after each.

mod acting;
mod furnishing;
mod saved_root;
mod small_initramfs;

pub(crate) use acting::{ActOutcome, Exit, RunOptions};

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use rustix::process::geteuid;

use super::place::Rooms;
use super::root_snapshot::{Mounts, RootSnapshot};
use super::{Order, Value, finding};

use disklessset_core::modules::ModuleRegistry;
use disklessset_core::modules::check::{Finding, Outcome};
use disklessset_core::system::layout::Layout;

/// The most an answer may hold, in bytes.
pub(crate) const MOST_ANSWER: u64 = 16 * 1024 * 1024;

/// Everything that is said while the module is exercised goes through here.
pub(crate) struct Examiner<'e> {
    base: Utf8PathBuf,
    mounts: Mounts,
    rooms: Rooms,
    pub(crate) layout: Layout,
    pub(crate) given: BTreeMap<String, Value>,
    limit: Duration,
    emit: &'e dyn Fn(&Finding),
    saved: RefCell<Vec<(RootSnapshot, Utf8PathBuf)>>,
    pub(crate) failed: Cell<bool>,
}

/// The name of the mount namespace of this process.
pub(crate) fn mount_namespace() -> String {
    std::fs::read_link("/proc/self/ns/mnt")
        .map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}

impl<'e> Examiner<'e> {
    /// Makes the throw-away root ready for the first actor.
    ///
    /// # Errors
    /// Why it could not be made ready, in one line.
    pub(crate) fn new(order: Order, emit: &'e dyn Fn(&Finding)) -> Result<Self, String> {
        let rooms = Rooms::of(&order.base);
        let layout = Layout::builder().root(rooms.root()).build().map_err(|error| error.to_string())?;
        let examiner = Self {
            mounts: if mount_namespace() == order.mount_namespace { Mounts::Shared } else { Mounts::Own },
            base: order.base,
            rooms,
            layout,
            given: order.given,
            limit: Duration::from_secs(order.limit_seconds),
            emit,
            saved: RefCell::default(),
            failed: Cell::new(false),
        };
        examiner.watch_temporary_files();
        examiner.furnish()?;
        Ok(examiner)
    }

    pub(crate) fn say(&self, subject: &str, outcome: Outcome, text: impl Into<String>) {
        if outcome == Outcome::Bad {
            self.failed.set(true);
        }
        (self.emit)(&finding(subject, outcome, text));
    }

    /// The modules that are there for the check.
    pub(crate) fn modules(&self) -> ModuleRegistry {
        ModuleRegistry::scan(&self.rooms.modules())
    }

    /// The tree that images are made of when nobody named a source.
    pub(crate) fn small_tree(&self) -> Utf8PathBuf {
        self.rooms.small_tree()
    }

    /// Whether a failure may be for want of privileges.
    pub(crate) fn is_unprivileged(&self) -> bool {
        !geteuid().is_root()
    }
}
