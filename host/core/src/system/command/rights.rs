//! What a program that runs code of a tree may do: the capabilities that stay in its bounding set.
//!
//! Never among them, with the one exception of [`Rights::Labels`]: mounting, other namespaces (`SYS_ADMIN`). Never at all: modules, raw memory and ports, rebooting, the clock, the network's
//! settings, the audit log. Not `DAC_READ_SEARCH` either: it opens files by handle, those outside of the tree included; as root of
//! its files a program reads all of them without it.

/// What a program in a tree is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rights {
    /// Installs packages, or is what the user named. It may make device nodes, as some packages bring them; nodes are of no use where
    /// the tree is mounted for it.
    #[default]
    Packages,
    /// A tool of the tree that we run by ourselves (`dracut`, `depmod`): files, and nothing of the network.
    Tool,
    /// A tool of the tree that labels its files for SELinux. On a server without SELinux the kernel asks `SYS_ADMIN` for that; what else
    /// that opens is refused by a filter of system calls (`filter.rs`).
    Labels,
}

/// A set of capabilities as the kernel's bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Capabilities(pub(super) u64);

const CHOWN: u64 = 1;
const DAC_OVERRIDE: u64 = 1 << 1;
const FOWNER: u64 = 1 << 3;
const FSETID: u64 = 1 << 4;
const KILL: u64 = 1 << 5;
const SETGID: u64 = 1 << 6;
const SETUID: u64 = 1 << 7;
const SETPCAP: u64 = 1 << 8;
const SYS_CHROOT: u64 = 1 << 18;
const SYS_ADMIN: u64 = 1 << 21;
const MKNOD: u64 = 1 << 27;
const SETFCAP: u64 = 1 << 31;

/// Owners and modes of files, other users' names for a moment, a root directory further below.
const FILES: u64 = CHOWN | DAC_OVERRIDE | FOWNER | FSETID | KILL | SETGID | SETUID | SYS_CHROOT | SETFCAP;

impl Rights {
    pub(super) fn capabilities(self) -> Capabilities {
        Capabilities(match self {
            Rights::Packages => FILES | SETPCAP | MKNOD,
            Rights::Tool => FILES,
            Rights::Labels => FILES | SYS_ADMIN,
        })
    }

    /// Whether its system calls are filtered.
    pub(super) fn is_filtered(self) -> bool {
        self == Rights::Labels
    }

    /// Whether it gets to the network, which is where services of the server listen, too.
    pub(super) fn has_network(self) -> bool {
        self == Rights::Packages
    }
}
