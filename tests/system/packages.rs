//! The packages, as a server gets them: installed, upgraded, removed and purged on a clean Debian, which never saw the sources.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;

/// As long as building, or fetching a small Debian, may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Nothing may be started. Of what is below `/` only kernel's and runtime's file systems are others: one more would hide what is left behind.
const ENTER: &str = "set -eu; root=$1; shift; mount --bind \"$root\" \"$root\"; mount -t proc proc \"$root/proc\"; \
    mount -t sysfs sys \"$root/sys\"; mount --rbind /dev \"$root/dev\"; mount -t tmpfs tmpfs \"$root/run\"; exec chroot \"$root\" /usr/bin/env -i HOME=/root LANG=C.UTF-8 \
    DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin \"$@\"";

fn source_tree() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The packages of a debug build, which is there.
pub(crate) fn packages(root: &TestRoot) -> Utf8PathBuf {
    let dest = root.beside().join("packages");
    let build = root.tool("cargo", &["xtask", "package", "--dest", dest.as_str()]).dir(&source_tree());
    let mut build = build.env("DISKLESSSET_DIST_PROFILE", "dev");
    for name in ["CARGO_HOME", "RUSTUP_HOME", "HOME", "PATH"] {
        if let Some(value) = std::env::var_os(name) {
            build = build.env(name, value);
        }
    }
    let _ = build.limit(PATIENCE).run().expect_done();
    dest
}

/// Runs a command in a root.
pub(crate) fn inside(test: &TestRoot, root: &Utf8Path, command: &[&str]) -> Outcome {
    let own =
        ["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh", "-c", ENTER, "sh"];
    let all = [&own[..], &[root.as_str()], command].concat();
    test.tool("unshare", &all).limit(PATIENCE).run()
}

/// A package of an older version: the same, with another number.
pub(crate) fn older(test: &TestRoot, deb: &Utf8Path) -> Utf8PathBuf {
    let (tree, old) = (test.beside().join("older"), test.beside().join("older.deb"));
    let _ = test.tool("dpkg-deb", &["-R", deb.as_str(), tree.as_str()]).run().expect_done();
    let control = tree.join("DEBIAN/control");
    let text = std::fs::read_to_string(&control).unwrap().replace("Version: 0.1.0-1", "Version: 0.0.9-1");
    std::fs::File::create(&control)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
    let _ = test.tool("dpkg-deb", &["-Znone", "-b", tree.as_str(), old.as_str()]).run().expect_done();
    old
}

/// The file of a package for Debian.
pub(crate) fn deb_of(debs: &Utf8Path, name: &str) -> Utf8PathBuf {
    let mut found = debs.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
    found.find(|path| path.file_name().unwrap().starts_with(&format!("{name}_"))).unwrap()
}

/// What is left of the program in a root, on record of dpkg or not.
pub(crate) fn left_in(test: &TestRoot, root: &Utf8Path) -> Vec<String> {
    let find = ["find", "/usr", "/etc", "/var", "/run", "-name", "*diskless*", "-prune"];
    let found = inside(test, root, &find).expect_done();
    let left = found.stdout.lines().filter(|line| !line.starts_with("/var/lib/dpkg"));
    let mut left: Vec<String> = left.map(str::to_owned).collect();
    left.sort_unstable();
    left
}

#[test]
fn packages_for_debian_are_installed_upgraded_removed_and_purged() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mmdebstrap"), need::tool("lintian"));
    let test = TestRoot::bare();
    let debs = packages(&test);
    let all: Vec<String> =
        debs.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_string()).collect();
    let all = all.iter().map(String::as_str).filter(|path| path.ends_with(".deb"));
    // Those of a debug build are not compressed.
    let small = "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball";
    let judge = ["--allow-root", "--fail-on", "error,warning", "--suppress-tags", small];
    let judged: Vec<&str> = judge.into_iter().chain(all).collect();
    let _ = test.tool("lintian", &judged).limit(PATIENCE).run().expect_done();
    let root = test.beside().join("debian");
    let make = ["--quiet", "--variant=minbase", "bookworm", root.as_str()];
    let _ = test.tool("mmdebstrap", &make).limit(PATIENCE).run().expect_done();
    let put = |from: &Utf8Path, name: &str| {
        std::fs::copy(from, root.join(name)).unwrap();
        format!("/{name}")
    };
    let of = |name: &str| deb_of(&debs, name);
    let (program, demo) =
        (put(&of("disklessset"), "new.deb"), put(&of("disklessset-module-demo"), "demo.deb"));
    let old = put(&older(&test, &of("disklessset")), "old.deb");
    let run = |command: &[&str]| inside(&test, &root, command);
    let _ = run(&["dpkg", "--install", &old]).expect_done();
    let _ = run(&["dpkg", "--install", &program, &demo]).expect_done();
    let _ = run(&["disklessset", "demo", "create", "first"]).expect_done();
    let listed = run(&["disklessset", "list"]).expect_done();
    assert!(listed.stdout.contains("first"), "{listed}");
    let answered = run(&["disklessset", "completion", "answer", "--", "show", "f"]).expect_done();
    assert!(answered.stdout.starts_with("first\t"), "{answered}");
    for file in [
        "usr/share/man/man1/disklessset-demo-create.1.gz",
        "usr/share/bash-completion/completions/disklessset",
        "usr/lib/systemd/system/disklessset-serve.socket",
        "etc/logrotate.d/disklessset",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    assert!(!root.join("etc/systemd/system/sockets.target.wants/disklessset-serve.socket").exists());
    let _ = run(&["dpkg", "--remove", "disklessset-module-demo", "disklessset"]).expect_done();
    let _ = run(&["dpkg", "--purge", "disklessset-module-demo", "disklessset"]).expect_done();
    let left = left_in(&test, &root);
    assert_eq!(left, ["/var/lib/diskless", "/var/www/html/preboot_execution_environment/diskless"]);
}

#[test]
fn packages_for_enterprise_linux_have_what_they_need() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("rpmbuild"), need::tool("rpmlint"));
    let test = TestRoot::bare();
    let dest = packages(&test);
    let filters = source_tree().join("host/packaging/rpm/rpmlint.toml");
    let judged = test.tool("rpmlint", &["-c", filters.as_str(), dest.as_str()]).limit(PATIENCE).run();
    assert!(judged.stdout.contains(" 0 errors, 0 warnings"), "{judged}");
    let file = |name: &str| {
        let mut found = dest.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned());
        found
            .find(|path| path.file_name().unwrap().starts_with(name) && path.extension() == Some("rpm"))
            .unwrap()
    };
    let asked = |what: &str, name: &str| {
        test.tool("rpm", &["-qp", what, file(name).as_str()]).run().expect_done().stdout
    };
    let needed = asked("--requires", "disklessset-module-livenet-0");
    assert!(needed.contains("disklessset = 0.1.0-1") && needed.contains("squashfs-tools"), "{needed}");
    assert!(asked("--requires", "disklessset-0").contains("libc.so.6(GLIBC_"));
    assert!(asked("--recommends", "disklessset-0").contains("dracut"));
    let files = asked("--list", "disklessset-0");
    for path in ["/usr/bin/disklessset", "/usr/share/zsh/site-functions/_disklessset", "/etc/disklessset"] {
        assert!(files.lines().any(|line| line == path), "{path}: {files}");
    }
    // What a system of packages of its own would bring (glibc) is not there: the files alone.
    let root = test.beside().join("el");
    let (program, demo) = (file("disklessset-0"), file("disklessset-module-demo-0"));
    let install =
        ["--root", root.as_str(), "--nodeps", "--noscripts", "--install", program.as_str(), demo.as_str()];
    let _ = test.tool("rpm", &install).run().expect_done();
    assert!(root.join("usr/lib/disklessset/modules.d/demo_module.so").is_file());
}
