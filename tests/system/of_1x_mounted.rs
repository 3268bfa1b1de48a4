//! Given images that 1.x has mounted, now or before a reboot or a crash: there is a way out of each state, and it keeps the edits.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

use super::of_1x::Site;
use super::small::put;

#[test]
fn case_38_one_that_is_mounted_is_unmounted_with_its_edits_or_without() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    for name in ["a", "b"] {
        site.image(name, "True");
        site.mount(name);
    }
    let _ = site.0.run(&["livenet", "unmount", "b", "--discard"]).expect_done();
    assert!(!site.0.unpacked("b").join("etc/edit").exists() && !site.area("b").exists());
    let told = site.0.run(&["livenet", "resize", "a", "200M"]).expect_code(5);
    assert!(told.stderr.contains("disklessset livenet unmount a --size 200M"), "{told}");
    // What the hint names works.
    let _ = site.0.run(&["livenet", "unmount", "a", "--size", "200M"]).expect_done();
    site.must_be_packed("a");
    assert!(site.0.record("a").contains("livenet_size: 200"), "{}", site.0.record("a"));
}

/// Every tool of another action has mounts of its own, with copies of what was mounted when it began.
#[test]
fn case_38_edits_are_packed_while_somebody_else_has_a_copy_of_the_mount() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    site.image("a", "True");
    site.mount("a");
    let area = site.area("a");
    let unshare = ["--mount", "--propagation", "private", "sleep", "120"];
    let copies = || {
        let held = |pid: &std::path::Path| {
            let mounts = std::fs::read_to_string(pid.join("mountinfo")).unwrap_or_default();
            let name = std::fs::read_to_string(pid.join("comm")).unwrap_or_default();
            name.trim() == "sleep" && mounts.contains(area.join("mnt").as_str())
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        all.into_iter().any(|pid| held(&pid)).then_some(())
    };
    let (holder, ()) = site.0.root.tool("unshare", &unshare).start().wait_until(copies);
    let _ = site.0.run(&["livenet", "unmount", "a"]).expect_done();
    let edit = site.0.unpacked("a").join("etc/edit");
    let packed = std::fs::read_to_string(&edit);
    let _ = holder.kill_nine();
    assert_eq!(packed.ok().as_deref(), Some("a"), "{edit}");
}

#[test]
fn case_38_one_that_was_mounted_before_a_reboot_is_unmounted_or_mounted_again() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    for name in ["a", "b"] {
        site.image(name, "True");
        site.mount(name);
        site.reboot(name);
    }
    let _ = site.0.run(&["livenet", "unmount", "a"]).expect_done();
    site.must_be_packed("a");
    let _ = site.0.run(&["livenet", "mount", "b"]).expect_done();
    assert!(site.0.mnt("b").join("etc/edit").exists());
    put(&site.0.mnt("b").join("etc/later"), b"", 0o644);
    let _ = site.0.run(&["livenet", "unmount", "b"]).expect_done();
    site.must_be_packed("b");
    assert!(site.0.unpacked("b").join("etc/later").exists());
}

#[test]
fn edits_that_outgrew_the_image_stay_and_the_hint_packs_them() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    site.image("a", "True");
    site.mount("a");
    // What fits into 100M, and no longer with what ext4 of another make takes.
    let record = site.0.root.image_dir("a").join("image_data.yml");
    let text = std::fs::read_to_string(&record).unwrap().replace("livenet_size: 100", "livenet_size: 1");
    put(&record, text.as_bytes(), 0o600);
    let told = site.0.run(&["livenet", "unmount", "a"]).expect_code(5);
    assert!(told.stderr.contains("disklessset livenet unmount a --size auto"), "{told}");
    assert!(site.0.mnt("a").join("etc/edit").exists(), "the edits are out of reach: {told}");
    let _ = site.0.run(&["livenet", "unmount", "a", "--size", "auto"]).expect_done();
    site.must_be_packed("a");
}

#[test]
fn case_38_one_whose_unmount_was_killed_keeps_the_edits_or_gets_the_state_before() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    for name in ["a", "b"] {
        site.image(name, "True");
        site.mount(name);
        site.reboot(name);
        let whole = site.0.squashfs(name);
        std::fs::rename(&whole, whole.with_extension("img.bkp")).unwrap();
        put(&whole, b"hsqs and no more", 0o644);
    }
    let _ = site.0.run(&["livenet", "unmount", "a"]).expect_done();
    site.must_be_packed("a");
    let _ = site.0.run(&["livenet", "unmount", "b", "--discard"]).expect_done();
    assert!(!site.0.unpacked("b").join("etc/edit").exists());
    assert!(!site.0.squashfs("b").with_extension("img.bkp").exists() && !site.area("b").exists());
}

#[test]
fn case_38_what_its_selinux_step_bound_is_cleaned_and_what_others_bound_is_not() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["livenet"]);
    let generated = root.path().join("var/tmp/diskless/workdir/a/generated_os");
    let done = |tool: &str, args: &[&str]| drop(root.tool(tool, args).run().expect_done());
    for name in ["proc", "sys", "home"] {
        std::fs::create_dir_all(generated.join(name)).unwrap();
    }
    for name in ["proc", "sys"] {
        done("mount", &["--bind", &format!("/{name}"), generated.join(name).as_str()]);
    }
    let (mine, theirs) = (root.beside().join("mine"), generated.join("home"));
    put(&mine.join("precious"), b"", 0o644);
    done("mount", &["--bind", mine.as_str(), theirs.as_str()]);
    put(&root.installations_file(), b"a:\n  image_class: LivenetImage\n  pid: 4194000\n", 0o644);
    let _ = root.disklessset(&["clean"]).run().expect_code(5).expect_said("generated_os/home");
    assert!(mine.join("precious").exists());
    done("umount", &[theirs.as_str()]);
    let _ = root.disklessset(&["clean"]).run().expect_done();
    assert!(!generated.exists() && mine.join("precious").exists());
    Snapshot::assert_nothing_held(&root);
}
