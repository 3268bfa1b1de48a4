//! One OS tree of real packages for a whole test run: made by the program itself, watched while it is made, and unpacked for
//! all tests that need a whole system.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

use super::small::{put, unpack};

/// The clear password of the shared image.
pub(super) const PASSWORD: &str = "clear-secret-0451";
/// A public key nobody has the private one of.
pub(super) const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP7Bh0QdaGTwBDNXu9kGZPvTDO2u1v0bYfRZ2Q2Jb8rJ test@example\n";

/// The image and what was seen on the way.
pub(crate) struct Shared {
    /// Where it was made. It goes with the directory of the test run.
    pub(super) root: TestRoot,
    tree: Utf8PathBuf,
    /// Everything the creation printed.
    pub(super) printed: String,
    /// Command lines and environments of all processes of the machine that had the password in them.
    pub(super) leaks: BTreeSet<String>,
}

impl Shared {
    /// The tree of the image, with its kernel beside its modules. Nobody may change it.
    pub(crate) fn tree(&self) -> &Utf8Path {
        &self.tree
    }
}

/// The shared image, made by the first who asks; the others wait.
pub(crate) fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(make)
}

fn make() -> Shared {
    let root = TestRoot::with_modules(&["livenet"]);
    let beside = |name: &str, text: &str, mode: u32| {
        let file = root.beside().join(name);
        put(&file, text.as_bytes(), mode);
        file
    };
    let password = beside("password", &format!("{PASSWORD}\n"), 0o600);
    let key = beside("key.pub", KEY, 0o644);
    let script = beside("script", "#!/bin/sh -e\ncommand -v less\necho from-script >/etc/by-script\n", 0o644);
    let args = [
        "-d",
        "livenet",
        "create",
        "base",
        "--kernel",
        "from-image",
        "--source",
        "apt",
        "--type",
        "core",
        "--kernel-package",
        "linux-image-cloud-amd64",
        "--package",
        "less",
        "--password-file",
        password.as_str(),
        "--ssh-pub-key",
        key.as_str(),
        "--run",
        script.as_str(),
        "--kernel-parameters",
        "audit=0 panic=7",
    ];
    let create = root.disklessset(&args).behind("sh", &["-c", "umask 077; exec \"$0\" \"$@\""]);
    let create = create.limit(Duration::from_secs(8 * 60)).start();
    let over = Arc::new(AtomicBool::new(false));
    let watch = std::thread::spawn({
        let over = over.clone();
        move || {
            let mut leaks = BTreeSet::new();
            while !over.load(Ordering::Relaxed) {
                leaks.extend(processes_showing(PASSWORD));
                std::thread::sleep(Duration::from_millis(20));
            }
            leaks
        }
    });
    let created = create.wait().expect_done();
    over.store(true, Ordering::Relaxed);
    let leaks = watch.join().unwrap();
    // Later, others work with the tree.
    Snapshot::assert_nothing_held(&root);
    let tree = unpack(&root, &root.image_dir("base").join("squashfs.img"));
    Shared { printed: format!("{}{}", created.stdout, created.stderr), root, tree, leaks }
}

/// Command lines and environments of processes that have a text in them.
pub(super) fn processes_showing(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(entry.path().join(file)).unwrap_or_default();
            let words = String::from_utf8_lossy(&bytes).replace('\0', " ");
            if words.contains(text) {
                found.insert(format!("{file}: {words}"));
            }
        }
    }
    found
}
