//! The tiers of tests, and what each needs of the machine.

use disklessset_tests::need;
use nix::unistd::geteuid;

use super::report::Report;
use crate::packages;

/// A tier: a folder of the test suite, or a kind of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Format, clippy, documents, licences.
    Checks,
    /// Tests beside the code.
    Unit,
    /// A user's ways through the program, without privileges where that is possible.
    Journeys,
    /// OS trees, mounts, packers: the real tools as root.
    System,
    /// Images booted in virtual machines.
    Boot,
    /// The commands of README.md as they are written.
    Readme,
    /// Every bench, so that none rots; with `--full` only.
    Benches,
    /// Set-up and the sample on a newcomer's machine; with `--full` only.
    Clean,
}

/// Why a tier cannot run here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lack {
    what: &'static str,
    /// Root can install it, so that a CI machine has no excuse.
    installable: bool,
}

impl Tier {
    /// All, in the order they are run.
    pub(crate) const ALL: [Self; 8] = [
        Self::Checks,
        Self::Unit,
        Self::Journeys,
        Self::System,
        Self::Boot,
        Self::Readme,
        Self::Benches,
        Self::Clean,
    ];

    /// The name on the command line, and of the folder in the suite.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Checks => "checks",
            Self::Unit => "unit",
            Self::Journeys => "journeys",
            Self::System => "system",
            Self::Boot => "boot",
            Self::Readme => "readme",
            Self::Benches => "benches",
            Self::Clean => "clean",
        }
    }

    /// Minutes a sample of it may take, building included; everything may take six times as long.
    pub(crate) fn minutes(self) -> u64 {
        match self {
            Self::Checks | Self::Unit => 25,
            Self::Journeys | Self::Readme => 10,
            Self::System => 25,
            Self::Boot | Self::Benches => 20,
            Self::Clean => 45,
        }
    }

    /// How many of its tests run at once. A virtual machine wants both processors of a small machine.
    pub(crate) fn threads(self) -> usize {
        match self {
            Self::Boot | Self::Readme => 1,
            _ => std::thread::available_parallelism().map_or(2, usize::from),
        }
    }

    /// What the machine lacks for it, if anything.
    pub(crate) fn lack(self) -> Option<Lack> {
        let root = matches!(self, Self::System | Self::Boot | Self::Readme | Self::Benches | Self::Clean);
        if root && !geteuid().is_root() {
            return Some(Lack { what: "it needs root", installable: false });
        }
        let tools: &[&'static str] = match self {
            Self::System | Self::Benches => &["mmdebstrap", "mksquashfs"],
            Self::Clean => &["mmdebstrap", "git", "unshare"],
            Self::Boot => &["mmdebstrap", "mksquashfs", "qemu-system-x86_64", "ip"],
            _ => &[],
        };
        if let Some(what) = tools.iter().find(|tool| need::find_tool(tool).is_none()) {
            return Some(Lack { what, installable: true });
        }
        let no_ipxe = self == Self::Boot && !packages::ipxe_is_there();
        no_ipxe.then_some(Lack { what: "iPXE for QEMU (ipxe-qemu)", installable: true })
    }
}

impl Lack {
    /// Counts the tier as skipped, or as failed where nothing excuses it.
    pub(crate) fn report(&self, tier: Tier, report: &mut Report) {
        let excused = !(self.installable && need::in_ci() && geteuid().is_root());
        let missing =
            if self.installable { format!("{} is missing", self.what) } else { self.what.to_owned() };
        if excused { report.skipped(tier.name(), &missing) } else { report.failed(tier.name(), &missing) }
    }
}
