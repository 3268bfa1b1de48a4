//! File systems of their own in a file, mounted for one test or one measurement.

use std::fmt;
use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

/// The file systems that trees are tried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// No sharing.
    Ext4,
    /// Shares data between files. Not below 300 MB.
    Xfs,
    /// Shares data, and has snapshots.
    Btrfs,
}

impl Disk {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ext4, Self::Xfs, Self::Btrfs];

    /// The program that makes it.
    pub fn maker(self) -> String {
        format!("mkfs.{self}")
    }

    fn force(self) -> &'static str {
        if self == Self::Ext4 { "-F" } else { "-f" }
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        })
    }
}

/// A mounted file system; its file takes as much space as is written to it. Times of access stay as they are in it.
#[derive(Debug)]
#[must_use = "unmounted and removed when it is dropped"]
pub struct LoopDisk {
    path: Utf8PathBuf,
    file: Utf8PathBuf,
    kind: Disk,
}

impl LoopDisk {
    /// Makes a file system of so many MiB in the directory `place`, which only root can look into, and mounts it below that.
    ///
    /// # Errors
    /// What the tool said that failed.
    pub fn new(place: &Utf8Path, kind: Disk, mebibytes: u64) -> io::Result<Self> {
        let disk = Self { path: place.join(kind.to_string()), file: place.join(format!("{kind}.img")), kind };
        std::fs::File::create_new(&disk.file)?.set_len(mebibytes << 20)?;
        std::fs::create_dir(&disk.path)?;
        tool(&kind.maker(), &["-q", kind.force(), disk.file.as_str()])?;
        // btrfs looks after what was deleted each time it has committed, by itself every half minute.
        let options = if kind == Disk::Btrfs { "loop,noatime,commit=1" } else { "loop,noatime" };
        tool("mount", &["-o", options, disk.file.as_str(), disk.path.as_str()])?;
        Ok(disk)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The file it is in.
    pub fn file(&self) -> &Utf8Path {
        &self.file
    }

    /// Takes all its room but for so many bytes, until the filling is dropped. What the file system keeps back for itself is none
    /// of that room.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn fill_but(&self, bytes: u64) -> io::Result<Filling> {
        let filling = Filling { path: self.path.join(".filling") };
        let file = std::fs::File::create(&filling.path)?;
        let mut length = 0;
        let mut step = 64 << 20;
        // All of it first, piece by smaller piece, and then as much back: nobody can tell beforehand what is kept back.
        while step >= LEAST_STEP {
            match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), length, step) {
                Ok(()) => length += step,
                Err(rustix::io::Errno::NOSPC) => step /= 2,
                Err(cause) => return Err(cause.into()),
            }
        }
        file.set_len(length.saturating_sub(bytes))?;
        self.wait_until_freed()?;
        Ok(filling)
    }

    /// Has all of it written, and nothing of the disks that others write to.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn flush(&self) -> io::Result<()> {
        tool("sync", &["--file-system", self.path.as_str()]).map(drop)
    }

    fn wait_until_freed(&self) -> io::Result<()> {
        if self.kind == Disk::Btrfs {
            // A subvolume that was deleted gives its room back some time later.
            tool("btrfs", &["--quiet", "subvolume", "sync", "-s", "1", self.path.as_str()])?;
        }
        self.flush()
    }

    /// Bytes in use in it, after all is written. Some file systems count a while later.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn used(&self) -> io::Result<u64> {
        self.wait_until_freed()?;
        let stat = nix::sys::statvfs::statvfs(self.path.as_std_path())?;
        Ok((stat.blocks() - stat.blocks_free()) * stat.fragment_size())
    }
}

/// The least that a filling grows by.
const LEAST_STEP: u64 = 1024;

/// What takes the room of a disk.
#[derive(Debug)]
#[must_use = "the room is given back when it is dropped"]
pub struct Filling {
    path: Utf8PathBuf,
}

impl Drop for Filling {
    fn drop(&mut self) {
        // At once: a program that another thread just starts may have the file open, and keep a removed one's room.
        let _ = std::fs::File::create(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Drop for LoopDisk {
    fn drop(&mut self) {
        // Programs of other tests that just start may have a copy of the mount table, with this in it.
        for _ in 0..20 {
            if tool("umount", &[self.path.as_str()]).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = std::fs::remove_dir(&self.path);
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Runs a tool of the system to its end and returns what it printed.
///
/// # Errors
/// When it cannot be started or fails, with what it said.
#[allow(clippy::disallowed_methods, reason = "tools that make a place for tests are no programs under test")]
pub fn tool(name: &str, args: &[&str]) -> io::Result<String> {
    let named = |cause: io::Error| io::Error::new(cause.kind(), format!("cannot run {name}: {cause}"));
    let mut command = Command::new(name);
    command.args(args).stdin(Stdio::null()).env("PATH", crate::run::SYSTEM_PATH).env("LC_ALL", "C.UTF-8");
    let done = command.output().map_err(named)?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    Err(io::Error::other(format!("{name} {}: {}: {}", args.join(" "), done.status, said.trim())))
}
