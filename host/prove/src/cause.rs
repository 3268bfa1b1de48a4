//! Why an image does not boot, each cause with a sentence somebody can act on.

use std::fmt;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::boot_file::FlatOverlay;
use super::request::Mebibytes;
use super::stage::Stage;

/// A kernel that got no usable initramfs ends with this.
pub(super) const NO_ROOT: &str = "Unable to mount root fs";

/// The likely cause of a failed boot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The firmware got no network.
    FirmwareWithoutNetwork {
        /// What iPXE said.
        line: Option<String>,
    },
    /// A file a node needs is not served.
    NotServed {
        /// Which one.
        file: NeededFile,
        /// Its path below the HTTP root.
        path: Utf8PathBuf,
        /// HTTP status: 404 or 403, rarely another.
        status: u16,
        /// What is in the way on disk, when it is a matter of rights.
        problem: Option<String>,
    },
    /// The boot file has signatures checked, and the machine's iPXE cannot.
    FirmwareWithoutImgverify,
    /// The boot file ended without booting.
    BootFileGaveUp {
        /// What iPXE said last.
        line: Option<String>,
        /// Servers the boot file names which a proof does not have.
        other_servers: Vec<String>,
    },
    /// The kernel runs, but nothing is seen of it.
    SilentConsole,
    /// The machine's memory is too small for the image.
    OutOfMemory {
        /// The console's words, or none when the download stopped midway.
        line: Option<String>,
        /// What the machine had.
        memory: Mebibytes,
    },
    /// The kernel could not unpack the initramfs.
    InitramfsUnreadable {
        /// Its words.
        line: String,
    },
    /// The initramfs got no network.
    InitramfsWithoutNetwork {
        /// The console's words.
        line: Option<String>,
    },
    /// The root image was fetched and could not be mounted.
    RootNotMountable {
        /// The console's words.
        line: String,
        /// Whether the kernel line asks for an overlay over a flat root image.
        overlay: FlatOverlay,
    },
    /// The initramfs cannot mount NFS roots.
    InitramfsWithoutNfs {
        /// The console's words.
        line: String,
        /// Whose initramfs it is, when the boot file's kernel tells.
        kernel: Option<String>,
    },
    /// The NFS root was not mounted.
    NfsRootRefused {
        /// The console's words.
        line: String,
    },
    /// The NFS root is mounted, and its server does not answer any more.
    NfsServerSilent {
        /// The console's words.
        line: String,
    },
    /// The system cannot write to its NFS root.
    NfsRootReadOnly {
        /// The console's words.
        line: String,
    },
    /// The NFS root is mounted, and its files may not be used.
    NfsRootDenied {
        /// The console's words.
        line: String,
    },
    /// The image is built for processors newer than the machine's.
    ProcessorTooOld {
        /// Its words.
        line: String,
    },
    /// The kernel stopped.
    KernelPanic {
        /// Its words.
        line: String,
    },
    /// dracut gave up.
    InitramfsGaveUp {
        /// Its words.
        line: String,
    },
    /// systemd fell back to a shell for repairs.
    EmergencyMode {
        /// Units that had failed before.
        failed_units: Vec<String>,
    },
    /// The machine switched itself off.
    Halted {
        /// The console's words.
        line: String,
    },
    /// QEMU ended.
    MachineExited {
        /// How, and its last words.
        status: String,
    },
    /// Time ran out.
    TimedOut {
        /// After how long.
        after: Duration,
        /// The last stage passed.
        reached: Option<Stage>,
        /// What the console says is being waited for.
        waiting: Option<String>,
    },
}

/// A file without which no node boots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NeededFile {
    /// The image's `boot.ipxe`.
    BootFile,
    /// The kernel.
    Kernel,
    /// The initramfs.
    Initramfs,
    /// The root image.
    RootImage,
    /// Something else the boot file or the initramfs asks for.
    Other,
}

impl Cause {
    /// Whether another try of the same image may end differently: the machine failed, not the image.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::MachineExited { .. } | Self::TimedOut { .. } | Self::NfsServerSilent { .. })
    }
}

impl fmt::Display for NeededFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BootFile => "boot file",
            Self::Kernel => "kernel",
            Self::Initramfs => "initramfs",
            Self::RootImage => "root image",
            Self::Other => "file",
        })
    }
}

/// `: words` or nothing.
fn said(line: &Option<String>) -> String {
    line.as_ref().map(|l| format!(": {l}")).unwrap_or_default()
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirmwareWithoutNetwork { line } => {
                write!(f, "the firmware or iPXE got no network{}", said(line))
            }
            Self::NotServed { file, path, status: 404, .. } => write!(
                f,
                "the {file} {path} does not exist below the HTTP root (404); the boot file or the image is incomplete"
            ),
            Self::NotServed { file, path, status, problem } => match problem {
                Some(problem) => write!(
                    f,
                    "the {file} may not be read by a web server ({status}): {problem}"
                ),
                None => write!(f, "the {file} {path} was refused with HTTP status {status}"),
            },
            Self::FirmwareWithoutImgverify => f.write_str(
                "the boot file has signatures checked, and this machine's iPXE has no imgverify; nodes need one built with IMAGE_TRUST_CMD",
            ),
            Self::BootFileGaveUp { line, other_servers } if !other_servers.is_empty() => write!(
                f,
                "the boot file names servers the proof's private network does not have ({}){}",
                other_servers.join(", "),
                said(line)
            ),
            Self::BootFileGaveUp { line, .. } => {
                write!(f, "the boot file ended without booting{}", said(line))
            }
            Self::SilentConsole => f.write_str(
                "the kernel was started but says nothing on the serial line; the boot file's kernel line lacks ${eq-console}",
            ),
            Self::OutOfMemory { line, memory } => write!(
                f,
                "{memory} of memory are too small for this image{}; give the machine (and the nodes) more",
                said(line)
            ),
            Self::InitramfsWithoutNetwork { line } => write!(
                f,
                "the initramfs got no network{}; it lacks the network card's driver or dracut's network modules, or its kernel line lacks rd.neednet=1",
                said(line)
            ),
            Self::RootNotMountable { line, overlay } => {
                write!(f, "the root image was fetched but cannot be mounted: {line}; ")?;
                f.write_str(match overlay {
                    FlatOverlay::NotAsked => "the image is damaged, or it is flat and its kernel line lacks rd.live.overlay.overlayfs=1",
                    FlatOverlay::Asked => "the image is damaged, or the initramfs lacks squashfs or overlay, or the image is classic and rd.live.overlay.overlayfs=1 does not belong on its kernel line",
                })
            }
            Self::InitramfsWithoutNfs { line, kernel } => {
                let kernel = kernel.as_deref().unwrap_or("VERSION");
                write!(
                    f,
                    "the initramfs has no part for NFS roots: {line}; have nfs-common (nfs-utils) where it is made, and make it anew: disklessset kernel initramfs {kernel}"
                )
            }
            Self::NfsRootRefused { line } => write!(
                f,
                "the NFS root was not mounted: {line}; its options in the boot file are wrong, or its tree lies on a file system that cannot be exported"
            ),
            Self::NfsServerSilent { line } => write!(f, "the NFS server stopped answering: {line}"),
            Self::NfsRootReadOnly { line } => write!(
                f,
                "the system cannot write to its NFS root: {line}; the root's options in the boot file lack rw, or its tree lies on a read-only file system"
            ),
            Self::NfsRootDenied { line } => write!(
                f,
                "files of the NFS root may not be used: {line}; look at owners and modes in the tree"
            ),
            Self::InitramfsUnreadable { line } => write!(
                f,
                "the kernel could not unpack the initramfs: {line}; it is damaged, compressed in a way this kernel does not know, or the machine's memory is too small for it"
            ),
            Self::ProcessorTooOld { line } => {
                write!(f, "the image is built for newer processors: {line}")
            }
            Self::KernelPanic { line } if line.contains(NO_ROOT) => write!(
                f,
                "the kernel got no initramfs it could use (does initrd= on the kernel line carry the name the boot file gives it?): {line}"
            ),
            Self::KernelPanic { line } => write!(f, "the kernel stopped: {line}"),
            Self::InitramfsGaveUp { line } => write!(f, "the initramfs gave up: {line}"),
            Self::EmergencyMode { failed_units } if failed_units.is_empty() => {
                f.write_str("the system went into emergency mode")
            }
            Self::EmergencyMode { failed_units } => write!(
                f,
                "the system went into emergency mode after {} failed",
                failed_units.join(", ")
            ),
            Self::Halted { line } => write!(f, "the machine switched itself off: {line}"),
            Self::MachineExited { status } => {
                write!(f, "the virtual machine itself ended early ({status})")
            }
            Self::TimedOut { after, reached, waiting } => {
                write!(f, "no working system after {} s", after.as_secs())?;
                match reached {
                    Some(stage) => write!(f, "; the last stage was: {stage}")?,
                    None => f.write_str("; not even iPXE started")?,
                }
                match waiting {
                    Some(line) => write!(f, "; waiting: {line}"),
                    None => Ok(()),
                }
            }
        }
    }
}
