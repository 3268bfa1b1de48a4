//! A newcomer's machine: set-up and the sample in a clean root of Debian 12, with the source tree below a private home.
//!
//! What only the machines have that the tests are written on is missing there: packages by chance, a checkout that all can see.

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Output, Tool};
use crate::failure::{self, Failure};
use crate::say;
use crate::source_tree::SourceTree;

const SUITE: &str = "bookworm";
/// What a newcomer has beside a minimal system: the source tree came with git, and Rust's toolchain links with gcc.
const THERE: &str = "--include=ca-certificates,git,gcc,libc6-dev";
/// Debian's root has a home of mode 0700.
const CHECKOUT: &str = "root/disklessset";
/// Its mounts and processes are its own, and go with it. Arguments: the root, the toolchain, the source tree in the root.
const ENTER: &str = "set -eu; root=$1; \
    mount --bind \"$root\" \"$root\"; mount -t proc proc \"$root/proc\"; mount -t sysfs sys \"$root/sys\"; \
    mount --rbind /dev \"$root/dev\"; mount -t tmpfs tmpfs \"$root/run\"; mount -t tmpfs tmpfs \"$root/tmp\"; \
    mount --bind \"$2\" \"$root/opt/rust\"; \
    exec chroot \"$root\" /usr/bin/env -i CI=true HOME=/root CARGO_HOME=/opt/cargo LANG=C.UTF-8 \
    PATH=/opt/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    sh -c 'cd \"/$0\" && exec cargo xtask test' \"$3\"";

/// Makes the root below a directory of the run and has the test command run in it; it has failed when that has.
pub(super) fn check(tree: &SourceTree, place: &Utf8Path) -> Result<(), Failure> {
    let root = place.join("clean-root");
    say::step(&format!("a clean root: {root}"));
    let sources = apt_sources()?;
    let make = Tool::new("mmdebstrap").args(["--quiet", "--variant=important", THERE, SUITE, root.as_str()]);
    make.args(sources).minutes(20).run()?;
    for dir in ["opt/rust", "opt/cargo"] {
        let dir = root.join(dir);
        std::fs::create_dir_all(&dir).map_err(failure::file("make", &dir))?;
    }
    copy_surroundings(&root)?;
    copy_source_tree(tree, &root.join(CHECKOUT))?;
    let toolchain =
        Tool::new("rustc").args(["--print", "sysroot"]).output(Output::Kept).dir(&tree.root).run()?.stdout;
    let unshare =
        ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", ENTER, "sh"];
    let inside = Tool::new("unshare").args(unshare).args([root.as_str(), toolchain.trim(), CHECKOUT]);
    inside.minutes(240).run().map(drop)
}

/// This machine's mirror, where it is one for that suite; else Debian's own.
fn apt_sources() -> Result<Vec<String>, Failure> {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    if !release.lines().any(|line| line.trim() == format!("VERSION_CODENAME={SUITE}")) {
        return Ok(vec!["http://deb.debian.org/debian".to_owned()]);
    }
    let dir = Utf8Path::new("/etc/apt/sources.list.d");
    let entries = dir.read_dir_utf8().map_err(failure::file("read", dir))?.flatten();
    let mut files: Vec<String> = entries.map(|entry| entry.path().to_string()).collect();
    files.retain(|file| file.ends_with(".sources") || file.ends_with(".list"));
    let old = Utf8Path::new("/etc/apt/sources.list");
    files.extend(old.metadata().ok().filter(|meta| meta.len() > 0).map(|_| old.to_string()));
    Ok(files)
}

/// How this machine reaches mirrors and registries: proxies, certificates, names.
fn copy_surroundings(root: &Utf8Path) -> Result<(), Failure> {
    let copy = |from: &str, to: Utf8PathBuf| -> Result<(), Failure> {
        if Utf8Path::new(from).exists() {
            Tool::new("cp")
                .args(["-rL", "--remove-destination", from, to.as_str()])
                .output(Output::Kept)
                .run()?;
        }
        Ok(())
    };
    for file in ["/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs", "/etc/apt/apt.conf.d"] {
        let to = root.join(file.trim_start_matches('/'));
        copy(file, to.parent().unwrap_or(root).to_owned())?;
    }
    let home =
        std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cargo")));
    copy(&format!("{}/config.toml", home.unwrap_or_default()), root.join("opt/cargo"))
}

/// A clone, with what is not committed yet.
fn copy_source_tree(tree: &SourceTree, to: &Utf8Path) -> Result<(), Failure> {
    let git = |args: &[&str]| {
        Tool::new("git").args(["-c", "safe.directory=*"]).args(args.iter().copied()).output(Output::Kept)
    };
    git(&["clone", "--quiet", "--no-hardlinks", tree.root.as_str(), to.as_str()]).run()?;
    let list = git(&["ls-files", "-z", "--modified", "--others", "--exclude-standard"])
        .dir(&tree.root)
        .run()?
        .stdout;
    for name in list.split(['\0', '\n']).filter(|name| !name.is_empty()) {
        let (from, to) = (tree.root.join(name), to.join(name));
        if from.symlink_metadata().is_err() {
            std::fs::remove_file(&to).map_err(failure::file("remove", &to))?;
            continue;
        }
        let dir = to.parent().unwrap_or(&to);
        std::fs::create_dir_all(dir).map_err(failure::file("make", dir))?;
        Tool::new("cp")
            .args(["-a", "--remove-destination", from.as_str(), to.as_str()])
            .output(Output::Kept)
            .run()?;
    }
    Ok(())
}
