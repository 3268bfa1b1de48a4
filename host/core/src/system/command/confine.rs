//! What a process that runs code of a tree gives up between fork and exec, and what is covered in its `/proc`.
//!
//! Only system calls are made here, as in [`super::child`].
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::RawFd;

use nix::libc;

use super::rights::Capabilities;

/// What is to be confined, and how.
#[derive(Clone, Copy)]
pub(super) struct Confinement {
    pub(super) keeps: Capabilities,
    /// Whether its system calls are filtered.
    pub(super) filtered: bool,
    /// The directory `proc` of a tree in which the same is to be seen.
    pub(super) also: Option<RawFd>,
}

/// Whoever may write these changes the machine, whatever namespaces it is in: owner and mode alone guard them.
const READ_ONLY: [&CStr; 9] = [
    c"/proc/sys",
    c"/proc/sysrq-trigger",
    c"/proc/irq",
    c"/proc/bus",
    c"/proc/fs",
    c"/proc/scsi",
    c"/proc/acpi",
    c"/proc/driver",
    c"/proc/mtrr",
];
/// What is in these is the machine's.
const EMPTY: [&CStr; 7] = [
    c"/proc/kcore",
    c"/proc/kmsg",
    c"/proc/keys",
    c"/proc/key-users",
    c"/proc/timer_list",
    c"/proc/sched_debug",
    c"/proc/latency_stats",
];

/// Covers the parts of the `/proc` that has just been mounted, and shows it in the tree.
///
/// # Safety
/// To be called between fork and exec, in a private mount namespace.
pub(super) unsafe fn cover_proc(confinement: Confinement) -> io::Result<()> {
    let read_only = libc::MS_BIND
        | libc::MS_REMOUNT
        | libc::MS_RDONLY
        | libc::MS_NOSUID
        | libc::MS_NODEV
        | libc::MS_NOEXEC;
    // SAFETY: the paths are literals, or a buffer that outlives the call.
    unsafe {
        for path in READ_ONLY {
            if mount(path, path, libc::MS_BIND)? {
                mount(path, path, read_only)?;
            }
        }
        for path in EMPTY {
            mount(c"/dev/null", path, libc::MS_BIND)?;
        }
        if let Some(directory) = confinement.also {
            let mut buffer = [0; 32];
            let place = path_of(directory, &mut buffer)?;
            mount(c"/proc", place, libc::MS_BIND | libc::MS_REC)?;
        }
    }
    Ok(())
}

/// Mounts; whether the place is there.
///
/// # Safety
/// As [`cover_proc`].
unsafe fn mount(source: &CStr, target: &CStr, flags: libc::c_ulong) -> io::Result<bool> {
    // SAFETY: both are C strings that outlive the call.
    let done =
        unsafe { libc::mount(source.as_ptr(), target.as_ptr(), std::ptr::null(), flags, std::ptr::null()) };
    match done {
        0 => Ok(true),
        _ => match io::Error::last_os_error() {
            missing if missing.raw_os_error() == Some(libc::ENOENT) => Ok(false),
            error => Err(error),
        },
    }
}

/// `/proc/self/fd/N`, written without allocating.
fn path_of(fd: RawFd, buffer: &mut [u8; 32]) -> io::Result<&CStr> {
    const PREFIX: &[u8] = b"/proc/self/fd/";
    let mut digits = [0; 10];
    let mut count = 0;
    let mut rest = u32::try_from(fd).unwrap_or_default();
    for place in &mut digits {
        *place = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    let number = digits.iter().take(count).rev();
    for (place, byte) in buffer.iter_mut().zip(PREFIX.iter().chain(number)) {
        *place = *byte;
    }
    CStr::from_bytes_until_nul(buffer).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Half {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// `_LINUX_CAPABILITY_VERSION_3`: sets of 64 bits in two halves.
const VERSION: u32 = 0x2008_0522;

/// Gives up all capabilities but these, for good: nothing that is executed afterwards can have others.
///
/// # Safety
/// To be called between fork and exec.
pub(super) unsafe fn give_up_all_but(keeps: Capabilities) -> io::Result<()> {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut sets = [Half::default(); 2];
    // SAFETY: the structures have the kernel's layout and outlive the calls; the rest are integers.
    unsafe {
        for capability in 0..64 {
            if keeps.0 & (1 << capability) == 0
                && libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) != 0
            {
                match io::Error::last_os_error() {
                    // Beyond the last one that this kernel has.
                    error if error.raw_os_error() == Some(libc::EINVAL) => break,
                    error => return Err(error),
                }
            }
        }
        // Kernels before 4.3 have no ambient ones.
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        if libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let halves =
            [keeps.0 & 0xffff_ffff, keeps.0 >> 32].map(|half| u32::try_from(half).unwrap_or_default());
        for (set, kept) in sets.iter_mut().zip(halves) {
            *set = Half { effective: set.permitted & kept, permitted: set.permitted & kept, inheritable: 0 };
        }
        if libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Keeps what is confined from looking into this process, which it would find as the first of its namespace.
///
/// # Safety
/// To be called between fork and exec.
pub(super) unsafe fn hide() {
    // SAFETY: integers only. Without it the capabilities that this process has keep others out of it.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_descriptor_is_written_without_allocating() {
        for (fd, path) in
            [(0, c"/proc/self/fd/0"), (7, c"/proc/self/fd/7"), (1048576, c"/proc/self/fd/1048576")]
        {
            assert_eq!(path_of(fd, &mut [0; 32]).unwrap(), path);
        }
    }
}
