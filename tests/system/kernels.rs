//! Given kernels of all origins: pairs of files, modules that belong to them, and images that boot them.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::own_tmp::OwnTmp;
use disklessset_tests::residue::Snapshot;
use serde_json::json;

use super::apt_tree::shared;
use super::small::{KERNEL, Small, kernels, put, register_kernel};

const PATIENCE: Duration = Duration::from_secs(4 * 60);

fn listed(small: &Small, version: &str) -> serde_json::Value {
    let list = small.run(&["kernel", "list", "--format", "json"]).expect_done().json();
    assert_eq!(list["format"], 1);
    list["kernels"]
        .as_array()
        .unwrap()
        .iter()
        .find(|kernel| kernel["version"] == version)
        .cloned()
        .unwrap_or_default()
}

/// The version, the file and the modules of the kernel in the shared tree.
pub(super) fn real_kernel() -> (String, Utf8PathBuf, Utf8PathBuf) {
    let modules = shared().tree().join("usr/lib/modules");
    let version = modules.read_dir_utf8().unwrap().next().unwrap().unwrap().file_name().to_owned();
    let modules = modules.join(&version);
    (version, modules.join("vmlinuz"), modules)
}

#[test]
fn a_kernel_from_a_file_gets_its_initramfs_from_the_server_s_dracut() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("dracut"));
    let (version, file, modules) = real_kernel();
    let small = Small::new();
    // Under another name: the version is the one inside.
    let renamed = small.root.beside().join("bzImage");
    std::fs::copy(&file, &renamed).unwrap();
    let add = ["kernel", "add", "--vmlinuz", renamed.as_str(), "--modules", modules.as_str()];
    let _ = small.run(&add).expect_done();
    let vmlinuz = format!("vmlinuz-{version}");
    let initramfs = format!("initramfs-kernel-{version}");
    assert_eq!(
        listed(&small, &version),
        json!({"version": version, "vmlinuz": vmlinuz, "initramfs": null, "used_by": []})
    );

    // Not offered for images.
    let source = format!("tree:{}", small.tree);
    let before = Snapshot::of(&small.root);
    let without = small.run(&["livenet", "create", "web", "--kernel", &version, "--source", &source]);
    let _ = without.expect_code(3).expect_said("has no initramfs");
    let _ = small.create("web", &[]).run().expect_done();
    small.refused(&["kernel", "set", "web", &version], 3, "has no initramfs");
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    before.assert_same_as_now(&small.root);

    // What dracut puts anywhere but into the work area stays there when it is killed: nobody has it on record.
    let make = small.root.disklessset(&["kernel", "initramfs", &version]).limit(PATIENCE);
    let _ = OwnTmp::beside(&small.root).read_only_around(make).run().expect_done();
    assert_eq!(listed(&small, &version)["initramfs"], initramfs);
    let made = kernels(&small.root).join(&initramfs);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(made.metadata().unwrap().permissions().mode() & 0o7777, 0o644, "dracut makes it 0600");
    let content = small.root.tool("lsinitrd", &["--mod", made.as_str()]).run().expect_done().stdout;
    for part in ["livenet", "dmsquash-live", "overlayfs"] {
        assert!(content.lines().any(|line| line.trim() == part), "no {part} in {content}");
    }
    let drivers = small.root.tool("lsinitrd", &[made.as_str()]).run().expect_done().stdout;
    for driver in ["squashfs.ko", "overlay.ko", "virtio_net.ko"] {
        assert!(drivers.contains(driver), "no {driver}");
    }
    Snapshot::assert_nothing_held(&small.root);

    // An image of a tree without that kernel's modules gets them.
    let create = ["livenet", "create", "web", "--kernel", &version, "--source", &source];
    let _ = small.root.disklessset(&create).limit(PATIENCE).run().expect_done();
    assert!(small.unpacked("web").join("lib/modules").join(&version).join("modules.dep").is_file());
    let _ = small.run(&["verify", "web"]).expect_done();
}

#[test]
fn setting_a_kernel_changes_both_files_of_the_pair_everywhere() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let other = "6.1.0-other";
    register_kernel(&small.root, other);
    let _ = small.create("web", &["--kernel-parameters", "audit=0"]).run().expect_done();
    let boot = || std::fs::read_to_string(small.root.image_dir("web").join("boot.ipxe")).unwrap();
    let before = boot();
    assert!(!before.contains(other) && before.matches(KERNEL).count() >= 2, "{before}");
    let _ = small.run(&["kernel", "set", "web", other]).expect_done();
    // But for the version that it is.
    let is_version = |line: &&str| line.contains("disklessset.version=");
    let rest = |text: &str| {
        text.lines()
            .skip(2)
            .filter(|line| !is_version(line))
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    assert_eq!(rest(&boot()), rest(&before.replace(KERNEL, other)), "nothing else changes");
    let shown = small.run(&["show", "web", "--format", "json"]).expect_done().json();
    let attributes = &shown["image"]["attributes"];
    assert_eq!(attributes["kernel"], format!("vmlinuz-{other}"));
    assert_eq!(attributes["image"], format!("initramfs-kernel-{other}"));
    assert_eq!(listed(&small, other)["used_by"], json!(["web"]));
    assert_eq!(listed(&small, KERNEL)["used_by"], json!([]));

    small.refused(&["kernel", "remove", other, "--yes"], 5, "web");
    small.refused(&["kernel", "remove", "7.7.7", "--yes"], 3, "7.7.7");
    small.refused(&["kernel", "set", "web", "7.7.7"], 3, "7.7.7");
    small.refused(&["kernel", "set", "nobody", other], 3, "nobody");
    let _ = small.run(&["kernel", "remove", KERNEL, "--yes"]).expect_done();
    assert!(listed(&small, KERNEL).is_null());
    let left = kernels(&small.root).read_dir_utf8().unwrap().count();
    assert_eq!(left, 2, "both files of a pair go");
}

#[test]
fn an_initramfs_that_cannot_boot_a_flat_image_is_refused_for_it() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    put(&kernels(&small.root).join("vmlinuz-6.1.0-old"), b"kernel", 0o644);
    // An initramfs with a list of parts that has no overlayfs.
    let good = std::fs::read(kernels(&small.root).join(format!("initramfs-kernel-{KERNEL}"))).unwrap();
    let at = good.windows(9).position(|window| window == b"overlayfs").unwrap();
    let mut bad = good;
    bad[at..at + 9].copy_from_slice(b"otherpart");
    put(&kernels(&small.root).join("initramfs-kernel-6.1.0-old"), &bad, 0o644);
    small.refused(&["kernel", "set", "web", "6.1.0-old"], 5, "flat");
    // Garbage cannot be read: a warning, not an error.
    put(&kernels(&small.root).join("initramfs-kernel-6.1.0-old"), b"garbage", 0o644);
    let _ = small.run(&["kernel", "set", "web", "6.1.0-old"]).expect_done().expect_said("cannot tell");
}

#[test]
fn what_is_wrong_with_an_image_is_verified() {
    disklessset_tests::need!(need::root());
    for damage in ["boot.ipxe", "squashfs.img", "kernel", "initramfs"] {
        let small = Small::new();
        let _ = small.create("web", &[]).run().expect_done();
        let _ = small.run(&["verify"]).expect_done();
        let file = match damage {
            "kernel" => kernels(&small.root).join(format!("vmlinuz-{KERNEL}")),
            "initramfs" => kernels(&small.root).join(format!("initramfs-kernel-{KERNEL}")),
            other => small.root.image_dir("web").join(other),
        };
        std::fs::remove_file(&file).unwrap();
        let before = Snapshot::of(&small.root);
        let found = small.run(&["verify", "--format", "json"]).expect_code(1);
        let verified = found.json()["verified"].clone();
        let problem =
            verified[0]["problem"].as_str().unwrap_or_else(|| panic!("{damage}: {verified}")).to_owned();
        assert!(problem.contains(damage) || problem.contains(KERNEL), "{damage}: {problem}");
        before.assert_same_as_now(&small.root);
    }
}

#[test]
fn what_cannot_be_verified_is_not_good() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let record = small.root.image_dir("web").join("image_data.yml");
    let text = std::fs::read_to_string(&record).unwrap();
    put(&record, format!("{text}  kernel_parameters: audit=0 ${{evil}}\n").as_bytes(), 0o644);
    let told = small.run(&["verify", "web"]).expect_code(1);
    assert!(told.stdout.contains("kernel parameters may not hold"), "{told}");
    put(&record, text.as_bytes(), 0o644);
    let _ = small.run(&["verify", "web"]).expect_done();
    put(&small.root.image_dir("web").join("boot.ipxe"), b"#!ipxe\n\xff\n", 0o644);
    let told = small.run(&["verify", "web"]).expect_code(1);
    assert!(told.stdout.contains("boot.ipxe is not what"), "{told}");
}

#[test]
fn files_that_are_no_kernels_are_refused() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let text = small.root.beside().join("text");
    put(&text, b"no kernel", 0o644);
    small.refused(&["kernel", "add", "--vmlinuz", text.as_str()], 2, "is no kernel");
    small.refused(&["kernel", "add", "--vmlinuz", "/no/such/file"], 2, "/no/such/file");
    small.refused(&["kernel", "add", "--from-tree", "/no/such/tree"], 2, "/no/such/tree");
    let bare = small.root.beside().join("bare");
    std::fs::create_dir(&bare).unwrap();
    small.refused(&["kernel", "add", "--from-tree", bare.as_str()], 1, "kernel");
    // The same version with other content must not replace the one that images boot.
    let other = small.root.beside().join(format!("vmlinuz-{KERNEL}"));
    put(&other, b"another kernel", 0o644);
    small.refused(&["kernel", "add", "--vmlinuz", other.as_str()], 5, "other content");
}

#[test]
fn a_kernel_from_a_tree_comes_with_modules_and_initramfs() {
    disklessset_tests::need!(need::full(), need::root());
    let (version, ..) = real_kernel();
    let small = Small::new();
    let tree = shared().tree();
    let add = small.root.disklessset(&["kernel", "add", "--from-tree", tree.as_str()]).limit(PATIENCE);
    let _ = add.run().expect_done();
    assert_eq!(listed(&small, &version)["initramfs"], format!("initramfs-kernel-{version}"));
    Snapshot::assert_nothing_held(&small.root);
    // Again: it is known, and nothing changes for those who boot it.
    let before = Snapshot::of(&small.root);
    let again =
        small.root.disklessset(&["kernel", "add", "--from-tree", tree.as_str()]).limit(PATIENCE).run();
    let _ = if again.status.success() { again } else { again.expect_refusal(&[5]) };
    before.assert_same_as_now(&small.root);
}

#[test]
fn a_kernel_from_an_image_comes_with_modules_and_initramfs() {
    disklessset_tests::need!(need::root(), need::full());
    let (version, ..) = real_kernel();
    let small = Small::new();
    let source = format!("tree:{}", shared().tree());
    let create = ["livenet", "create", "whole", "--kernel", KERNEL, "--source", &source];
    let _ = small.root.disklessset(&create).limit(PATIENCE).run().expect_done();
    let add = small.root.disklessset(&["kernel", "add", "--from-image", "whole"]).limit(PATIENCE);
    let _ = add.run().expect_done();
    assert_eq!(listed(&small, &version)["initramfs"], format!("initramfs-kernel-{version}"));
    let _ = small.run(&["kernel", "set", "whole", &version]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
}
