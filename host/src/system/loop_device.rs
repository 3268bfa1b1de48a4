//! Loop devices, made by system calls alone: no tool can be killed half-way, and a device that was made goes by itself when nobody
//! uses it any more, be it mounted or not, and whatever ended its maker.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use nix::errno::Errno;
use nix::libc;

use super::command::Access;
use super::{FileError, failpoint::failpoint, mountinfo};

const CONTROL: &str = "/dev/loop-control";

// <linux/loop.h>
const LOOP_SET_FD: libc::Ioctl = 0x4C00;
const LOOP_CLR_FD: libc::Ioctl = 0x4C01;
const LOOP_SET_STATUS64: libc::Ioctl = 0x4C04;
const LOOP_GET_STATUS64: libc::Ioctl = 0x4C05;
const LOOP_CONFIGURE: libc::Ioctl = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4C82;
const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;

/// Others take devices, too: how often another one is asked for.
const TRIES: u32 = 64;
/// The kernel answers so while it writes back what it had of the device before.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<Info>() == 232 && size_of::<Config>() == 304);

/// A device with a file as its content. Dropped while nothing of it is mounted, it is gone.
#[derive(Debug)]
pub(super) struct LoopDevice {
    path: Utf8PathBuf,
    _open: File,
}

impl LoopDevice {
    /// Makes a device of a file.
    ///
    /// # Errors
    /// Whatever the system refuses; then there is no new device.
    pub(super) fn of(file: &Utf8Path, access: Access) -> Result<Self, FileError> {
        let mode = |path: &Utf8Path| File::options().read(true).write(access == Access::ReadWrite).open(path);
        let content = mode(file).map_err(FileError::of("open", file))?;
        let control = Utf8Path::new(CONTROL);
        let asked =
            File::options().read(true).write(true).open(control).map_err(FileError::of("open", control))?;
        for _ in 0..TRIES {
            let number = ioctl(asked.as_raw_fd(), LOOP_CTL_GET_FREE, 0)
                .map_err(FileError::of("get a loop device from", control))?;
            let path = Utf8PathBuf::from(format!("/dev/loop{number}"));
            let device = mode(&path).map_err(FileError::of("open", &path))?;
            match give(&device, &content, file, access) {
                Ok(()) => {
                    failpoint!("loop device: made", path);
                    return Ok(Self { path, _open: device });
                }
                // Somebody else was faster.
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {}
                Err(error) => return Err(FileError::of("make a loop device of", file)(error)),
            }
        }
        Err(FileError::of("make a loop device of", file)(Errno::EBUSY))
    }

    /// Its node in `/dev`.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

/// Gives a device its content and has it go by itself, in one call where the kernel has that (5.8).
fn give(device: &File, content: &File, name: &Utf8Path, access: Access) -> io::Result<()> {
    let fd = u32::try_from(content.as_raw_fd()).map_err(io::Error::other)?;
    let config = Config { fd, block_size: 0, info: info(name, access), reserved: [0; 8] };
    match ioctl(device.as_raw_fd(), LOOP_CONFIGURE, std::ptr::from_ref(&config).addr()) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTTY | libc::ENOSYS)) => {
            give_in_two(device, content, &config.info)
        }
        given => given.map(drop),
    }
}

/// Between the two calls the device has a file and no name: see [`detach_unfinished`].
fn give_in_two(device: &File, content: &File, info: &Info) -> io::Result<()> {
    let fd = device.as_raw_fd();
    let file = usize::try_from(content.as_raw_fd()).map_err(io::Error::other)?;
    ioctl(fd, LOOP_SET_FD, file)?;
    failpoint!("loop device: made, without its name", "");
    let set = || ioctl(fd, LOOP_SET_STATUS64, std::ptr::from_ref(info).addr());
    let mut done = set();
    for _ in 0..TRIES {
        if !done.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::EAGAIN)) {
            break;
        }
        std::thread::sleep(BUSY_PAUSE);
        done = set();
    }
    done.map(drop).inspect_err(|_| {
        // Made a moment ago and used by nobody; the first error is the one to tell.
        let _ = ioctl(fd, LOOP_CLR_FD, 0);
    })
}

fn info(name: &Utf8Path, access: Access) -> Info {
    let mut file_name = [0; 64];
    // The last byte stays zero. The name is for people.
    for (to, from) in file_name.iter_mut().take(63).zip(name.as_str().bytes()) {
        *to = from;
    }
    let flags = if access == Access::ReadOnly { AUTOCLEAR | READ_ONLY } else { AUTOCLEAR };
    Info { flags, file_name, ..blank() }
}

fn blank() -> Info {
    Info {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: 0,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    }
}

fn ioctl(fd: RawFd, request: libc::Ioctl, argument: usize) -> io::Result<i32> {
    // SAFETY: the argument is an integer, or the address of a structure of ours that the request takes, laid out as in
    // <linux/loop.h>, which lives through the call.
    match unsafe { libc::ioctl(fd, request, argument) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

/// The loop devices (`/dev/loop0`) that have this file as their content.
///
/// # Errors
/// When `/sys` is not readable.
pub fn loop_devices_of(file: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let (file, sys) = (mountinfo::real(file), Utf8Path::new("/sys/block"));
    let mut devices = Vec::new();
    for entry in std::fs::read_dir(sys).map_err(FileError::of("read", sys))?.flatten() {
        // A device without a file has no such entry.
        let Ok(backing) = std::fs::read_to_string(entry.path().join("loop/backing_file")) else { continue };
        let backing = backing.trim_end_matches('\n');
        let name = entry.file_name().to_string_lossy().into_owned();
        if backing.strip_suffix(" (deleted)").unwrap_or(backing) == file {
            devices.push(Utf8Path::new("/dev").join(name));
        }
    }
    devices.sort();
    Ok(devices)
}

/// Detaches devices of a file whose maker was killed between the two calls that older kernels need: they have no name, which
/// those of everybody else have.
///
/// # Errors
/// When `/sys` is not readable, and what the system refuses.
pub(crate) fn detach_unfinished(file: &Utf8Path) -> Result<(), FileError> {
    for path in loop_devices_of(file)? {
        let Ok(device) = File::open(&path) else { continue };
        let mut found = blank();
        let asked = ioctl(device.as_raw_fd(), LOOP_GET_STATUS64, std::ptr::from_mut(&mut found).addr());
        // One that goes by itself may just have gone.
        if asked.is_ok() && found.file_name == [0; 64] && found.flags & AUTOCLEAR == 0 {
            ioctl(device.as_raw_fd(), LOOP_CLR_FD, 0).map_err(FileError::of("detach", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::test_support::is_root;

    fn is_gone(file: &Utf8Path) -> bool {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            loop_devices_of(file).unwrap().is_empty()
        })
    }

    #[test]
    fn a_device_that_nobody_uses_goes_and_one_without_a_name_is_found() {
        if !is_root("a_device_that_nobody_uses_goes_and_one_without_a_name_is_found") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(dir.path()).unwrap().join("content");
        File::create(&file).unwrap().set_len(1 << 20).unwrap();
        let device = LoopDevice::of(&file, Access::ReadOnly).unwrap();
        assert_eq!(loop_devices_of(&file).unwrap(), [device.path()]);
        detach_unfinished(&file).unwrap();
        assert_eq!(loop_devices_of(&file).unwrap(), [device.path()], "it is in use");
        drop(device);
        assert!(is_gone(&file));

        // As kernels before 5.8 have it done: whole, and killed half-way.
        let content = File::open(&file).unwrap();
        let control = File::options().read(true).write(true).open(CONTROL).unwrap();
        let free = || {
            let number = ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE, 0).unwrap();
            File::open(format!("/dev/loop{number}")).unwrap()
        };
        let device = free();
        give_in_two(&device, &content, &info(&file, Access::ReadOnly)).unwrap();
        assert_eq!(loop_devices_of(&file).unwrap().len(), 1);
        drop(device);
        assert!(is_gone(&file));
        ioctl(free().as_raw_fd(), LOOP_SET_FD, usize::try_from(content.as_raw_fd()).unwrap()).unwrap();
        assert_eq!(loop_devices_of(&file).unwrap().len(), 1);
        detach_unfinished(&file).unwrap();
        assert!(is_gone(&file));
    }
}
