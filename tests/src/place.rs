//! Where files of tests and of the quickstart may lie: modules are only loaded from places nobody else may write.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use nix::mount::{MntFlags, umount2};
use nix::unistd::geteuid;

/// The reason why the program would refuse to load modules from a directory.
#[derive(Debug, thiserror::Error)]
pub enum Unsafe {
    /// The directory or one above it belongs to somebody who is neither root nor the caller.
    #[error("{path} belongs to user {owner}")]
    Owner {
        /// The directory that was looked at.
        path: Utf8PathBuf,
        /// Its numeric owner.
        owner: u32,
    },
    /// The directory or one above it can be written by its group or by everybody.
    #[error("{path} may be written by others (mode {mode:04o})")]
    Mode {
        /// The directory that was looked at.
        path: Utf8PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The directory cannot be looked at.
    #[error("cannot look at {path}: {cause}")]
    Unreadable {
        /// The directory that was looked at.
        path: Utf8PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Checks a directory and all above it by the rule modules are loaded by: owned by root or by the caller, not
/// writable by group or others; a sticky directory above (such as `/var/tmp`) is accepted.
pub fn is_trusted(dir: &Utf8Path) -> Result<(), Unsafe> {
    let real = dir.canonicalize_utf8().map_err(|cause| Unsafe::Unreadable { path: dir.to_owned(), cause })?;
    for (height, path) in real.ancestors().enumerate() {
        let meta =
            std::fs::metadata(path).map_err(|cause| Unsafe::Unreadable { path: path.to_owned(), cause })?;
        let mode = meta.permissions().mode() & 0o7777;
        if meta.uid() != 0 && meta.uid() != geteuid().as_raw() {
            return Err(Unsafe::Owner { path: path.to_owned(), owner: meta.uid() });
        }
        let sticky_parent = height > 0 && mode & 0o1000 != 0;
        if mode & 0o022 != 0 && !sticky_parent {
            return Err(Unsafe::Mode { path: path.to_owned(), mode });
        }
    }
    Ok(())
}

/// Makes a directory with mode 0755 whatever the umask is. Its parent must exist.
pub fn make_dir(path: &Utf8Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().mode(0o755).create(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

/// Directories that tests cover with others of their own: what lies there is out of sight for what they run.
const COVERED: [&str; 3] = ["/tmp", "/var/tmp", "/srv"];
/// Where runs of root lie whose source tree is no place for them: in sight of every user, and never covered.
const OF_ROOT: &str = "/var/lib/disklessset-test-runs";

/// The longest path of a test run, in bytes. Below it lie sockets, whose address has 108 of them, and names in archives with 100.
const LONGEST: usize = 64;

/// Chooses where the files of one test run lie: below the build directory when that is a [place for all](is_for_all) and modules may
/// be loaded from there, else in a place of root's own (a checkout of somebody else, in a private home, below `/tmp` or `/srv`, or deep
/// down: where it lies must not matter). Others than root have `/var/tmp`.
pub fn for_test_run(build_dir: &Utf8Path, run: &str) -> Utf8PathBuf {
    let near = build_dir.join("test-run").join(run);
    match is_trusted(build_dir) {
        Ok(()) if is_for_all(build_dir) && near.as_str().len() <= LONGEST => near,
        _ if geteuid().is_root() => Utf8PathBuf::from(OF_ROOT).join(run),
        _ => Utf8PathBuf::from("/var/tmp").join(format!("disklessset-test-run-{run}")),
    }
}

/// Whether every user gets to a directory, and every test sees it.
pub fn is_for_all(dir: &Utf8Path) -> bool {
    let open = |path: &Utf8Path| path.metadata().is_ok_and(|meta| meta.mode() & 0o001 != 0);
    let seen = |real: &Utf8Path| !COVERED.iter().any(|covered| real.starts_with(covered));
    dir.canonicalize_utf8().is_ok_and(|real| seen(&real) && real.ancestors().all(open))
}

/// Detaches all that is mounted at or below a directory of a test, and lists it.
///
/// # Errors
/// When something stays mounted.
pub fn detach_below(dir: &Utf8Path) -> std::io::Result<Vec<String>> {
    let below = || -> std::io::Result<Vec<_>> {
        Ok(crate::facts::mount_points()?.into_iter().filter(|point| point.starts_with(dir)).collect())
    };
    let mounted = below()?;
    for point in mounted.iter().rev() {
        // A failure shows in the second look.
        let _ = umount2(point, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW);
    }
    if let Some(left) = below()?.first() {
        return Err(std::io::Error::other(format!("{} is still mounted", left.display())));
    }
    Ok(mounted.iter().map(|point| point.display().to_string()).collect())
}

/// Removes a directory of a test with all below it. What is mounted there is detached first and listed for the caller
/// to complain about; nothing is removed while a mount is left.
///
/// # Errors
/// When something stays.
pub fn remove_with_mounts(dir: &Utf8Path) -> std::io::Result<Vec<String>> {
    let mounted = detach_below(dir)?;
    match std::fs::remove_dir_all(dir) {
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    Ok(mounted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir_below(parent: &str, mode: u32) -> (tempfile::TempDir, Utf8PathBuf) {
        let temp = tempfile::tempdir_in(parent).unwrap();
        let dir = Utf8PathBuf::from_path_buf(temp.path().join("modules.d")).unwrap();
        make_dir(&dir).unwrap();
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(mode)).unwrap();
        (temp, dir)
    }

    #[test]
    fn a_private_directory_below_a_sticky_one_is_trusted() {
        let (_temp, dir) = dir_below("/var/tmp", 0o755);
        is_trusted(&dir).unwrap();
    }

    #[test]
    fn a_directory_others_may_write_is_not_sticky_or_not() {
        for mode in [0o775, 0o757, 0o1777] {
            let (_temp, dir) = dir_below("/var/tmp", mode);
            assert!(matches!(is_trusted(&dir), Err(Unsafe::Mode { mode: seen, .. }) if seen == mode));
        }
    }

    #[test]
    fn a_run_goes_elsewhere_when_the_build_directory_is_open_private_covered_or_deep() {
        let elsewhere = if geteuid().is_root() {
            "/var/lib/disklessset-test-runs/7"
        } else {
            "/var/tmp/disklessset-test-run-7"
        };
        for parent in COVERED.iter().filter(|parent| Utf8Path::new(parent).is_dir()) {
            if let Ok(temp) = tempfile::tempdir_in(parent) {
                assert_eq!(
                    for_test_run(temp.path().try_into().unwrap(), "7"),
                    elsewhere,
                    "{parent} is covered"
                );
            }
        }
        crate::need!(crate::need::root());
        let temp = tempfile::tempdir_in("/var/lib").unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().join("target");
        make_dir(&dir).unwrap();
        let mode = |dir: &std::path::Path, mode| {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(temp.path(), 0o755);
        assert_eq!(for_test_run(&dir, "7"), dir.join("test-run/7"));
        let deep = dir.join("deep-down-".repeat(5));
        std::fs::create_dir(&deep).unwrap();
        assert_eq!(for_test_run(&deep, "7"), elsewhere, "a socket there would have no address");
        mode(dir.as_std_path(), 0o777);
        assert_eq!(for_test_run(&dir, "7"), elsewhere, "anybody may write there");
        mode(dir.as_std_path(), 0o755);
        mode(temp.path(), 0o700);
        assert_eq!(for_test_run(&dir, "7"), elsewhere, "nobody else gets there");
    }

    #[test]
    fn a_mount_below_is_detached_and_told_and_never_emptied() {
        crate::need!(crate::need::root());
        let (_temp, dir) = dir_below("/var/tmp", 0o755);
        let (host, point) = (dir.join("host"), dir.join("test/mnt"));
        std::fs::create_dir_all(&point).unwrap();
        make_dir(&host).unwrap();
        std::fs::File::create(host.join("precious")).unwrap();
        let bind = nix::mount::MsFlags::MS_BIND;
        nix::mount::mount(Some(host.as_std_path()), point.as_std_path(), None::<&str>, bind, None::<&str>)
            .unwrap();
        assert_eq!(remove_with_mounts(&dir.join("test")).unwrap(), [point.as_str()]);
        assert!(host.join("precious").exists());
        assert!(!dir.join("test").exists());
    }

    #[test]
    fn the_mode_of_a_made_directory_does_not_depend_on_the_umask() {
        let (_temp, dir) = dir_below("/var/tmp", 0o755);
        let made = dir.join("x");
        make_dir(&made).unwrap();
        assert_eq!(std::fs::metadata(&made).unwrap().permissions().mode() & 0o7777, 0o755);
    }
}
