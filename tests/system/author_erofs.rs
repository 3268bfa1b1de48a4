//! Given a module of another author whose class builds on `LivenetImage`: it defines its root image alone, and everything else of
//! its base works for it; without the base its images are listed and can be cleared.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::Read;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Program;
use disklessset_tests::{authors, need};

use super::livenet_sources::{add_oddities, must_have_oddities};
use super::small::{KERNEL, Small, put, register_kernel, register_kernel_with};

/// Has the driver that the class needs.
const EROFS_KERNEL: &str = "6.1.0-erofs";

fn small() -> Small {
    authors::build();
    let small = Small::new();
    small.root.drop_in("erofs");
    register_kernel_with(&small.root, EROFS_KERNEL, &["fs/erofs/erofs"]);
    put(&small.tree.join("usr/lib/modules").join(EROFS_KERNEL).join("modules.dep"), b"", 0o644);
    small
}

fn create(small: &Small, name: &str, more: &[&str]) -> Program {
    let source = format!("tree:{}", small.tree);
    let args = ["erofs", "create", name, "--kernel", EROFS_KERNEL, "--source", &source];
    small.root.disklessset(&[&args[..], more].concat())
}

fn root_image(root: &TestRoot, name: &str) -> Utf8PathBuf {
    root.image_dir(name).join("erofs.img")
}

fn boot_file(root: &TestRoot, name: &str) -> String {
    std::fs::read_to_string(root.image_dir(name).join("boot.ipxe")).unwrap()
}

/// The state of the module and its reason, as `module list` has them.
fn state(root: &TestRoot) -> (String, String) {
    let list = root.disklessset(&["module", "list", "--format", "json"]).run().json();
    let modules = list["modules"].as_array().or(list.as_array()).unwrap();
    let module = modules.iter().find(|module| module["name"] == "erofs").unwrap();
    let text = |key: &str| module[key].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

#[test]
fn all_of_a_tree_is_in_its_image_and_an_edit_is_packed() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mkfs.erofs"),
        need::tool("setcap"),
        need::tool("setfacl"),
        need::tool("setfattr")
    );
    let small = small();
    add_oddities(&small);
    let created = create(&small, "web", &["--compression", "lz4"]).run().expect_done();
    assert!(!created.stderr.contains("ACL"), "nothing is lost, so nothing is told: {created}");
    let mut magic = [0; 4];
    let file = std::fs::File::open(root_image(&small.root, "web")).unwrap();
    file.read_exact_at(&mut magic, 1024).unwrap();
    assert_eq!(magic, [0xE2, 0xE1, 0xF5, 0xE0]);
    let record = small.record("web");
    for line in
        ["compression: lz4\n", "layout: flat\n", "image_class: ErofsImage", "kernel: vmlinuz-6.1.0-erofs"]
    {
        assert!(record.contains(line), "no {line:?} in {record}");
    }
    let boot = boot_file(&small.root, "web");
    assert!(
        boot.contains("root=live:${diskless-base}/oci/blobs/sha256/")
            && boot.contains("rd.live.overlay.overlayfs=1"),
        "{boot}"
    );
    assert!(boot.contains("image web (erofs)"), "{boot}");

    let _ = small.run(&["erofs", "mount", "web"]).expect_done();
    let mnt = small.mnt("web");
    must_have_oddities(&small, &mnt);
    let acl = mnt.join("srv/with acl");
    let acl = small.root.tool("getfacl", &["-pn", acl.as_str()]).run().expect_done();
    assert!(acl.stdout.contains("user:7:r--"), "{acl}");
    assert!(!mnt.join("boot/vmlinuz").exists() && mnt.join("boot").is_dir());
    put(&mnt.join("etc/edited"), b"yes\n", 0o644);
    std::fs::remove_file(mnt.join("etc/gone")).unwrap();
    let _ = small.run(&["erofs", "unmount", "web"]).expect_done();
    let edited = small.run(&["erofs", "exec", "web", "--", "sh", "-c", "read x < /etc/edited; echo $x"]);
    assert_eq!(edited.expect_done().stdout, "yes\n");
    let _ = small.run(&["erofs", "exec", "web", "--", "sh", "-c", "test -e /etc/gone"]).expect_code(1);
    assert!(small.record("web").contains("compression: lz4\n"), "packed as it was");
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn clone_resize_kernel_set_show_and_remove_are_the_base_s() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.erofs"));
    let small = small();
    let before = Snapshot::of(&small.root);
    let file = small.root.modules_dir().join("erofs_module.so");
    let (source, kernel) = (format!("source=tree:{}", small.tree), format!("kernel={EROFS_KERNEL}"));
    let set = ["--set", &source, "--set", &kernel, "--set", "livenet_size=auto"];
    let check = small.root.disklessset(&[&["module", "check", file.as_str()][..], &set].concat());
    let _ = check.limit(std::time::Duration::from_secs(180)).run().expect_done();
    let _ = create(&small, "a", &[]).run().expect_done();
    let _ = small.run(&["verify", "a"]).expect_done();
    let _ = small.run(&["clone", "a", "b"]).expect_done();
    let bytes = |name: &str| std::fs::read(root_image(&small.root, name)).unwrap();
    assert_eq!(bytes("a"), bytes("b"));
    let _ = small.run(&["erofs", "resize", "b", "700M"]).expect_done();
    assert!(small.record("b").contains("livenet_size: 700"));
    let shown = small.run(&["show", "b", "--format", "json"]).expect_done();
    assert!(shown.stdout.contains("root_image_files"), "{shown}");
    small.refused(&["kernel", "set", "b", KERNEL], 5, "needs the driver erofs, and the initramfs of kernel");
    register_kernel_with(&small.root, "6.9.0", &["erofs"]);
    let set = small.run(&["kernel", "set", "b", "6.9.0"]).expect_done();
    let _ = set.expect_said("image b has no modules of kernel 6.9.0");
    assert!(boot_file(&small.root, "b").contains("vmlinuz-6.9.0"));
    let _ = small.run(&["kernel", "set", "b", EROFS_KERNEL]).expect_done();
    let _ = small.run(&["kernel", "remove", "6.9.0", "--yes"]).expect_done();
    // A truncated image is no image to clone.
    std::fs::File::options().write(true).open(root_image(&small.root, "a")).unwrap().set_len(5000).unwrap();
    let _ = small.run(&["clone", "a", "c"]).expect_code(1).expect_said("truncated");
    for name in ["a", "b"] {
        let _ = small.run(&["remove", name, "--yes"]).expect_done();
    }
    before.assert_same_as_now(&small.root);
}

#[test]
fn what_cannot_become_an_image_is_refused_before_it_is_made() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.erofs"));
    let small = small();
    let before = Snapshot::of(&small.root);
    let kernel = small.root.disklessset(&[
        "erofs",
        "create",
        "web",
        "--kernel",
        KERNEL,
        "--source",
        &format!("tree:{}", small.tree),
    ]);
    let _ = kernel.run().expect_code(5).expect_said("needs the driver erofs");
    let layout = create(&small, "web", &["--layout", "classic"]).run();
    let _ = layout.expect_code(2).expect_said("--layout");
    let too_small = create(&small, "web", &["--size", "100M", "--run", "/nowhere"]).run();
    let _ = too_small.expect_code(2).expect_said("/nowhere");
    before.assert_same_as_now(&small.root);
}

/// An action that is killed while mkfs.erofs is at work on the tree, not on the empty one that it is tried with.
fn killed_while_packing(small: &Small, action: Program) {
    let action = action.limit(Duration::from_secs(120)).start();
    let at_work = || {
        let processes = small.root.processes();
        processes.values().any(|line| line.contains("mkfs.erofs") && line.contains("erofs.img")).then_some(())
    };
    let (action, ()) = action.wait_until(at_work);
    action.kill_nine();
}

/// A file that takes the packer some seconds: it cannot be compressed.
fn noise(at: &Utf8Path) {
    let mut noise = std::fs::File::open("/dev/urandom").unwrap().take(96 << 20);
    std::io::copy(&mut noise, &mut std::fs::File::create(at).unwrap()).unwrap();
}

fn killed(small: &Small) {
    killed_while_packing(small, create(small, "web", &[]));
    assert_eq!(small.root.status("web").as_deref(), Some("CORRUPTED"));
}

#[test]
fn a_killed_creation_is_cleaned_with_its_class_without_its_base_and_without_both() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.erofs"));
    let small = small();
    noise(&small.tree.join("srv/noise"));
    let before = Snapshot::of(&small.root);
    for gone in [&[][..], &["livenet"], &["livenet", "erofs"]] {
        killed(&small);
        gone.iter().for_each(|module| small.root.take_out(module));
        let _ = small.run(&["clean", "--yes"]).expect_done();
        assert_eq!(small.root.status("web"), None, "without {gone:?}");
        before.assert_same_as_now(&small.root);
        for module in gone {
            small.root.drop_in(module);
        }
    }
}

#[test]
fn a_killed_unmount_leaves_the_old_image_in_service_and_the_changes_there() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.erofs"));
    let small = small();
    // lz4hc tries hard on what cannot be compressed: a minute for this.
    let _ = create(&small, "web", &["--compression", "lz4"]).run().expect_done();
    let old = std::fs::read(root_image(&small.root, "web")).unwrap();
    let _ = small.run(&["erofs", "mount", "web"]).expect_done();
    noise(&small.mnt("web").join("srv/noise"));
    killed_while_packing(&small, small.root.disklessset(&["erofs", "unmount", "web"]));
    let _ = small.run(&["clean", "--yes"]).expect_done();
    assert_eq!(small.root.status("web").as_deref(), Some("CREATED"));
    assert!(std::fs::read(root_image(&small.root, "web")).unwrap() == old, "the old image serves");
    let _ = small.run(&["erofs", "unmount", "web"]).expect_done();
    let _ = small.run(&["erofs", "exec", "web", "--", "sh", "-c", "test -s /srv/noise"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
    let images = small.root.image_dir("web");
    let entries = images.parent().unwrap().read_dir_utf8().unwrap();
    let left: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
    assert_eq!(left, ["web"], "nothing lies beside the images");
}

#[test]
fn a_class_whose_base_is_gone_waits_for_it_and_lives_again() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mkfs.erofs"));
    let small = small();
    let empty = Snapshot::of(&small.root);
    for name in ["a", "b"] {
        let _ = create(&small, name, &[]).run().expect_done();
    }
    let made = Snapshot::of(&small.root);
    small.root.take_out("livenet");
    assert_eq!(state(&small.root), ("waiting".to_owned(), "waiting for class LivenetImage".to_owned()));
    assert_eq!(small.root.status("a").as_deref(), Some("CREATED"));
    for command in [&["erofs", "mount", "a"][..], &["erofs", "create", "c", "--kernel", EROFS_KERNEL]] {
        let refused = small.run(command).expect_refusal(&[2, 3, 5]);
        let _ = refused.expect_said("waiting for class LivenetImage");
    }
    for command in [&["clone", "a", "c"][..], &["remove", "a", "--yes"], &["kernel", "set", "a", KERNEL]] {
        let _ = small.run(command).expect_code(3).expect_said("LivenetImage");
    }
    let verified = small.run(&["verify", "a"]).expect_code(1);
    assert!(verified.stdout.contains("waiting for class LivenetImage"), "{verified}");
    made.assert_same_as_now(&small.root);
    let _ = small.run(&["clear", "b", "--yes"]).expect_done();
    let _ = small.run(&["clean", "--yes"]).expect_done();

    small.root.drop_in("livenet");
    assert_eq!(state(&small.root).0, "ready");
    let _ = small.run(&["erofs", "exec", "a", "--", "sh", "-c", "echo alive > /etc/alive"]).expect_done();
    let _ = small.run(&["remove", "a", "--yes"]).expect_done();
    empty.assert_same_as_now(&small.root);
}

#[test]
fn an_edit_outlives_the_base() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.erofs"));
    let small = small();
    register_kernel(&small.root, "6.2.0");
    let _ = create(&small, "web", &[]).run().expect_done();
    let _ = small.run(&["erofs", "mount", "web"]).expect_done();
    put(&small.mnt("web").join("etc/edited"), b"yes\n", 0o644);
    small.root.take_out("livenet");
    let _ = small.run(&["erofs", "unmount", "web"]).expect_refusal(&[2, 3, 5]);
    assert!(small.mnt("web").join("etc/edited").exists(), "still mounted, with its changes");
    small.root.drop_in("livenet");
    let _ = small.run(&["erofs", "unmount", "web"]).expect_done();
    let edited = small.run(&["erofs", "exec", "web", "--", "sh", "-c", "read x < /etc/edited; echo $x"]);
    assert_eq!(edited.expect_done().stdout, "yes\n");
    // Cleared without base while it is mounted.
    let _ = small.run(&["erofs", "mount", "web"]).expect_done();
    small.root.take_out("livenet");
    let _ = small.run(&["clear", "web", "--yes"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
    assert_eq!(small.root.status("web"), None);
}
