//! Given what an action refuses: its dry run refuses it, too, and with the same code.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::nfs::Nfs;
use super::small::{KERNEL, Small, put};

#[test]
fn a_dry_run_says_no_where_the_action_says_no() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let root = &small.root;
    let here = root.beside();
    let _ = small.mounted("mounted", &[]);
    let _ = small.create("packed", &[]).run().expect_done();
    let (text, bare, keys) = (here.join("text"), here.join("bare"), here.join("keys"));
    put(&text, b"no kernel", 0o644);
    put(&keys, b"no key", 0o644);
    std::fs::create_dir(&bare).unwrap();
    let file = here.join("parameters.yml");
    let in_file = format!("image_class: LivenetImage\nname: new\nkernel: {KERNEL}\nsource: tree:/nowhere\n");
    put(&file, in_file.as_bytes(), 0o644);
    let source = format!("tree:{}", small.tree);
    let create = ["livenet", "create", "new", "--kernel", KERNEL, "--source"];
    let with =
        |more: &[&str]| -> Vec<String> { create.iter().chain(more).map(|word| (*word).to_owned()).collect() };
    let words = |words: &[&str]| -> Vec<String> { words.iter().map(|word| (*word).to_owned()).collect() };
    for command in [
        with(&["tree:/nowhere"]),
        with(&["oci:/nowhere"]),
        with(&[&source, "--run", "/etc"]),
        with(&[&source, "--ssh-pub-key", keys.as_str()]),
        with(&[&source, "--kernel-parameters", "a ${net0/mac}"]),
        words(&["create", "--from", file.as_str()]),
        words(&["livenet", "mount", "mounted"]),
        words(&["livenet", "unmount", "packed"]),
        words(&["livenet", "unmount", "mounted", "--discard", "--size", "auto"]),
        words(&["clone", "packed", "mounted"]),
        words(&["kernel", "add", "--vmlinuz", text.as_str()]),
        words(&["kernel", "add", "--from-tree", bare.as_str()]),
        words(&["kernel", "initramfs", KERNEL]),
        words(&["kernel", "initramfs", "9.9.9"]),
    ] {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let before = Snapshot::of(root);
        let told =
            root.disklessset(&[&args[..], &["--dry-run"]].concat()).run().expect_refusal(&[1, 2, 3, 5]);
        before.assert_same_as_now(root);
        let done = small.run(&args);
        assert_eq!(told.status.code(), done.status.code(), "{args:?}: {told}\n{done}");
        // For the same reason: what the program says first.
        let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        assert!(done.stderr.contains(&first(&told.stderr)), "{args:?}: {told}\n{done}");
    }
    let _ = small.run(&["livenet", "unmount", "mounted", "--discard"]).expect_done();
}

#[test]
fn a_dry_run_of_a_golden_image_says_no_where_its_staging_image_has_no_tree() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::new();
    let source = format!("tree:{}", nfs.tree);
    nfs.done(&["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source]);
    let golden = ["nfs", "create-golden", "g", "--from", "st"];
    let dry = || nfs.root.disklessset(&[&golden[..], &["--dry-run"]].concat()).run();
    let _ = dry().expect_done();
    std::fs::remove_dir_all(nfs.root.path().join("diskless/images/nfsimages/staging/st")).unwrap();
    let _ = dry().expect_refusal(&[1]).expect_said("has no tree");
    let _ = nfs.root.disklessset(&golden).run().expect_refusal(&[1]);
}

/// What an action needs of the server is looked for before the work, by its dry run, too.
#[test]
fn a_missing_tool_is_told_before_the_work_and_by_the_dry_run() {
    disklessset_tests::need!(need::root(), need::tool("unshare"));
    let small = Small::new();
    let _ = small.mounted("mounted", &[]);
    let _ = small.create("packed", &["--layout", "classic"]).run().expect_done();
    put(&small.mnt("mounted").join("etc/motd"), b"edited", 0o644);
    let hidden = "for tool in mksquashfs dracut; do test -e /usr/bin/$tool && mount --bind /dev/null /usr/bin/$tool; done; exec \"$@\"";
    let without = |args: &[&str]| {
        small.root.disklessset(args).behind("unshare", &["-m", "sh", "-c", hidden, "sh"]).run()
    };
    let lacks = ["is not installed"];
    for args in [
        &["livenet", "unmount", "mounted"][..],
        &["livenet", "resize", "packed", "auto"],
        &["livenet", "exec", "packed", "--", "true"],
    ] {
        let before = Snapshot::of(&small.root);
        let _ = without(&[&["--dry-run"], args].concat()).expect_refusal(&[1, 125]).expect_said(lacks[0]);
        let _ = without(args).expect_refusal(&[1, 125]).expect_said(lacks[0]);
        before.assert_same_as_now(&small.root);
    }
    let _ = small.run(&["livenet", "unmount", "mounted"]).expect_done();
}
