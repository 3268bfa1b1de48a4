//! Given the other tools: those of file systems, of signatures, of the tree itself, and the machine of the proof.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8Path;
use disklessset_tests::loop_disk::{Disk, LoopDisk};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run;

use super::tools::{Fault, with_faulty};
use crate::system::nfs::Nfs;
use crate::system::small::{KERNEL, Small, put};

#[test]
fn case_10_a_btrfs_that_does_nothing() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.btrfs"));
    let nfs = Nfs::new();
    let place = nfs.root.beside().join("disk");
    std::fs::create_dir(&place).unwrap();
    let disk = LoopDisk::new(&place, Disk::Btrfs, 400).unwrap();
    let _bound = Mounted::bind(disk.path(), &nfs.root.path().join("diskless/images/nfsimages"));
    nfs.staging("st");
    let before = Snapshot::of(&nfs.root);
    let [fails, killed] = super::case_33_after_its_work::ENDS.map(Fault::AfterItsWork);
    for (method, faults) in [
        ("snapshot", &[Fault::Missing, Fault::Fails, Fault::DoesNothing, fails, killed][..]),
        ("auto", &[Fault::DoesNothing]),
    ] {
        for fault in faults.iter().copied() {
            let create =
                nfs.root.disklessset(&["nfs", "create-golden", "g", "--from", "st", "--method", method]);
            let _ = with_faulty(&nfs.root, "btrfs", fault, create).run().expect_refusal(&[1, 5]);
            before.assert_same_as_now(&nfs.root);
        }
    }
    nfs.done(&["nfs", "create-golden", "g", "--from", "st", "--method", "snapshot"]);
    nfs.done(&["remove", "g", "--yes"]);
    nfs.done(&["remove", "st", "--yes"]);
}

#[test]
fn case_10_a_signature_is_only_good_when_the_tool_says_whose_it_is() {
    disklessset_tests::need!(need::root(), need::tool("ssh-keygen"));
    let root = TestRoot::bare();
    let place = root.path().join("etc/disklessset");
    put(&place.join("diskless_parameters.yml"), b"require_module_signatures: true\n", 0o644);
    let keygen = |args: &[&str]| drop(root.tool("ssh-keygen", args).run().expect_done());
    let key = root.beside().join("key");
    keygen(&["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key.as_str()]);
    let public = std::fs::read(format!("{key}.pub")).unwrap();
    put(&place.join("trusted-modules.d/us.pub"), &public, 0o644);
    let file = root.beside().join("demo_module.so");
    std::fs::copy(run::built_module("demo"), &file).unwrap();
    keygen(&["-q", "-Y", "sign", "-n", "disklessset-module", "-f", key.as_str(), file.as_str()]);
    let install = || root.disklessset(&["module", "install", file.as_str()]);
    // The standing directories are there before anything is compared.
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    let _ = with_faulty(&root, "ssh-keygen", Fault::Fails, install()).run().expect_refusal(&[1, 5]);
    let before = Snapshot::of(&root);
    for fault in [
        Fault::Missing,
        Fault::Fails,
        Fault::DoesNothing,
        // It knows the signature for one, and does not say whose it is.
        Fault::StopsHalfWay("case \"$*\" in *check-novalidate*) \"$real\" \"$@\";; esac"),
    ] {
        let _ = with_faulty(&root, "ssh-keygen", fault, install()).run().expect_refusal(&[1, 5]);
        before.assert_same_as_now(&root);
        assert_eq!(root.modules_dir().read_dir().unwrap().count(), 0, "{fault:?}");
    }
    let _ = install().run().expect_done();
}

#[test]
fn case_10_a_signer_that_does_nothing_or_half() {
    disklessset_tests::need!(need::root(), need::tool("openssl"));
    let small = Small::new();
    crate::system::image_signing::sign(&small.root);
    let _ = small.run(&["verify", "--record"]);
    let _ = small.run(&["verify", "--kernel", KERNEL, "--record"]);
    let _ = small.create("web", &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    let half = "\"$real\" \"$@\" || exit; case \"$*\" in *-sign*) while test $# -gt 1; do \
         if test \"$1\" = -out; then truncate -s 100 \"$2\"; fi; shift; done;; esac";
    for fault in [Fault::Missing, Fault::Fails, Fault::DoesNothing, Fault::StopsHalfWay(half)] {
        let created = with_faulty(&small.root, "openssl", fault, small.create("new", &[])).run();
        let _ = created.expect_refusal(&[1, 5]);
        before.assert_same_as_now(&small.root);
    }
    let _ = small.create("new", &[]).run().expect_done();
}

/// Has a package manager fill a tree without any package, whose own tool is not what it should be.
#[track_caller]
fn with_tool_of_tree(small: &Small, manager: &str, tool: &str, does: &str) -> run::Outcome {
    let file = small.tree.join(tool.trim_start_matches('/'));
    put(&file, format!("#!/bin/sh\n{does}\n").as_bytes(), 0o755);
    let fill = format!(
        "for word; do dir=${{word#--installroot=}}; if test -d \"$dir\"; then tar -C '{}' -c . | tar -C \"$dir\" -x; fi; done",
        small.tree
    );
    let create = match manager {
        "dnf" => {
            let more = ["--release", "9", "--unsigned", "--repo", "file:///no/such/repository"];
            small.create_from("web", "dnf", &more)
        }
        _ => small.create_from("web", "apt", &["--type", "core"]),
    };
    with_faulty(&small.root, manager, Fault::StopsHalfWay(&fill), create).run()
}

#[test]
fn case_10_tools_of_a_tree() {
    disklessset_tests::need!(need::root(), need::tool("dnf"), need::tool("mmdebstrap"));
    let small = Small::new();
    put(&small.tree.join("var/lib/rpm/rpmdb.sqlite"), b"packages", 0o644);
    put(&small.tree.join("var/lib/dpkg/info/base-files.list"), b"/\n", 0o644);
    put(&small.tree.join("usr/lib/modules/9.9.9-test/modules.order"), b"", 0o644);
    put(&small.tree.join("etc/os-release"), b"ID=test\n", 0o644);
    let before = Snapshot::of(&small.root);
    for (manager, tool) in [("dnf", "/usr/sbin/depmod"), ("mmdebstrap", "/usr/bin/systemctl")] {
        for (does, said) in [
            ("echo broken >&2; exit 1", "broken"),
            ("exit 0", "ended well"),
            ("kill -9 $$", "killed by SIGKILL"),
        ] {
            let created = with_tool_of_tree(&small, manager, tool, does);
            let _ = created
                .expect_code(1)
                .expect_said(Utf8Path::new(tool).file_name().unwrap())
                .expect_said(said);
            before.assert_same_as_now(&small.root);
        }
    }
}

#[test]
fn case_10_a_machine_that_does_nothing() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    for fault in [Fault::Missing, Fault::Fails, Fault::DoesNothing] {
        let prove = small.root.disklessset(&["prove", "web"]);
        let proof = with_faulty(&small.root, "qemu-system-x86_64", fault, prove).run();
        let _ = proof.expect_refusal(&[1, 5]);
        before.assert_same_as_now(&small.root);
    }
}

/// It was missed after minutes of work once.
#[test]
fn case_10_a_missing_tool_is_told_before_the_work_begins() {
    disklessset_tests::need!(need::root(), need::tool("unshare"));
    let small = Small::new();
    for (tool, more, package) in
        [("mksquashfs", &[][..], "squashfs-tools"), ("mkfs.ext4", &["--layout", "classic"], "e2fsprogs")]
    {
        for how in [&["-i"][..], &["--dry-run"]] {
            let before = Snapshot::of(&small.root);
            let create = with_faulty(&small.root, tool, Fault::Missing, small.create("new", more).args(how));
            let refused = create.run().expect_code(1);
            let refused = refused.expect_said(&format!("{tool} is not installed")).expect_said(package);
            assert!(!refused.stderr.contains("making the tree"), "{refused}");
            before.assert_same_as_now(&small.root);
        }
    }
}
