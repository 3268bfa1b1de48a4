//! A disk of a test run's own, in a file that goes with the run.
//!
//! The program flushes what it publishes, and for a whole tree the file system that it lies in. On the developer's own disk each of these
//! waits for all that other tests, and cargo, have written meanwhile. Here nobody loses anything by a power failure, so that the disk
//! need not write at all before it answers. Tests of power failures make disks of their own.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::loop_disk::tool;
use disklessset_tests::need;
use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use crate::failure::{self, Failure};
use crate::say;

/// Room that stays to the disk it lies on.
const LEFT: u64 = 1 << 30;
/// No barriers and no order between data and names: both are for power failures. What is deleted gives its room back.
const OPTIONS: &str = "loop,nobarrier,data=writeback,discard,noinit_itable";

/// Makes and mounts it below the directory of a run. Gives the place for the run's files: that directory itself where there can be
/// no such disk (without root, or in a container without loop devices).
pub(super) fn mount(base: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    if !geteuid().is_root() || need::find_tool("mkfs.ext4").is_none() {
        return Ok(base.to_owned());
    }
    let (file, dir) = (base.join("disk.img"), base.join("area"));
    match made(&file, &dir) {
        Ok(()) => Ok(dir),
        Err(cause) => {
            say::note(&format!("the tests run on the disk of {base}, which takes longer: {cause}"));
            for left in [std::fs::remove_file(&file), std::fs::remove_dir(&dir)] {
                left.or_else(gone).map_err(failure::file("remove what was made in", base))?;
            }
            Ok(base.to_owned())
        }
    }
}

fn gone(cause: std::io::Error) -> std::io::Result<()> {
    if cause.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(cause) }
}

/// It takes as much room as is written to it.
fn made(file: &Utf8Path, dir: &Utf8Path) -> std::io::Result<()> {
    let system = statvfs(file.parent().unwrap_or(file).as_std_path())?;
    let free = system.blocks_available() * system.fragment_size();
    std::fs::File::create_new(file)?.set_len(free.saturating_sub(LEFT))?;
    std::fs::create_dir(dir)?;
    tool("mkfs.ext4", &["-q", "-F", "-m", "0", "-E", "nodiscard,lazy_itable_init=1", file.as_str()])?;
    tool("mount", &["-o", OPTIONS, file.as_str(), dir.as_str()])?;
    // No test has made it.
    std::fs::remove_dir(dir.join("lost+found"))
}
