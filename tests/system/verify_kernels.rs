//! Given kernels and initramfs files that are damaged, of something else or gone: `verify` names them with what mends it, and what it said
//! does.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8Path;
use disklessset_tests::need;

use super::apt_tree::shared;
use super::cpio::cpio;
use super::small::{KERNEL, Small, kernels, put};
use super::verify::{
    PATIENCE, finding, flip, good, initramfs, kernel_file, mend, recorded, told_and_mended, verified, vmlinuz,
};

#[test]
fn a_kernel_that_is_not_itself_is_told_and_the_right_one_takes_its_place() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let root = &small.root;
    let (right, other) = (kernel_file(root, KERNEL, 1), kernel_file(root, "6.1.0-other", 1));
    let add = |file: &Utf8Path| small.run(&["kernel", "add", "--vmlinuz", file.as_str()]);
    std::fs::remove_file(vmlinuz(root)).unwrap();
    let _ = add(&right).expect_done();
    let _ = small.run(&["verify", "--record"]).expect_done();
    let _ = small.create("web", &[]).run().expect_done();
    good(root);
    let restore = |how: &str| {
        let command = how.replace("FILE (FILE being kernel 6.1.0-small as it was added)", right.as_str());
        assert_ne!(command, how);
        mend(root, &command);
        good(root);
        assert_eq!(std::fs::read(vmlinuz(root)).unwrap(), std::fs::read(&right).unwrap());
    };
    // By another version.
    std::fs::copy(&other, vmlinuz(root)).unwrap();
    let _ = finding(root, KERNEL, &["is not as it was published"]);
    let lines = verified(root, &["web"]);
    assert!(lines.iter().any(|line| line.name == KERNEL && line.problem.is_some()), "{lines:?}");
    restore(&finding(root, KERNEL, &["vmlinuz-6.1.0-small is kernel 6.1.0-other inside"]));
    // By one byte. A third content of that version is refused, damaged or not.
    flip(&vmlinuz(root), 1);
    let third = kernel_file(root, KERNEL, 3);
    small.refused(&["kernel", "add", "--vmlinuz", third.as_str()], 5, "other content");
    restore(&finding(root, KERNEL, &["vmlinuz-6.1.0-small is not as it was published"]));
    small.refused(&["kernel", "add", "--vmlinuz", third.as_str()], 5, "other content");
    // Without a manifest, the version inside tells which is right.
    std::fs::copy(&other, vmlinuz(root)).unwrap();
    std::fs::remove_file(kernels(root).join(format!("SHA256SUMS-{KERNEL}"))).unwrap();
    let how = finding(root, KERNEL, &["vmlinuz-6.1.0-small is kernel 6.1.0-other inside"]);
    let command = how.replace("FILE (FILE being kernel 6.1.0-small as it was added)", right.as_str());
    mend(root, &command);
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(root);
    // Gone.
    std::fs::remove_file(vmlinuz(root)).unwrap();
    let how = finding(root, "web", &["there is no kernel 6.1.0-small"]);
    mend(root, &how.replace("FILE", right.as_str()));
    good(root);
}

#[test]
fn an_initramfs_of_another_kernel_or_for_other_images_is_told_and_made_again() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("dracut"));
    let small = Small::new();
    let root = &small.root;
    let modules = shared().tree().join("usr/lib/modules");
    let version = modules.read_dir_utf8().unwrap().next().unwrap().unwrap().file_name().to_owned();
    let modules = modules.join(&version);
    let vmlinuz = modules.join("vmlinuz");
    let add = ["kernel", "add", "--vmlinuz", vmlinuz.as_str(), "--modules", modules.as_str()];
    let _ = root.disklessset(&add).limit(PATIENCE).run().expect_done();
    let lines = verified(root, &["--kernel", &version]);
    assert!(lines[0].warning.as_deref().unwrap().contains("has no initramfs"), "{lines:?}");

    // A pair by hand, whose initramfs is for another kernel and lacks a part.
    let made = kernels(root).join(format!("initramfs-kernel-{version}"));
    let parts = b"base\nlivenet\noverlayfs\n";
    put(
        &made,
        &cpio(&[("usr/lib/modules/5.9/modules.dep", b""), ("usr/lib/dracut/modules.txt", parts)]),
        0o644,
    );
    let source = format!("tree:{}", small.tree);
    let create = ["livenet", "create", "web", "--kernel", &version, "--source", &source];
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
    let _ = small.run(&["verify", "--record"]).expect_done();
    let _ = finding(root, "web", &["was made for kernel 5.9"]);
    told_and_mended(root, "web", &["has no dracut module dmsquash-live"]);

    flip(&made, 1);
    let how = finding(root, &version, &["initramfs-kernel", "is not as it was published"]);
    assert_eq!(how, format!("disklessset kernel initramfs {version}"));
    flip(&made, 1);
    // Cut in the middle, and on record like that.
    let length = made.metadata().unwrap().len();
    std::fs::File::options().write(true).open(&made).unwrap().set_len(length / 2).unwrap();
    let _ = small.run(&["verify", "--kernel", &version, "--record"]).expect_done();
    let lines = verified(root, &["web"]);
    let found = lines.iter().filter_map(|line| line.problem.as_deref());
    // The blob of the version is the same file.
    let told = |text: &str| text.contains("cannot be read") || text.contains("is damaged");
    assert!(found.into_iter().all(told), "{lines:?}");
}

#[test]
fn an_initramfs_that_is_gone_or_unreadable_is_told() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    let right = std::fs::read(initramfs(root)).unwrap();
    put(&initramfs(root), &right, 0o600);
    let how = finding(root, KERNEL, &["may not read initramfs-kernel-6.1.0-small (mode 0600)"]);
    assert!(how.starts_with("chmod 0644 "), "{how}");
    std::fs::remove_file(initramfs(root)).unwrap();
    let how = finding(root, "web", &["has no initramfs"]);
    assert_eq!(how, "disklessset kernel initramfs 6.1.0-small");
    let _ = finding(root, KERNEL, &["initramfs-kernel-6.1.0-small is missing"]);
    put(&initramfs(root), b"in no form we know", 0o644);
    let _ = small.run(&["verify", "--kernel", KERNEL, "--record"]).expect_done();
    let lines = verified(root, &["web"]);
    assert!(lines[0].warning.as_deref().unwrap().contains("cannot tell what is in"), "{lines:?}");
}
