//! Private namespaces for one run: what a tool mounts and starts dies with it, and with us.
//!
//! A thread of ours unshares its own mount namespace and the pid namespace of its children, mounts what the run needs
//! and starts the tool from there. The rest of the process stays where it was. When the last process of the namespaces
//! has ended, for whatever reason, the kernel takes the mounts away: nothing to undo, nothing to forget.

use std::fs::File;
use std::io;

use camino::Utf8PathBuf;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::tree_root;

/// How far a tool is kept apart from the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Not at all, but it is killed with us. For tools whose mounts are meant to stay, and for those that talk to
    /// services of the machine through `/proc` (`mount`, `losetup`, `exportfs`).
    None,
    /// Its own mounts and processes; files are the machine's. Users other than root get no more than [`Isolation::None`].
    #[default]
    Private,
    /// As `Private`, and the tree is its root directory, with `/proc`, `/sys`, `/dev` and `/run` of its own.
    Chroot(Chroot),
}

/// A tree to run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chroot {
    pub(super) tree: Utf8PathBuf,
    pub(super) binds: Vec<Bind>,
    pub(super) name_resolution: NameResolution,
}

/// Whether programs in a tree can look up host names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameResolution {
    /// The server's `resolv.conf` is shown inside for the length of the run. While it is, the tree's own
    /// `etc/resolv.conf` cannot be renamed or removed when it is a regular file.
    OfTheServer,
    /// The tree's own settings.
    OfTheTree,
}

/// Whether what is shown inside a tree may be changed from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Changes reach the original.
    ReadWrite,
    /// No changes.
    ReadOnly,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) source: Utf8PathBuf,
    pub(super) target: Utf8PathBuf,
    pub(super) access: Access,
}

impl Chroot {
    /// The tree as root directory, with the server's name resolution.
    pub fn new(tree: impl Into<Utf8PathBuf>) -> Self {
        Chroot { tree: tree.into(), binds: Vec::new(), name_resolution: NameResolution::OfTheServer }
    }

    /// Shows a file or directory of the server at `target` inside. Below `/run` the target is made for the run; elsewhere
    /// it must be there and no part of its path may be a link.
    #[must_use]
    pub fn bind(
        mut self,
        source: impl Into<Utf8PathBuf>,
        target: impl Into<Utf8PathBuf>,
        access: Access,
    ) -> Self {
        self.binds.push(Bind { source: source.into(), target: target.into(), access });
        self
    }

    /// Chooses whose `resolv.conf` counts.
    #[must_use]
    pub fn name_resolution(mut self, choice: NameResolution) -> Self {
        self.name_resolution = choice;
        self
    }
}

/// A step of the preparation that failed.
#[derive(Debug)]
pub(super) struct StepError {
    pub(super) step: String,
    pub(super) source: io::Error,
}

/// Makes the error of a step; for `map_err`.
pub(super) fn step<E: Into<io::Error>>(text: impl Into<String>) -> impl FnOnce(E) -> StepError {
    move |source| StepError { step: text.into(), source: source.into() }
}

/// While it lives, this thread is in its private mount namespace; dropping it goes back, which lets go of the mounts.
pub(super) struct PrivateNamespace {
    before: File,
}

impl PrivateNamespace {
    /// Moves this thread into namespaces of its own. It can start no threads afterwards, only processes.
    pub(super) fn enter(isolation: &Isolation) -> Result<Self, StepError> {
        let before = File::open("/proc/thread-self/ns/mnt")
            .map_err(step("remembering the machine's mount namespace"))?;
        let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
        if matches!(isolation, Isolation::Chroot(_)) {
            // A package script in a tree must not rename the server or reach its shared memory.
            flags |= CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
        }
        unshare(flags).map_err(step("making private namespaces"))?;
        let entered = PrivateNamespace { before };
        // Nothing we mount reaches the machine. (As the machine's slave we would learn of its unmounts; but then a mount
        // the machine makes below a tree during the run would appear in it.)
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)
            .map_err(step("making the mounts private"))?;
        if let Isolation::Chroot(chroot) = isolation {
            tree_root::enter(chroot)?;
        }
        Ok(entered)
    }
}

impl Drop for PrivateNamespace {
    fn drop(&mut self) {
        // The thread's end would do the same, but a moment after it can be joined. It cannot fail for a namespace we came
        // from; if it does, the thread's end does it.
        let _ = setns(&self.before, CloneFlags::CLONE_NEWNS);
    }
}
