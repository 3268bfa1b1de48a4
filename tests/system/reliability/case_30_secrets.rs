//! Given a password: it is nowhere but where the user had it. Not in arguments, environments, logs, journals, records, images or what is
//! left of a crash; its hash is in the image's own shadow file alone.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Program, Running};
use nix::sys::signal::Signal;

use crate::system::apt_tree::processes_showing;
use crate::system::small::{KERNEL, Small, put};

const PASSWORD: &str = "core-secret-7315";

/// The two ways a password comes in: a file that is named, and a parameters file.
fn commands(small: &Small) -> [Program; 2] {
    let beside = small.root.beside();
    let file = beside.join("password");
    put(&file, format!("{PASSWORD}\n").as_bytes(), 0o600);
    let parameters = beside.join("parameters.yml");
    let text = format!(
        "image_data:\n  name: web\n  image_class: LivenetImage\n  kernel: {KERNEL}\n  source: 'tree:{}'\n  password: {PASSWORD}\n",
        small.tree
    );
    put(&parameters, text.as_bytes(), 0o600);
    [
        small.create("web", &["--password-file", file.as_str()]),
        small.root.disklessset(&["create", "--from", parameters.as_str()]),
    ]
}

/// A tree that takes long enough to be packed.
fn with_noise() -> Small {
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=60"]).run().expect_done();
    small
}

/// Files below a place in which a text is.
#[track_caller]
fn files_with(root: &TestRoot, place: &Utf8Path, text: &str) -> Vec<String> {
    let grep = root.tool("grep", &["-rlaF", "--", text, place.as_str()]).run();
    assert!(matches!(grep.status.code(), Some(0 | 1)), "{grep}");
    grep.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn case_30_a_password_is_nowhere_and_its_hash_only_in_shadow() {
    disklessset_tests::need!(need::root());
    let small = with_noise();
    for command in commands(&small) {
        let over = AtomicBool::new(false);
        let (seen, created) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| {
                let mut seen = BTreeSet::new();
                while !over.load(Ordering::Relaxed) {
                    seen.extend(processes_showing(PASSWORD));
                    std::thread::sleep(std::time::Duration::from_millis(5));
                }
                seen
            });
            let created = command.args(["-d"]).run();
            over.store(true, Ordering::Relaxed);
            (watch.join().unwrap(), created)
        });
        let created = created.expect_done();
        assert!(seen.is_empty(), "seen by everybody on the machine: {seen:?}");
        assert!(!format!("{}{}", created.stdout, created.stderr).contains(PASSWORD), "printed");
        let tree = small.unpacked("web");
        let shadow = std::fs::read_to_string(tree.join("etc/shadow")).unwrap();
        let hash =
            shadow.lines().find_map(|line| line.strip_prefix("root:")).unwrap().split(':').next().unwrap();
        assert!(hash.starts_with("$6$"), "{shadow}");
        assert_eq!(files_with(&small.root, &small.root.path(), PASSWORD), [] as [&str; 0]);
        assert_eq!(files_with(&small.root, &small.root.path(), hash), [] as [&str; 0], "the hash");
        assert_eq!(files_with(&small.root, &tree, PASSWORD), [] as [&str; 0]);
        assert_eq!(files_with(&small.root, &tree, hash), [tree.join("etc/shadow").as_str()]);
        for looking in [&["list"][..], &["show", "web"], &["log", "web"], &["verify"]] {
            let said = small.run(looking);
            assert!(!said.stdout.contains(PASSWORD) && !said.stdout.contains(hash), "{said}");
        }
        let _ = small.run(&["remove", "web", "--yes"]).expect_done();
        std::fs::remove_dir_all(tree.parent().unwrap()).unwrap();
    }
}

/// What is left of a process that a signal ended, where it worked.
fn cores(dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let names = dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path());
    names.filter(|path| path.file_name().unwrap().starts_with("core")).collect()
}

#[test]
fn case_30_a_crash_leaves_no_core_of_who_knows_a_password() {
    disklessset_tests::need!(need::root(), need::tool("prlimit"));
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    if !pattern.starts_with("core") {
        let _ = need::skip("core dumps of this machine go elsewhere than the working directory");
        return;
    }
    let small = with_noise();
    let beside = small.root.beside();
    let before = Snapshot::of(&small.root);
    let crash = |program: &dyn Fn() -> Program| {
        let packing = || {
            let dumping = program().behind("prlimit", &["--core=unlimited:unlimited"]).start();
            dumping.wait_until_or_end(|| small.root.tool_at_work("mksquashfs"))
        };
        let (dumping, _): (Running, _) = packing().unwrap_or_else(|ended| {
            // On a busy machine the packing may be over before anybody has looked: once more.
            let _ = ended.expect_done();
            let _ = small.run(&["remove", "web", "--yes"]).expect_done();
            packing().unwrap_or_else(|ended| panic!("it ended too early: {ended}"))
        });
        dumping.signal(Signal::SIGABRT);
        let ended = dumping.wait();
        assert!(!ended.status.success(), "{ended}");
        let cores = cores(&beside);
        for core in &cores {
            std::fs::remove_file(core).unwrap();
        }
        let _ = small.run(&["clean", "--yes"]).expect_done();
        before.assert_same_as_now(&small.root);
        cores.len()
    };
    assert_eq!(crash(&|| small.create("web", &[])), 1, "without a password a crash may be looked into");
    for number in 0..commands(&small).len() {
        let command = || Vec::from(commands(&small)).swap_remove(number);
        assert_eq!(crash(&command), 0, "a core dump of a program that knows a password");
    }
}
