//! Private namespaces for one run: what a tool mounts and starts dies with it, and with us.
//!
//! A thread of ours unshares its own mount namespace and the pid namespace of its children, mounts what the run needs
//! and starts the tool from there. The rest of the process stays where it was. When the last process of the namespaces
//! has ended, for whatever reason, the kernel takes the mounts away: nothing to undo, nothing to forget.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use camino::Utf8PathBuf;
pub use disklessset_system::mounts::Access;
use nix::sched::{CloneFlags, setns, unshare};
use rustix::mount::{MountPropagationFlags, mount_change};

use super::confine::Confinement;
use super::rights::Rights;
use super::{public_root, server_root, tree_root};

/// How far a tool is kept apart from the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Not at all, but it is killed with us. For tools whose mounts are meant to stay, and for those that talk to
    /// services of the machine through `/proc` (`mount`, `losetup`, `exportfs`).
    None,
    /// Its own mounts and processes; files are the machine's. Users other than root get no more than [`Isolation::None`].
    #[default]
    Private,
    /// As `Private`, and it sees none of the server's files that not everybody may read. For programs that make something public of what
    /// a stranger brought.
    Public(Public),
    /// As `Private`, and the tree is its root directory, with `/proc`, `/sys`, `/dev` and `/run` of its own, and few rights.
    Chroot(Chroot),
    /// For a program of the machine that runs programs of a tree, as package managers do: it sees the machine's files without being
    /// able to change them, and has `/proc`, `/dev` and `/run` of its own, few rights, and `/proc`, `/sys` and `/dev` in the tree.
    Installing(Installing),
}

/// What a program that makes something public sees beside the system's own files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Public {
    pub(super) shows: Vec<Utf8PathBuf>,
}

impl Public {
    /// A directory that it sees as it is.
    #[must_use]
    pub fn show(mut self, directory: impl Into<Utf8PathBuf>) -> Self {
        self.shows.push(directory.into());
        self
    }
}

/// A tree to install into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installing {
    pub(super) tree: Utf8PathBuf,
    pub(super) writable: Vec<Utf8PathBuf>,
    pub(super) links_of_dev: bool,
}

impl Installing {
    /// The tree, which the program may write to.
    pub fn into_tree(tree: impl Into<Utf8PathBuf>) -> Self {
        Installing { tree: tree.into(), writable: Vec::new(), links_of_dev: true }
    }

    /// Whether `/dev` has links such as `fd`; a program that makes them itself fails where they are.
    #[must_use]
    pub fn links_of_dev(mut self, links: bool) -> Self {
        self.links_of_dev = links;
        self
    }

    /// A directory beside it that the program may write to.
    #[must_use]
    pub fn may_write(mut self, directory: impl Into<Utf8PathBuf>) -> Self {
        self.writable.push(directory.into());
        self
    }
}

/// A tree to run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chroot {
    pub(super) tree: Utf8PathBuf,
    pub(super) binds: Vec<Bind>,
    pub(super) name_resolution: NameResolution,
    pub(super) rights: Rights,
    pub(super) access: Access,
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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bind {
    pub(super) source: Utf8PathBuf,
    pub(super) target: Utf8PathBuf,
    pub(super) access: Access,
}

impl Chroot {
    /// The tree as root directory, with the server's name resolution and the rights of a package manager.
    pub fn new(tree: impl Into<Utf8PathBuf>) -> Self {
        Chroot {
            tree: tree.into(),
            binds: Vec::new(),
            name_resolution: NameResolution::OfTheServer,
            rights: Rights::default(),
            access: Access::ReadWrite,
        }
    }

    /// Keeps the program from changing the tree. `/proc`, `/sys`, `/dev` and `/run` must be there already.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.access = Access::ReadOnly;
        self
    }

    /// Chooses what the program may do.
    #[must_use]
    pub fn rights(mut self, rights: Rights) -> Self {
        self.rights = rights;
        self
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
    rights: Option<Rights>,
    trees_proc: Option<OwnedFd>,
}

impl PrivateNamespace {
    /// Moves this thread into namespaces of its own. It can start no threads afterwards, only processes.
    pub(super) fn enter(isolation: &Isolation) -> Result<Self, StepError> {
        let before = File::open("/proc/thread-self/ns/mnt")
            .map_err(step("remembering the machine's mount namespace"))?;
        let rights = match isolation {
            Isolation::None | Isolation::Private | Isolation::Public(_) => None,
            Isolation::Chroot(chroot) => Some(chroot.rights),
            Isolation::Installing(_) => Some(Rights::Packages),
        };
        let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
        if rights.is_some() {
            // A package script in a tree must not rename the server or reach its shared memory.
            flags |= CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC;
        }
        unshare(flags).map_err(step("making private namespaces"))?;
        let mut entered = PrivateNamespace { before, rights, trees_proc: None };
        if rights.is_some_and(|rights| !rights.has_network()) {
            unshare(CloneFlags::CLONE_NEWNET).map_err(step("making a private network namespace"))?;
        }
        // Nothing we mount reaches the machine. (As the machine's slave we would learn of its unmounts; but then a mount
        // the machine makes below a tree during the run would appear in it.)
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
            .map_err(step("making the mounts private"))?;
        match isolation {
            Isolation::None | Isolation::Private => {}
            Isolation::Public(plan) => public_root::enter(plan)?,
            Isolation::Chroot(chroot) => tree_root::enter(chroot)?,
            Isolation::Installing(plan) => entered.trees_proc = Some(server_root::enter(plan)?),
        }
        Ok(entered)
    }

    /// What a process that is started in it gives up.
    pub(super) fn confinement(&self) -> Option<Confinement> {
        let also = self.trees_proc.as_ref().map(AsRawFd::as_raw_fd);
        self.rights.map(|rights| {
            let (keeps, filtered) = (rights.capabilities(), rights.is_filtered());
            Confinement { keeps, filtered, also }
        })
    }
}

impl Drop for PrivateNamespace {
    fn drop(&mut self) {
        // The thread's end would do the same, but a moment after it can be joined. It cannot fail for a namespace we came
        // from; if it does, the thread's end does it.
        let _ = setns(&self.before, CloneFlags::CLONE_NEWNS);
    }
}
