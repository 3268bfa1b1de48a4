//! Loop devices, made by system calls alone: no tool can be killed half-way, and a device that was made goes by itself when nobody
//! uses it any more, be it mounted or not, and whatever ended its maker.

mod kernel;

use crate::{
    FileError, mount_table,
    mounts::Access,
    steps::{Step, passed},
};
use camino::{Utf8Path, Utf8PathBuf};
use kernel::{AUTOCLEAR, Info, READ_ONLY};
use rustix::{
    fd::AsFd,
    io::{Errno, Result},
};
use std::{fs::File, time::Duration};

const CONTROL: &str = "/dev/loop-control";
/// Others take devices, too: how often another one is asked for.
const TRIES: u32 = 64;
/// The kernel answers so while it writes back what it had of the device before.
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// A device with a file as its content. Dropped while nothing of it is mounted, it is gone.
#[derive(Debug)]
pub struct LoopDevice {
    path: Utf8PathBuf,
    _open: File,
}

impl LoopDevice {
    /// Makes a device of a file.
    ///
    /// # Errors
    /// Whatever the system refuses; then there is no new device.
    pub fn of(file: &Utf8Path, access: Access) -> std::result::Result<Self, FileError> {
        let mode = |path: &Utf8Path| File::options().read(true).write(access == Access::ReadWrite).open(path);
        let content = mode(file).map_err(FileError::of("open", file))?;
        let control = Utf8Path::new(CONTROL);
        let asked =
            File::options().read(true).write(true).open(control).map_err(FileError::of("open", control))?;
        for _ in 0..TRIES {
            let number =
                kernel::free_number(&asked).map_err(FileError::of("get a loop device from", control))?;
            let path = Utf8PathBuf::from(format!("/dev/loop{number}"));
            let device = mode(&path).map_err(FileError::of("open", &path))?;
            match give(&device, &content, info(file, access)) {
                Ok(()) => {
                    passed(Step::LoopDeviceMade, &path);
                    return Ok(Self { path, _open: device });
                }
                // Somebody else was faster.
                Err(Errno::BUSY) => {}
                Err(error) => return Err(FileError::of("make a loop device of", file)(error)),
            }
        }
        Err(FileError::of("make a loop device of", file)(Errno::BUSY))
    }

    /// Its node in `/dev`.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

/// Gives a device its content and has it go by itself, in one call where the kernel has that (5.8).
fn give(device: &File, content: &File, info: Info) -> Result<()> {
    match kernel::configure(device, content.as_fd(), info) {
        Err(Errno::INVAL | Errno::NOTTY | Errno::NOSYS) => give_in_two(device, content, info),
        given => given,
    }
}

/// Between the two calls the device has a file and no name: see [`detach_unfinished`].
fn give_in_two(device: &File, content: &File, info: Info) -> Result<()> {
    kernel::set_file(device, content.as_fd())?;
    passed(Step::LoopDeviceWithoutName, &"");
    let mut done = kernel::set_info(device, info);
    for _ in 0..TRIES {
        if done != Err(Errno::AGAIN) {
            break;
        }
        std::thread::sleep(BUSY_PAUSE);
        done = kernel::set_info(device, info);
    }
    done.inspect_err(|_| {
        // Made a moment ago and used by nobody; the first error is the one to tell.
        let _ = kernel::clear_file(device);
    })
}

fn info(name: &Utf8Path, access: Access) -> Info {
    let mut file_name = [0; 64];
    // The last byte stays zero. The name is for people.
    for (to, from) in file_name.iter_mut().take(63).zip(name.as_str().bytes()) {
        *to = from;
    }
    Info::new(if access == Access::ReadOnly { AUTOCLEAR | READ_ONLY } else { AUTOCLEAR }, file_name)
}

/// The loop devices (`/dev/loop0`) that have this file as their content.
///
/// # Errors
/// When `/sys` is not readable.
pub fn loop_devices_of(file: &Utf8Path) -> std::result::Result<Vec<Utf8PathBuf>, FileError> {
    let (file, sys) = (mount_table::real(file), Utf8Path::new("/sys/block"));
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
pub fn detach_unfinished(file: &Utf8Path) -> std::result::Result<(), FileError> {
    for path in loop_devices_of(file)? {
        let Ok(device) = File::open(&path) else { continue };
        // One that goes by itself may just have gone.
        let Ok(found) = kernel::info_of(&device) else { continue };
        if found.file_name == [0; 64] && found.flags & AUTOCLEAR == 0 {
            kernel::clear_file(&device).map_err(FileError::of("detach", &path))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::is_root;

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
            let number = kernel::free_number(&control).unwrap();
            File::open(format!("/dev/loop{number}")).unwrap()
        };
        let device = free();
        give_in_two(&device, &content, info(&file, Access::ReadOnly)).unwrap();
        assert_eq!(loop_devices_of(&file).unwrap().len(), 1);
        drop(device);
        assert!(is_gone(&file));
        kernel::set_file(free(), content.as_fd()).unwrap();
        assert_eq!(loop_devices_of(&file).unwrap().len(), 1);
        detach_unfinished(&file).unwrap();
        assert!(is_gone(&file));
    }
}
