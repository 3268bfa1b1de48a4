//! The points that a booting node passes.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// A point a booting node passes, in this order: a root is fetched or mounted, the others are for all.
///
/// The prompt may come before or after [`Stage::SystemUp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// UEFI has iPXE.
    LoaderFetched,
    /// iPXE runs.
    Firmware,
    /// iPXE has the image's boot file.
    BootFileFetched,
    /// iPXE has the kernel.
    KernelFetched,
    /// iPXE has the initramfs.
    InitramfsFetched,
    /// The kernel speaks on the console.
    KernelStarted,
    /// The initramfs' init runs.
    InitramfsStarted,
    /// The initramfs has the whole root image.
    RootImageFetched,
    /// The initramfs has the NFS root mounted.
    RootMounted,
    /// The image's own init runs.
    SystemStarted,
    /// The console shows a login prompt.
    LoginPrompt,
    /// The image's multi-user (or graphical) target is reached.
    SystemUp,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LoaderFetched => "iPXE fetched by UEFI",
            Self::Firmware => "iPXE started",
            Self::BootFileFetched => "boot file fetched",
            Self::KernelFetched => "kernel fetched",
            Self::InitramfsFetched => "initramfs fetched",
            Self::KernelStarted => "kernel started",
            Self::InitramfsStarted => "initramfs started",
            Self::RootImageFetched => "root image fetched",
            Self::RootMounted => "NFS root mounted",
            Self::SystemStarted => "system started",
            Self::LoginPrompt => "login prompt",
            Self::SystemUp => "system up",
        })
    }
}

/// When stages were passed, counted from the start of the machine.
pub type Timeline = Vec<(Duration, Stage)>;
