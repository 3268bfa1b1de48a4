//! Given kernels and modules as trees really have them: behind links, under other names, where `/usr` is not merged, linked in from another
//! kernel; and trees in which nothing can start.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::symlink;

use disklessset_tests::need;

use super::small::{KERNEL, Small, put};

const OWN: &str = "5.14.0-2.x86_64";
const SIBLING: &str = "5.14.0-1.x86_64";

#[test]
fn drivers_that_are_links_to_another_kernel_s_come_with_the_modules() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let modules = small.root.beside().join("srv/lib/modules");
    for place in ["/lib/modules", "/usr/lib/modules", "../.."] {
        let name = if place == "../.." { "near.ko" } else { "far.ko" };
        put(&modules.join(SIBLING).join("extra").join(name), name.as_bytes(), 0o644);
        put(&modules.join(OWN).join("modules.dep"), b"", 0o644);
        put(&modules.join(OWN).join("weak-updates/own.ko"), b"own", 0o644);
        let link = modules.join(OWN).join("weak-updates").join(name);
        let _ = std::fs::remove_file(&link);
        symlink(format!("{place}/{SIBLING}/extra/{name}"), &link).unwrap();
    }
    let lost = modules.join(OWN).join("weak-updates/lost.ko");
    symlink("/lib/modules/none/extra/lost.ko", &lost).unwrap();
    symlink("/etc/passwd", modules.join(OWN).join("weak-updates/passwd.ko")).unwrap();
    let vmlinuz = small.root.beside().join(format!("bzImage-{OWN}"));
    put(&vmlinuz, b"kernel", 0o644);
    let link = small.root.beside().join("vmlinuz");
    symlink(&vmlinuz, &link).unwrap();
    let add = ["kernel", "add", "--vmlinuz", link.as_str(), "--modules", modules.join(OWN).as_str()]
        .map(str::to_owned);
    let add: Vec<&str> = add.iter().map(String::as_str).collect();
    let _ = small.run(&add).expect_done().expect_said("links that lead nowhere");
    let kept =
        small.root.path().join("var/lib/diskless/kernel-modules").join(OWN).join("lib/modules").join(OWN);
    for (name, text) in [("near.ko", "near.ko"), ("far.ko", "far.ko"), ("own.ko", "own")] {
        let file = kept.join("weak-updates").join(name);
        assert!(file.symlink_metadata().unwrap().is_file(), "{file}");
        assert_eq!(std::fs::read_to_string(file).unwrap(), text);
    }
    // The server's own files stay the server's: no way leads to them.
    assert!(kept.join("weak-updates/passwd.ko").symlink_metadata().is_err());
}

#[test]
fn modules_come_where_modprobe_of_the_tree_looks() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    std::fs::remove_dir_all(small.tree.join("usr/lib/modules")).unwrap();
    std::fs::create_dir_all(small.tree.join("lib/firmware")).unwrap();
    // Of the kernel itself: nobody else has modules of it.
    let modules = small
        .root
        .path()
        .join("var/lib/diskless/kernel-modules")
        .join(KERNEL)
        .join("lib/modules")
        .join(KERNEL);
    put(&modules.join("modules.dep"), b"", 0o644);
    let _ = small.create("web", &[]).run().expect_done();
    assert!(small.unpacked("web").join("lib/modules").join(KERNEL).join("modules.dep").is_file());
    let _ = small.run(&["verify", "web"]).expect_done();
    // Those that the tree has elsewhere are reached by a link.
    put(&small.tree.join("usr/lib/modules").join(KERNEL).join("modules.dep"), b"", 0o644);
    let _ = small.create("linked", &[]).run().expect_done();
    let link = small.unpacked("linked").join("lib/modules").join(KERNEL);
    assert_eq!(link.read_link_utf8().unwrap(), format!("/usr/lib/modules/{KERNEL}"));
}

#[test]
fn a_tree_in_which_nothing_can_start_or_without_init_is_told() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done().expect_said("has no init (/sbin/init)");
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    std::fs::remove_file(small.tree.join("usr/bin/sh")).unwrap();
    let _ = small.create("web", &[]).run().expect_done().expect_said("nothing can start in the tree");
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    put(&small.tree.join("opt/init"), b"#!", 0o755);
    let named = small.create("web", &["--kernel-parameters", "init=/opt/init"]).run().expect_done();
    assert!(!named.stderr.contains("can start"), "{named}");
}
