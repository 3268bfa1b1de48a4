//! A throw-away root: everything the program knows lies below it, with a modules directory it accepts beside it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use crate::dying::is_dying;
use crate::{facts, install, place, run};

/// The environment variable with the directory everything of a test run lies in; without it one is chosen.
pub const RUN_DIR: &str = "DISKLESSSET_TEST_DIR";

/// Where copies of built files lie in it.
const BUILT: &str = "built";

/// How long it may take until those are killed, too, whose program was.
const LAST_MOMENTS: Duration = Duration::from_secs(5);

/// Held while the run's own directory is made or goes: another test of this process may be about to use it.
static RUN_DIR_CHANGES: Mutex<()> = Mutex::new(());

/// Where everything of this test run lies.
fn run_dir() -> Utf8PathBuf {
    match std::env::var(RUN_DIR) {
        Ok(dir) => Utf8PathBuf::from(dir),
        Err(_) => place::for_test_run(&run::build_dir(), &std::process::id().to_string()),
    }
}

/// Makes directories that may be there.
fn make_all<'a>(dirs: impl IntoIterator<Item = &'a Utf8Path>) -> std::io::Result<()> {
    dirs.into_iter().try_for_each(|dir| match place::make_dir(dir) {
        Err(there) if there.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    })
}

/// A built file where every user and every test gets to it: itself, or a copy that goes with the run.
///
/// # Errors
/// When it cannot be copied.
pub(crate) fn built_for_all(file: Utf8PathBuf) -> std::io::Result<Utf8PathBuf> {
    let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else { return Ok(file) };
    if place::is_for_all(dir) {
        return Ok(file);
    }
    let run_dir = run_dir();
    let copies = run_dir.join(BUILT);
    let copy = copies.join(name);
    let _making = RUN_DIR_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let age = |path: &Utf8Path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    if age(&copy).is_none_or(|copied| age(&file).is_none_or(|built| copied < built)) {
        make_all([run_dir.parent().unwrap_or(&run_dir), &run_dir, &copies])?;
        install::for_a_test(&file, &copy, 0o755).map_err(std::io::Error::other)?;
        sources_beside(&copies)?;
    }
    Ok(copy)
}

/// What the program finds above the build directory is found beside its copy, too: the sources that modules are built from.
fn sources_beside(copies: &Utf8Path) -> std::io::Result<()> {
    let sources = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api").canonicalize_utf8()?;
    match std::os::unix::fs::symlink(sources, copies.join("plugin-api")) {
        Err(there) if there.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Removes a run's directory when nothing of a test is in it any more.
fn remove_unused(run_dir: &Utf8Path) -> std::io::Result<()> {
    let mut entries = run_dir.read_dir_utf8()?.flatten();
    if entries.all(|entry| entry.file_name() == BUILT) {
        std::fs::remove_dir_all(run_dir)?;
        // Unless another run is in it.
        let parent = run_dir.parent().filter(|parent| *parent != "/var/tmp");
        return parent.map_or(Ok(()), std::fs::remove_dir);
    }
    Ok(())
}

/// A root of its own for one test. When it goes, its processes are ended and its files are removed; something still
/// mounted below it then is a failure of the test.
#[derive(Debug)]
pub struct TestRoot {
    base: Utf8PathBuf,
    mark: String,
}

impl TestRoot {
    /// An empty root and an empty modules directory.
    pub fn bare() -> Self {
        let run_dir = run_dir();
        Self::below(&run_dir)
            .unwrap_or_else(|cause| panic!("cannot make a test root below {run_dir}: {cause}"))
    }

    /// An empty root with modules dropped in, by their short names (`demo`, `livenet`).
    pub fn with_modules(names: &[&str]) -> Self {
        let root = Self::bare();
        for name in names {
            root.drop_in(name);
        }
        root
    }

    fn below(run_dir: &Utf8Path) -> std::io::Result<Self> {
        let making = RUN_DIR_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
        make_all([run_dir.parent().unwrap_or(run_dir), run_dir])?;
        let base = tempfile::Builder::new().prefix("t-").tempdir_in(run_dir)?.keep();
        drop(making);
        let base = Utf8PathBuf::from_path_buf(base).expect("made below a UTF-8 path");
        std::fs::set_permissions(&base, Permissions::from_mode(0o755))?;
        let root = Self { mark: format!("{base}/"), base };
        for name in ["root", "modules.d", "home"] {
            place::make_dir(&root.base.join(name))?;
        }
        // apt checks signatures as a user of its own, who needs a place for temporary files too.
        let tmp = root.base.join("home/tmp");
        place::make_dir(&tmp)?;
        std::fs::set_permissions(&tmp, Permissions::from_mode(0o1777))?;
        Ok(root)
    }

    /// What `--root` gets.
    pub fn path(&self) -> Utf8PathBuf {
        self.base.join("root")
    }

    /// What `--modules-dir` gets.
    pub fn modules_dir(&self) -> Utf8PathBuf {
        self.base.join("modules.d")
    }

    /// A place beside the root for files of the test itself (parameters files, canaries, sources).
    pub fn beside(&self) -> Utf8PathBuf {
        self.base.join("home")
    }

    /// Where versions are.
    pub fn oci_dir(&self) -> Utf8PathBuf {
        self.path().join("var/www/html/preboot_execution_environment/diskless/oci")
    }

    /// Where nodes fetch an image from.
    pub fn image_dir(&self, image: &str) -> Utf8PathBuf {
        self.path().join("var/www/html/preboot_execution_environment/diskless/images").join(image)
    }

    /// Where the ongoing installations are written down.
    pub fn installations_file(&self) -> Utf8PathBuf {
        self.path().join("var/lib/diskless/installations.yml")
    }

    /// Drops a built module into the modules directory, as a sysadmin would, and says where it is.
    pub fn drop_in(&self, module: &str) -> Utf8PathBuf {
        let to = self.modules_dir().join(install::module_file_name(&format!("{module}_module")));
        install::for_a_test(&run::built_module(module), &to, 0o644)
            .unwrap_or_else(|failed| panic!("{failed}"));
        to
    }

    /// Deletes a module file.
    pub fn take_out(&self, module: &str) {
        let file = self.modules_dir().join(install::module_file_name(&format!("{module}_module")));
        std::fs::remove_file(&file).unwrap_or_else(|cause| panic!("cannot remove {file}: {cause}"));
    }

    /// The program with this root and its modules directory, and arguments of the test.
    pub fn disklessset<A: AsRef<OsStr>>(&self, args: &[A]) -> run::Program {
        run::Program::new(run::disklessset(), &self.beside(), &self.mark)
            .args(["--root", self.path().as_str(), "--modules-dir", self.modules_dir().as_str()])
            .args(args)
    }

    /// Takes away all that is mounted below the root, as a reboot does.
    #[track_caller]
    pub fn unmount_all(&self) {
        let points =
            facts::mount_points().unwrap_or_else(|cause| panic!("cannot read the mount table: {cause}"));
        for point in points.iter().rev().filter(|point| point.starts_with(self.path())) {
            let flags = nix::mount::MntFlags::UMOUNT_NOFOLLOW;
            // What a tool of another test holds a copy of is busy for no reason of ours.
            nix::mount::umount2(point, flags)
                .or_else(|_| nix::mount::umount2(point, flags | nix::mount::MntFlags::MNT_DETACH))
                .unwrap_or_else(|cause| panic!("cannot unmount {}: {cause}", point.display()));
        }
    }

    /// A program of the system, in the same clean environment and with the same mark.
    pub fn tool<A: AsRef<OsStr>>(&self, name: &str, args: &[A]) -> run::Program {
        run::Program::new(name, &self.beside(), &self.mark).args(args)
    }

    /// Images as `list --format json` shows them.
    #[track_caller]
    pub fn images(&self) -> Vec<serde_json::Value> {
        let list = self.disklessset(&["list", "--format", "json"]).run().expect_done().json();
        list["images"].as_array().unwrap_or_else(|| panic!("no list of images in {list}")).clone()
    }

    /// The status of an image as `list` shows it, nothing when it is not listed.
    #[track_caller]
    pub fn status(&self, image: &str) -> Option<String> {
        let images = self.images();
        let found = images.iter().find(|listed| listed["name"] == image)?;
        Some(found["status"].as_str().unwrap_or_else(|| panic!("no status in {found}")).to_owned())
    }

    /// Processes started from this root that still run, and those of others that are at work in it. Who has been killed and is
    /// only kept by the kernel, until a disk has answered, does not run.
    pub fn processes(&self) -> BTreeMap<i32, String> {
        let mut found = facts::processes_at(&self.base).unwrap_or_default();
        found.extend(facts::processes_with(run::MARK, &self.mark).unwrap_or_default());
        found.retain(|pid, _| !is_dying(*pid));
        found
    }

    /// Waits, after a `kill -9`, for the tools of the one who was killed: nobody kills them but the init of their namespace,
    /// and under load it may be a while until it has its turn. Who outlives that goes on, and is a fault.
    #[track_caller]
    pub fn wait_for_orphans(&self, killed: impl std::fmt::Display) {
        let started = Instant::now();
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(started.elapsed() < LAST_MOMENTS, "{left:?} goes on after {killed}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The status of an image whose creator was killed a moment ago. A tool that was between fork and exec then has a copy of
    /// everything its creator held, locks as well, until it dies of the same end: for that moment the image is IN_CREATION.
    #[track_caller]
    pub fn status_after_kill(&self, image: &str) -> Option<String> {
        let started = Instant::now();
        loop {
            let status = self.status(image);
            if status.as_deref() != Some("IN_CREATION") || started.elapsed() > LAST_MOMENTS {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The tool of a name that the program, started from this root, runs now: its process id.
    pub fn tool_at_work(&self, name: &str) -> Option<i32> {
        let runs = |line: &str| {
            let first = line.split(' ').take(3).map(|word| word.rsplit('/').next().unwrap_or(word));
            first.into_iter().any(|word| word == name)
        };
        let ours = facts::processes_with(run::MARK, &self.mark).ok()?;
        let tools = facts::descendants_of(&ours).ok()?;
        tools.into_iter().find(|(_, line)| runs(line)).map(|(pid, _)| pid)
    }

    /// Kills all of them.
    pub fn end_processes(&self) {
        run::end_marked(&self.mark);
    }
}

impl Drop for TestRoot {
    fn drop(&mut self) {
        self.end_processes();
        let mounted = place::remove_with_mounts(&self.base);
        // The run's own directory, when this was its last root and cargo xtask did not make it.
        if std::env::var_os(RUN_DIR).is_none() {
            let _going = RUN_DIR_CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = self.base.parent().map(remove_unused);
        }
        match mounted {
            Ok(mounted) => {
                assert!(
                    mounted.is_empty() || std::thread::panicking(),
                    "still mounted at the end: {mounted:?}"
                );
            }
            Err(cause) => assert!(std::thread::panicking(), "cannot remove {}: {cause}", self.base),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_may_be_loaded_from_its_modules_directory() {
        place::is_trusted(&TestRoot::bare().modules_dir()).unwrap();
    }

    #[test]
    fn nothing_is_left_of_it() {
        let root = TestRoot::bare();
        let base = root.base.clone();
        let sleeper = root.tool("sleep", &["300"]).start();
        let _running = sleeper.wait_until(|| (!root.processes().is_empty()).then_some(()));
        drop(root);
        assert!(!base.exists());
        assert_eq!(facts::processes_with(run::MARK, base.as_str()).unwrap(), BTreeMap::new());
    }

    #[test]
    fn two_roots_do_not_see_each_other_s_processes() {
        let (one, other) = (TestRoot::bare(), TestRoot::bare());
        let sleeper = one.tool("sleep", &["300"]).start();
        let _running = sleeper.wait_until(|| (!one.processes().is_empty()).then_some(()));
        assert!(other.processes().is_empty());
    }
}
