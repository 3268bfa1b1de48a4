//! Given damage of every kind to what nodes fetch: it is named with what mends it, nothing is changed by looking, and what was
//! said to mend it does.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::FileExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

use super::small::{KERNEL, Small, kernels, put, register_kernel};

pub(super) const PATIENCE: Duration = Duration::from_secs(4 * 60);

/// One line of `verify`.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) problem: Option<String>,
    pub(super) warning: Option<String>,
    pub(super) mend: Option<String>,
}

/// What `verify` tells, which changes nothing and ends badly when there is a problem.
#[track_caller]
pub(super) fn verified(root: &TestRoot, args: &[&str]) -> Vec<Line> {
    let before = Snapshot::of(root);
    let finding = root.disklessset(&[&["verify", "--format", "json"], args].concat()).run();
    before.assert_same_as_now(root);
    let json = finding.json();
    let text = |line: &serde_json::Value, key: &str| line[key].as_str().map(str::to_owned);
    let lines: Vec<Line> = json["verified"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| Line {
            name: text(line, "name").unwrap(),
            problem: text(line, "problem"),
            warning: text(line, "warning"),
            mend: text(line, "mend"),
        })
        .collect();
    let bad = lines.iter().any(|line| line.problem.is_some());
    let _ = finding.expect_code(i32::from(bad));
    lines
}

/// Asserts that all is good, and nothing is left open.
#[track_caller]
pub(super) fn good(root: &TestRoot) {
    let lines = verified(root, &[]);
    assert!(lines.iter().all(|line| line.problem.is_none() && line.warning.is_none()), "{lines:#?}");
}

/// Asserts that a problem is told whose text has these words; gives what mends it.
#[track_caller]
pub(super) fn finding(root: &TestRoot, name: &str, words: &[&str]) -> String {
    let lines = verified(root, &[]);
    let has = |line: &&Line| {
        let text = line.problem.as_deref().unwrap_or_default();
        line.name == name && words.iter().all(|word| text.contains(word))
    };
    let line = lines.iter().find(has).unwrap_or_else(|| panic!("no {words:?} for {name} in {lines:#?}"));
    line.mend.clone().unwrap_or_else(|| panic!("nothing mends {line:?}"))
}

/// Runs the command that mends, as it stands there.
#[track_caller]
pub(super) fn mend(root: &TestRoot, command: &str) {
    let words: Vec<&str> = command.split_whitespace().collect();
    assert!(words[0] == "disklessset", "no command of ours: {command}");
    let _ = root.disklessset(&[&words[1..], &["--yes"]].concat()).limit(PATIENCE).run().expect_done();
}

/// Asserts that damage is told, and that the command told with it mends it.
#[track_caller]
pub(super) fn told_and_mended(root: &TestRoot, name: &str, words: &[&str]) {
    let command = finding(root, name, words);
    mend(root, &command);
    good(root);
}

/// Changes one byte of a file.
#[track_caller]
pub(super) fn flip(file: &Utf8Path, at_end: u64) {
    let open = std::fs::File::options().read(true).write(true).open(file).unwrap();
    let at = open.metadata().unwrap().len() - at_end;
    let mut byte = [0];
    open.read_exact_at(&mut byte, at).unwrap();
    open.write_all_at(&[byte[0] ^ 1], at).unwrap();
}

/// A file with the header of a kernel, as far as anybody looks at it.
pub(super) fn kernel_file(root: &TestRoot, version: &str, salt: u8) -> Utf8PathBuf {
    let mut image = vec![salt; 0x4000];
    image[0x202..0x206].copy_from_slice(b"HdrS");
    image[0x20E..0x210].copy_from_slice(&0x3000_u16.to_le_bytes());
    let text = format!("{version} (x@y) 1\0");
    image[0x3200..0x3200 + text.len()].copy_from_slice(text.as_bytes());
    let file = root.beside().join(format!("bzImage-{version}-{salt}"));
    put(&file, &image, 0o644);
    file
}

pub(super) fn vmlinuz(root: &TestRoot) -> Utf8PathBuf {
    kernels(root).join(format!("vmlinuz-{KERNEL}"))
}

pub(super) fn initramfs(root: &TestRoot) -> Utf8PathBuf {
    kernels(root).join(format!("initramfs-kernel-{KERNEL}"))
}

/// A root in which everything is on record: an image and its kernel.
pub(super) fn recorded() -> Small {
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let _ = small.run(&["verify", "--record"]).expect_done();
    good(&small.root);
    small
}

#[test]
fn what_was_there_before_manifests_is_good_with_a_warning_and_recorded_at_once() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let root = &small.root;
    register_kernel(root, "6.1.0-unused");
    let _ = small.create("old", &[]).run().expect_done();
    let _ = small.create("damaged", &[]).run().expect_done();
    std::fs::remove_file(root.image_dir("old").join("SHA256SUMS")).unwrap();
    flip(&small.squashfs("damaged"), 1);
    let warned: Vec<String> = verified(root, &[])
        .into_iter()
        .filter(|line| line.warning.is_some())
        .map(|line| format!("{}: {}", line.name, line.mend.unwrap()))
        .collect();
    assert_eq!(
        warned,
        [
            "old: disklessset verify old --record",
            "6.1.0-small: disklessset verify --kernel 6.1.0-small --record",
            "6.1.0-unused: disklessset verify --kernel 6.1.0-unused --record",
        ]
    );
    let _ = verified(root, &["old"]);
    let before = Snapshot::of(root);
    let plan = small.run(&["verify", "--record", "--dry-run"]).expect_done();
    before.assert_same_as_now(root);
    let said = format!("{}{}", plan.stdout, plan.stderr);
    assert!(said.contains("image old") && !said.contains("damaged"), "{plan}");
    let _ = small.run(&["verify", "--record"]).expect_done().expect_said("recorded the digests of image old");
    let _ = small.run(&["verify", "--record"]).expect_done().expect_said("on record already");
    // What is damaged is not made good by that.
    let how = finding(root, "damaged", &["squashfs.img is not as it was published"]);
    assert!(how.ends_with("disklessset verify damaged --record"), "{how}");
    let _ = small.run(&["remove", "damaged", "--yes"]).expect_done();
    good(root);
}

#[test]
fn the_program_sha256sum_checks_what_is_served() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    let check = |dir: Utf8PathBuf, manifest: &str| {
        let args = ["--check", "--strict", "--quiet", manifest];
        root.tool("sha256sum", &args).dir(&dir).run()
    };
    let sums = format!("SHA256SUMS-{KERNEL}");
    let _ = check(root.image_dir("web"), "SHA256SUMS").expect_done();
    let _ = check(kernels(root), &sums).expect_done();
    let text = std::fs::read_to_string(root.image_dir("web").join("SHA256SUMS")).unwrap();
    let names: Vec<&str> = text.lines().map(|line| &line[66..]).collect();
    assert_eq!(names, ["boot.ipxe", "squashfs.img"], "what nodes fetch and nothing else");
    flip(&small.squashfs("web"), 1);
    let _ = check(root.image_dir("web"), "SHA256SUMS").expect_code(1);
    assert_eq!(root.disklessset(&["kernel", "list"]).run().expect_done().stdout.lines().count(), 2);
    // Kernels go with what tells of them.
    let _ = small.run(&["remove", "web", "--yes"]).expect_done();
    let _ = small.run(&["kernel", "remove", KERNEL, "--yes"]).expect_done();
    assert_eq!(kernels(root).read_dir_utf8().unwrap().count(), 0);
}

#[test]
fn damage_to_a_root_image_is_told_and_nothing_hides_it() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    register_kernel(root, "6.1.0-other");
    let _ = small.run(&["verify", "--record"]).expect_done();
    let file = small.squashfs("web");
    flip(&file, 1);
    let _ = finding(root, "web", &["squashfs.img is not as it was published"]);
    // Another kernel and a changed record do not make it good, a copy would.
    let _ = small.run(&["kernel", "set", "web", "6.1.0-other"]).expect_done();
    let _ = small.run(&["kernel", "set", "web", KERNEL]).expect_done();
    let _ = small.run(&["livenet", "resize", "web", "900M"]).expect_done();
    small.refused(&["clone", "web", "copy"], 1, "squashfs.img of image web is not as it was published");
    let how = finding(root, "web", &["squashfs.img is not as it was published"]);
    flip(&file, 1);
    good(root);
    flip(&file, 1);
    let (_, command) = how.split_once("if the change is meant: ").unwrap();
    mend(root, command);
    // Where the file and the blob of the version before are one file, that version is lost.
    for lost in verified(root, &["web"]).iter().filter(|line| line.problem.is_some()) {
        assert!(lost.problem.as_deref().unwrap().contains("web@1: squashfs.img"), "{lost:?}");
        mend(root, lost.mend.as_deref().unwrap());
    }
    good(root);
    let _ = small.run(&["clone", "web", "copy"]).expect_done();
    good(root);

    std::fs::rename(&file, root.beside().join("away")).unwrap();
    let _ = finding(root, "web", &["squashfs.img"]);
    std::fs::rename(root.beside().join("away"), &file).unwrap();
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let how = finding(root, "web", &["may not read squashfs.img"]);
    let words: Vec<&str> = how.split(' ').collect();
    let _ = root.tool(words[0], &words[1..]).run().expect_done();
    good(root);
}

#[test]
fn an_edit_that_is_packed_is_as_published() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let tree = small.mnt("web");
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    good(&small.root);
    put(&tree.join("etc/new"), b"new", 0o644);
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    good(&small.root);
}

#[test]
fn a_boot_file_that_is_wrong_is_written_anew() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    let file = root.image_dir("web").join("boot.ipxe");
    let right = std::fs::read_to_string(&file).unwrap();

    let address = right.split_once("root=live:").unwrap().1.split_whitespace().next().unwrap();
    let digest = address.rsplit('/').next().unwrap();
    put(&file, right.replace(digest, "elsewhere.img").as_bytes(), 0o644);
    let _ = finding(root, "web", &["boot.ipxe names", "elsewhere.img", "not there"]);
    told_and_mended(root, "web", &["boot.ipxe is not what its class would write"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), right);

    std::fs::remove_file(&file).unwrap();
    told_and_mended(root, "web", &["has no boot.ipxe"]);
    // Right again, and of another day: the digest tells nothing that the class does not.
    let manifest = root.image_dir("web").join("SHA256SUMS");
    let text = std::fs::read_to_string(&manifest).unwrap();
    put(&manifest, text.replacen(&text[..8], "00000000", 1).as_bytes(), 0o644);
    let _ = finding(root, "web", &["boot.ipxe is not as it was published"]);
    let _ = small.run(&["verify", "web", "--record"]).expect_done();
    good(root);
    // Without a boot file nobody could tell which version it was: it is the next one, and the same.
    let is_version = |line: &&str| line.contains("disklessset.version=");
    let rest = |text: &str| {
        text.lines().skip(2).filter(|line| !is_version(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rest(&std::fs::read_to_string(&file).unwrap()), rest(&right));
}

#[test]
fn manifests_that_are_gone_or_broken_are_told_and_made_again() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    let manifests =
        [root.image_dir("web").join("SHA256SUMS"), kernels(root).join(format!("SHA256SUMS-{KERNEL}"))];
    for (manifest, name) in manifests.iter().zip(["web", KERNEL]) {
        put(manifest, b"rubbish\n", 0o644);
        told_and_mended(root, name, &["cannot understand"]);
        std::fs::remove_file(manifest).unwrap();
        let lines = verified(root, &[]);
        let line = lines.iter().find(|line| line.warning.is_some()).unwrap();
        assert_eq!(line.name, name);
        mend(root, line.mend.as_deref().unwrap());
        good(root);
    }
    put(&root.image_dir("web").join("by-hand"), b"?", 0o644);
    let lines = verified(root, &["web"]);
    assert!(lines[0].warning.as_deref().unwrap().contains("by-hand"), "{lines:?}");
    assert_eq!(lines[0].problem, None);
}

#[test]
fn records_that_were_edited_are_told() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    register_kernel(root, "6.1.0-other");
    let _ = small.run(&["verify", "--record"]).expect_done();
    let record = root.image_dir("web").join("image_data.yml");
    let text = std::fs::read_to_string(&record).unwrap();
    let edited = |from: &str, to: &str| {
        assert!(text.contains(from), "{from:?} is not in {text}");
        put(&record, text.replace(from, to).as_bytes(), 0o644);
    };
    let initramfs = format!("initramfs-kernel-{KERNEL}");
    edited(&initramfs, "initramfs-kernel-6.1.0-other");
    told_and_mended(root, "web", &["pairs kernel 6.1.0-small with initramfs-kernel-6.1.0-other"]);

    // A kernel that the image has no modules of; the boot file is of the one before.
    edited(KERNEL, "6.1.0-other");
    let _ = finding(root, "web", &["boot.ipxe is not what its class would write"]);
    told_and_mended(root, "web", &["squashfs.img has modules of kernel 6.1.0-small, not of 6.1.0-other"]);

    edited(KERNEL, "6.1.0-nowhere");
    let how = finding(root, "web", &["there is no kernel 6.1.0-nowhere"]);
    assert!(how.contains("kernel set web VERSION") && how.contains(KERNEL), "{how}");
    edited("layout: flat", "layout: classic");
    let how = finding(root, "web", &["its record says that squashfs.img is classic, and it is flat"]);
    assert!(how.contains("layout: flat"), "{how}");
    put(&record, b"image_data: [", 0o644);
    let how = finding(root, "web", &["image_data.yml"]);
    assert!(how.contains("disklessset clear web"), "{how}");
    put(&record, text.as_bytes(), 0o644);
    good(root);
}

#[test]
fn a_user_without_privileges_may_check_and_not_record() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let small = recorded();
    let root = &small.root;
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let as_nobody = |args: &[&str]| root.disklessset(args).behind("setpriv", &nobody).dir("/".into()).run();
    let _ = as_nobody(&["verify"]).expect_done().expect_said("checked 1 image and 1 kernel");
    flip(&small.squashfs("web"), 1);
    let finding = as_nobody(&["verify", "web"]).expect_code(1);
    assert!(finding.stdout.contains("squashfs.img is not as it was published"), "{finding}");
    let before = Snapshot::of(root);
    let _ = as_nobody(&["verify", "web", "--record"]).expect_refusal(&[1, 5]);
    before.assert_same_as_now(root);
}

#[test]
fn what_was_interrupted_is_told_and_cleaned() {
    disklessset_tests::need!(need::root());
    let small = recorded();
    let root = &small.root;
    root.drop_in("demo");
    let _ = small.run(&["demo", "create", "half", "--crash"]);
    told_and_mended(root, "half", &["CORRUPTED"]);
    // An action on a created image, and a change of kernels, as a power cut leaves them on record.
    let journals = root.path().join("var/lib/diskless/journal");
    let begun = b"{\"fact\":\"begin\",\"action\":\"resize\",\"class\":\"\"}\n";
    put(&journals.join("web.jsonl"), begun, 0o600);
    told_and_mended(root, "web", &["resize was interrupted"]);
    put(&journals.join("@kernels.jsonl"), begun, 0o600);
    told_and_mended(root, "kernels", &["change of kernels was interrupted"]);
    put(&journals.join("gone.jsonl"), begun, 0o600);
    told_and_mended(root, "gone", &["interrupted action"]);
}

/// What cannot be understood is not good.
#[test]
fn an_answer_of_a_class_in_another_shape_is_no_good_image() {
    let root = TestRoot::with_modules(&["raw"]);
    let _ = root.disklessset(&["raw", "create", "a"]).run().expect_done();
    let record = root.image_dir("a").join("image_data.yml");
    let text = std::fs::read_to_string(&record).unwrap();
    for answer in ["an empty list", "a word", "another list", "nothing"] {
        put(&record, format!("{text}  verifies_with: {answer}\n").as_bytes(), 0o644);
        let lines = verified(&root, &["a"]);
        let says_class =
            |line: &Line| line.problem.as_ref().is_some_and(|problem| problem.contains("RawImage"));
        assert_eq!(lines.iter().any(says_class), answer != "an empty list", "{answer}: {lines:?}");
    }
}

/// Another image being made is no fault of this one, and nothing can be said of it yet.
#[test]
fn a_check_while_an_image_is_made_says_so_and_ends_well() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("other", &[]).run().expect_done();
    let script = small.root.beside().join("stands");
    put(&script, b"#!/bin/sh\n: >/begun; while ! test -e /go; do sleep 0.1; done\n", 0o755);
    let tree = small.root.path().join("var/tmp/diskless/workdir/web/tree");
    let creation = small.create("web", &["--run", script.as_str()]);
    let (running, ()) = creation.start().wait_until(|| tree.join("begun").exists().then_some(()));
    for args in [&["verify", "--format", "json"][..], &["verify", "web", "--format", "json"]] {
        let finding = small.run(args).expect_done().json();
        let lines = finding["verified"].as_array().unwrap();
        let web: Vec<_> = lines.iter().filter(|line| line["name"] == "web").collect();
        assert!(web.iter().any(|line| line["warning"] == "is IN_CREATION: not checked"), "{finding}");
        assert!(lines.iter().all(|line| line["problem"].is_null()), "{finding}");
    }
    put(&tree.join("go"), b"", 0o644);
    let _ = running.wait().expect_done();
    let _ = small.run(&["verify"]).expect_done();
}
