//! `cargo xtask quickstart`: from a fresh checkout to a first image that has booted, every command shown as it could be
//! typed.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::{facts, place};
use nix::unistd::geteuid;
use serde_json::Value;

use crate::command::{Output, Tool};
use crate::failure::{self, Failure};
use crate::packages::{Extent, Family, family_of_this_machine};
use crate::source_tree::SourceTree;
use crate::{dist, say, setup};

/// The image that is made.
const IMAGE: &str = "first";
/// Where modules go when the source tree is one that others may write. Root loads them, so root alone may.
const OWN_MODULES_DIR: &str = "/var/lib/disklessset-quickstart/modules.d";

/// Said before anything is done.
const PLAN: &str = "installs packages, builds, makes one image below quickstart-root/ and boots it: some 10 minutes \
    without KVM, 5 GB of disk, 4 GB of memory, and packages of the distribution from its mirror";

struct Quickstart {
    program: Utf8PathBuf,
    root: Utf8PathBuf,
    modules_dir: Utf8PathBuf,
    times: Vec<(&'static str, Duration)>,
}

/// Does all of it. A second run starts from nothing again.
pub(crate) fn task() -> Result<(), Failure> {
    let tree = SourceTree::find()?;
    let mut times = Vec::new();
    say::note(PLAN);
    let set_up = timed(&mut times, "set-up", || setup::task(Extent::Quickstart));
    if !geteuid().is_root() {
        set_up.unwrap_or_else(|missing| say::failure(&missing));
        let how = "making an OS image needs root; type: sudo env \"PATH=$PATH\" cargo xtask quickstart";
        return Err(Failure::Plain(how.to_owned()));
    }
    set_up?;
    let _only_one = lock(&tree)?;
    let built = timed(&mut times, "build", || dist::build(&tree))?;
    say::step("modules");
    let modules_dir = modules_dir(&tree)?;
    for file in dist::install_modules(&built, &modules_dir)? {
        say::note(&format!("dropped in {file}"));
    }
    let root = tree.root.join("quickstart-root");
    let mut quickstart = Quickstart { program: built.program, root, modules_dir, times };
    quickstart.remove_old_root()?;
    quickstart.make_and_prove()
}

fn timed<T>(times: &mut Vec<(&'static str, Duration)>, what: &'static str, act: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let result = act();
    times.push((what, started.elapsed()));
    say::took(what, started.elapsed());
    result
}

fn lock(tree: &SourceTree) -> Result<File, Failure> {
    let path = tree.target.join("quickstart.lock");
    let file = File::create(&path).map_err(failure::file("open", &path))?;
    file.try_lock()
        .map_err(|_| Failure::Plain("another quickstart of this source tree is under way".to_owned()))?;
    Ok(file)
}

/// `modules.d` of the source tree where modules may be loaded from it, else a directory that only root may write.
fn modules_dir(tree: &SourceTree) -> Result<Utf8PathBuf, Failure> {
    let in_tree = tree.root.join("modules.d");
    let Err(reason) = place::is_trusted(&in_tree) else { return Ok(in_tree) };
    say::note(&format!("root does not load modules from {in_tree}: {reason}"));
    dist::make_dirs("/".into(), OWN_MODULES_DIR.trim_start_matches('/'))?;
    let own = Utf8PathBuf::from(OWN_MODULES_DIR);
    place::is_trusted(&own)
        .map_err(|cause| Failure::Plain(format!("{own} cannot be used either: {cause}")))?;
    Ok(own)
}

impl Quickstart {
    fn make_and_prove(&mut self) -> Result<(), Failure> {
        let password_file = self.make_password()?;
        let source = match family_of_this_machine()? {
            Family::Debian => "apt",
            Family::Enterprise => "dnf",
        };
        let create =
            ["livenet", "create", IMAGE, "--kernel", "from-image", "--source", source, "--type", "core"];
        let create = self.disklessset(&create).args(["--password-file", password_file.as_str()]);
        self.show("make an image", "image", &create)?;
        self.show("look at it", "list", &self.disklessset(&["list"]))?;
        self.show(
            "the same for scripts",
            "list --format json",
            &self.disklessset(&["list", "--format", "json"]),
        )?;
        let proof =
            self.show("boot it in a virtual machine", "boot proof", &self.disklessset(&["prove", IMAGE]))?;
        self.summary(&password_file, proof.iter().rfind(|line| line.contains("login:")))
    }

    fn disklessset(&self, args: &[&str]) -> Tool {
        let own = ["--root", self.root.as_str(), "--modules-dir", self.modules_dir.as_str()];
        Tool::new(self.program.as_str()).args(own).args(args.iter().copied()).minutes(30)
    }

    fn show(&mut self, title: &str, name: &'static str, tool: &Tool) -> Result<Vec<String>, Failure> {
        say::step(title);
        say::line(&format!("# {}", tool.line()));
        let mut lines = Vec::new();
        timed(&mut self.times, name, || tool.run_watched(|line| lines.push(line.to_owned())))?;
        Ok(lines)
    }

    /// The root of an earlier quickstart goes; never while something is mounted in it or an image is being made there.
    fn remove_old_root(&self) -> Result<(), Failure> {
        let Ok(meta) = std::fs::symlink_metadata(&self.root) else { return Ok(()) };
        if !meta.is_dir() {
            return Err(Failure::Plain(format!("{} is not a directory: remove it", self.root)));
        }
        say::step("remove the root of the last quickstart");
        let list = self.disklessset(&["list", "--format", "json"]).output(Output::Kept).run_to_end(|_| {})?;
        let list: Value = serde_json::from_str(&list.stdout).unwrap_or_default();
        let images = list["images"].as_array().into_iter().flatten();
        if images.into_iter().any(|image| image["status"] == "IN_CREATION") {
            return Err(Failure::Plain(format!("an image is being made below {}: wait for it", self.root)));
        }
        // Lets go of what a crashed run still holds. If it cannot, the look at the mounts says so.
        let _ = self.disklessset(&["clean", "--yes"]).output(Output::Kept).run_to_end(|_| {})?;
        let cannot_look = failure::file("read", Utf8Path::new("/proc/self/mountinfo"));
        let mut mounts = facts::mount_points().map_err(cannot_look)?;
        mounts.retain(|point| point.starts_with(&self.root));
        if let Some(point) = mounts.first() {
            return Err(Failure::Plain(format!("still mounted: {}; unmount it first", point.display())));
        }
        std::fs::remove_dir_all(&self.root).map_err(failure::file("remove", &self.root))
    }

    fn make_password(&self) -> Result<Utf8PathBuf, Failure> {
        place::make_dir(&self.root).map_err(failure::file("make", &self.root))?;
        let path = self.root.join("root-password");
        let write = || -> std::io::Result<()> {
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&path)?;
            writeln!(file, "{}", random_password()?)?;
            file.sync_all()
        };
        write().map_err(failure::file("write", &path))?;
        Ok(path)
    }

    fn summary(&self, password_file: &Utf8Path, login: Option<&String>) -> Result<(), Failure> {
        say::step("done");
        let images = self.root.join("var/www/html/preboot_execution_environment/diskless/images").join(IMAGE);
        let files = facts::files_below(&images).map_err(failure::file("read", &images))?;
        say::note(&format!("image {IMAGE}: {images}"));
        for (name, facts) in files.iter().filter(|(_, facts)| facts.kind == "file") {
            say::note(&format!("  {:>9} KiB  {}", facts.size.div_ceil(1024), name.display()));
        }
        say::note(&format!("modules: {}", self.modules_dir));
        say::note(&format!("root's password in the image: in {password_file} (mode 0600)"));
        for (what, time) in &self.times {
            say::took(what, *time);
        }
        let login = login.ok_or_else(|| {
            Failure::Plain(
                "the boot proof ended well and showed no login prompt: that is a fault of `prove`".to_owned(),
            )
        })?;
        say::note("the console got to:");
        say::line(login.trim());
        Ok(())
    }
}

/// Twenty letters and digits from the kernel, about 119 bits.
fn random_password() -> std::io::Result<String> {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let random = BufReader::with_capacity(64, File::open("/dev/urandom")?).bytes();
    // Bytes that would make the first signs likelier are left out.
    let fair = random.filter(|byte| {
        byte.as_ref().map_or(true, |byte| usize::from(*byte) < 256 / SIGNS.len() * SIGNS.len())
    });
    fair.take(20).map(|byte| Ok(char::from(SIGNS[usize::from(byte?) % SIGNS.len()]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, other) = (random_password().unwrap(), random_password().unwrap());
        assert_eq!(one.len(), 20);
        assert_ne!(one, other);
    }

    fn quickstart_at(root: &Utf8Path) -> Quickstart {
        // `false` stands for a program that can neither list nor clean: the root must go all the same.
        Quickstart {
            program: "false".into(),
            root: root.to_owned(),
            modules_dir: "/none".into(),
            times: Vec::new(),
        }
    }

    #[test]
    fn the_password_is_for_its_owner_only_and_a_second_run_starts_anew() {
        use std::os::unix::fs::PermissionsExt;
        let temp = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temp.path()).unwrap().join("quickstart-root");
        let quickstart = quickstart_at(&root);
        quickstart.remove_old_root().unwrap();
        let file = quickstart.make_password().unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
        quickstart.remove_old_root().unwrap();
        assert!(!root.exists());
        quickstart.make_password().unwrap();
    }

    #[test]
    fn a_link_in_the_place_of_the_root_is_not_followed() {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap();
        std::fs::create_dir(dir.join("precious")).unwrap();
        std::os::unix::fs::symlink("precious", dir.join("quickstart-root")).unwrap();
        let refusal = quickstart_at(&dir.join("quickstart-root")).remove_old_root().unwrap_err();
        assert!(refusal.to_string().contains("not a directory"), "{refusal}");
        assert!(dir.join("precious").exists());
    }
}
