//! Given modules with faults that their authors' tests do not show: `module check` catches each and names it. And given those we
//! ship: it finds nothing.
#![allow(clippy::print_stdout, reason = "the verdicts are worth reading")]
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8PathBuf;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{self, Outcome, Program};
use disklessset_tests::{authors, need};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

use super::small;

/// As long as a check of a module may take that makes real trees.
const PATIENCE: Duration = Duration::from_secs(600);

fn check(root: &TestRoot, module: &str, more: &[&str]) -> Program {
    let file = run::built_module(module);
    root.disklessset(&[&["module", "check", file.as_str(), "--format", "json"], more].concat())
        .limit(PATIENCE)
}

fn findings(outcome: &Outcome) -> Vec<Value> {
    outcome.json()["findings"].as_array().unwrap_or_else(|| panic!("no findings: {outcome}")).clone()
}

fn line(finding: &Value) -> String {
    let word = |key: &str| finding[key].as_str().unwrap_or_default();
    format!("{}: {}: {}", word("outcome"), word("subject"), word("text"))
}

/// The module with a fault is not passed, and some finding says what it is; nothing of the check is left.
#[track_caller]
fn caught(fault: &str, subject: &str, text: &str) {
    caught_with(&TestRoot::bare(), &["--set", &format!("fault={fault}")], subject, text);
}

#[track_caller]
fn caught_with(root: &TestRoot, more: &[&str], subject: &str, text: &str) {
    let before = Snapshot::of(root);
    let outcome = check(root, "faulty", more).run().expect_code(1);
    let failed: Vec<String> =
        findings(&outcome).iter().filter(|f| f["outcome"] == "failed").map(line).collect();
    let wanted = |line: &&String| line.starts_with(&format!("failed: {subject}")) && line.contains(text);
    let found = failed.iter().find(wanted);
    assert!(found.is_some(), "wanted {subject}: {text}\nfound {failed:#?}");
    println!("{}", found.unwrap());
    before.assert_same_as_now(root);
    let left = root.beside().join("tmp").read_dir_utf8().unwrap().count();
    assert_eq!(left, 0, "the throw-away root is left");
}

macro_rules! faults {
    ($($name:ident: $fault:literal, $subject:literal, $text:literal;)+) => {
        $(#[test]
        fn $name() {
            disklessset_tests::need!(need::root());
            caught($fault, $subject, $text);
        })+
    };
}

faults! {
    a_file_forgotten_in_clean: "forgets-a-file-in-clean", "kill and clean: create", ".forgotten is there";
    a_file_forgotten_in_remove: "forgets-a-file-in-remove", "remove", ".forgotten is there";
    a_temporary_file: "leaves-a-temporary-file", "remove", "/tmp/faulty-check-a is there";
    a_panic_in_create: "panics-in-create", "create", "panics: ";
    a_panic_in_remove: "panics-in-remove", "remove", "panics: ";
    another_directory: "changes-the-directory", "create", "changes the current directory";
    what_is_printed: "prints", "create", "prints to the terminal: \"making an image\"";
    a_mount: "leaves-a-mount", "create", "leaves a mount that is on no record";
    a_removal_elsewhere: "removes-a-kernel", "remove", "vmlinuz-6.1.1-check is gone";
    a_stop_that_is_ignored: "ignores-a-stop", "stop when asked", "goes on for more than 5 s";
    a_process: "leaves-a-process", "create", "leaves a process running: sleep";
    another_umask: "changes-the-umask", "create", "changes the umask";
    another_environment: "changes-the-environment", "create", "changes the environment";
    another_signal: "handles-a-signal", "create", "changes the ignored signals";
    a_thread: "leaks-a-thread", "create", "changes the number of threads";
    an_open_file: "leaks-a-file", "create", "changes the number of open files";
    an_abort: "aborts", "create", "ended its process: ";
    an_exit: "exits", "create", "called exit";
    another_boot_file: "boots-another-way-each-time", "reload", "not what its class would write now";
    a_boot_file_that_is_none: "boots-no-script", "create", "of image check-a does not start with #!ipxe";
    a_memory: "remembers-in-memory", "action poke", "made by somebody else";
    a_read_that_writes: "changes-while-reading", "action peek", "it says that it only reads";
    a_clone_that_changes_its_source: "changes-the-source-of-a-clone", "remove of a clone", "cloned is there";
    a_class_that_refuses_every_image: "refuses-to-create", "contract", "no image of it could be made here, and nothing";
    a_file_of_others_that_is_changed: "changes-a-file", "remove", "vmlinuz-6.1.1-check has other content";
    a_directory_elsewhere: "makes-a-directory", "remove", "of-faulty is there, with file /var/";
    a_removal_that_fails: "fails-to-remove", "remove", "there is always something";
}

#[test]
fn one_that_hangs() {
    disklessset_tests::need!(need::root());
    let options = ["--set", "fault=hangs", "--time-limit", "3"];
    caught_with(&TestRoot::bare(), &options, "create", "was not done after 3 s");
}

fn configured(text: &str) -> TestRoot {
    let root = TestRoot::bare();
    small::put(&root.path().join("etc/disklessset/diskless_parameters.yml"), text.as_bytes(), 0o644);
    root
}

#[test]
fn a_clean_that_panics() {
    disklessset_tests::need!(need::root());
    let root = configured("modules:\n  faulty:\n    clean: panics\n");
    caught_with(&root, &[], "clean of nothing", "panics: ");
}

#[test]
fn a_clean_that_needs_the_module() {
    disklessset_tests::need!(need::full(), need::root());
    let root = configured("modules:\n  faulty:\n    clean: by-name\n");
    let more = ["--set", "fault=forgets-a-file-in-clean"];
    caught_with(&root, &more, "kill and clean: create", "cleaned without the module: file ");
}

#[test]
fn a_clean_that_takes_too_much() {
    disklessset_tests::need!(need::full(), need::root());
    let root = configured("modules:\n  faulty:\n    clean: takes-too-much\n");
    caught_with(&root, &[], "clean of nothing", " is gone");
}

#[test]
fn a_note_that_lies() {
    disklessset_tests::need!(need::full());
    let root = TestRoot::bare();
    let mut bytes = std::fs::read(run::built_module("faulty")).unwrap();
    // The same length: the note says another class than the code has.
    let note = b"\"name\":\"FaultyImage\"";
    let at = bytes.windows(note.len()).position(|window| window == note).unwrap();
    bytes[at..at + note.len()].copy_from_slice(b"\"name\":\"HonestImage\"");
    let file = root.beside().join("faulty_module.so");
    small::put(&file, &bytes, 0o644);
    let outcome =
        root.disklessset(&["module", "check", file.as_str(), "--format", "json"]).run().expect_code(1);
    let lines: Vec<String> = findings(&outcome).iter().map(line).collect();
    let lie = "its note has the classes HonestImage, its code has FaultyImage";
    assert!(lines.iter().any(|line| line.starts_with("failed: loading") && line.contains(lie)), "{lines:#?}");
    println!("{}", lines.last().unwrap());
}

/// Nothing fails; what is not exercised is what is expected.
#[track_caller]
fn passes(outcome: &Outcome, not_exercised: &[&str]) {
    let found = findings(outcome);
    let lines: Vec<String> = found.iter().map(line).collect();
    println!("{}", lines.join("\n"));
    let of = |word: &str| found.iter().filter(|f| f["outcome"] == word).map(line).collect::<Vec<_>>();
    assert_eq!(of("failed"), [] as [&str; 0]);
    let unexpected: Vec<String> = of("not exercised")
        .into_iter()
        .filter(|line| !not_exercised.iter().any(|subject| line.contains(subject)))
        .collect();
    assert_eq!(unexpected, [] as [&str; 0]);
}

#[test]
fn the_faulty_module_without_a_fault_passes() {
    disklessset_tests::need!(need::full(), need::root());
    let root = TestRoot::bare();
    let outcome = check(&root, "faulty", &[]).run().expect_done();
    passes(&outcome, &[]);
    let kills = findings(&outcome).iter().filter(|f| line(f).starts_with("ok: kill and clean")).count();
    assert_eq!(kills, 5, "create, clone, set kernel, poke and remove");
}

#[test]
fn the_demo_module_passes() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::bare();
    passes(&check(&root, "demo", &[]).run().expect_done(), &[]);
}

#[test]
fn the_livenet_module_passes() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mksquashfs"));
    let root = TestRoot::bare();
    let tree = root.beside().join("small tree");
    small::make_tree(&root, &tree);
    let (source, kernel) = (format!("source=tree:{tree}"), format!("kernel={}", small::KERNEL));
    let command = ["command=sh", "command=-c", "command=exit"];
    let mut more = vec!["--set", &source, "--set", &kernel, "--set", "livenet_size=auto"];
    more.extend(command.iter().flat_map(|word| ["--set", *word]));
    // A terminal; and what an image has to be mounted for is killed with the mounting alone.
    let outcome = check(&root, "livenet", &more).run().expect_done();
    passes(&outcome, &["action shell", "kill and clean: action unmount"]);
}

#[test]
fn the_nfs_module_passes() {
    disklessset_tests::need!(need::full(), need::root());
    let root = TestRoot::bare();
    let tree = root.beside().join("small tree");
    small::make_tree(&root, &tree);
    let (source, kernel) = (format!("source=tree:{tree}"), format!("kernel={}", small::KERNEL));
    let command = ["command=sh", "command=-c", "command=exit"];
    let mut more = vec!["--set", &source, "--set", &kernel, "--set", "nodes=n[1-2]"];
    more.extend(command.iter().flat_map(|word| ["--set", *word]));
    let outcome = check(&root, "nfs", &more).run().expect_done();
    // A terminal; the base of the others makes no images; an image that was just made has no nodes to remove.
    passes(&outcome, &["action shell", "contract of NfsImage", "kill and clean: action nodes remove"]);
}

#[test]
fn a_class_of_which_no_image_can_be_made_does_not_pass() {
    disklessset_tests::need!(need::root(), need::tool("cpio"));
    authors::build();
    let root = TestRoot::bare();
    let failed = |more: &[&str]| {
        let outcome = check(&root, "ramdisk", more).run().expect_code(1);
        findings(&outcome)
            .iter()
            .filter(|f| f["outcome"] == "failed")
            .map(line)
            .collect::<Vec<_>>()
            .join("; ")
    };
    let without = failed(&[]);
    assert!(
        without.contains("no image of it can be made: it needs a value for tree: --set tree=VALUE"),
        "{without}"
    );
    let refused = failed(&["--set", "tree=/proc"]);
    assert!(refused.contains("no image of it could be made: give values that can be used here"), "{refused}");
}

#[test]
fn a_class_without_a_creation_does_not_pass_unless_others_are_built_on_it() {
    disklessset_tests::need!(need::full(), need::root());
    let outcome = check(&TestRoot::bare(), "lacking", &[]).run().expect_code(1);
    let lines: Vec<String> = findings(&outcome).iter().map(line).collect();
    let barren = "failed: contract of BarrenImage: it can create no image, and no class here is built on it";
    assert!(lines.iter().any(|line| line.starts_with(barren)), "{lines:#?}");
    let others: Vec<_> =
        lines.iter().filter(|line| line.starts_with("failed") && !line.starts_with(barren)).collect();
    assert_eq!(others, [] as [&String; 0]);
}

#[test]
fn a_class_that_another_module_brings_is_exercised_all_the_same_with_a_warning() {
    disklessset_tests::need!(need::full(), need::root());
    let root = TestRoot::bare();
    // Its file comes first by name: of two that are installed it would be the one that is used.
    root.drop_in("faulty");
    let mut bytes = std::fs::read(run::built_module("lacking")).unwrap();
    // The same length, wherever the name stands.
    let (own, taken) = (b"ClashImage_", b"FaultyImage");
    let places: Vec<usize> =
        (0..bytes.len() - own.len()).filter(|at| bytes[*at..].starts_with(own)).collect();
    places.iter().for_each(|at| bytes[*at..at + own.len()].copy_from_slice(taken));
    let file = root.beside().join("lacking_module.so");
    small::put(&file, &bytes, 0o644);
    let outcome = root
        .disklessset(&["module", "check", file.as_str(), "--format", "json"])
        .limit(PATIENCE)
        .run()
        .expect_code(1);
    let lines: Vec<String> = findings(&outcome).iter().map(line).collect();
    let installed = root.modules_dir().join("faulty_module.so");
    let warning = format!(
        "warning: installed modules: class FaultyImage is that of module faulty ({installed}): only one"
    );
    assert!(lines.iter().any(|line| line.starts_with(&warning)), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("ok: create of FaultyImage: ")), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("is taken by")), "{lines:#?}");
}

#[test]
fn a_class_that_takes_a_source_is_tried_without_a_network_on_a_small_tree_of_the_check() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"), need::tool("unshare"));
    let root = TestRoot::bare();
    let outcome = check(&root, "livenet", &[]).behind("unshare", &["--net"]).run().expect_done();
    passes(&outcome, &["action shell", "kill and clean: action unmount"]);
    let lines: Vec<String> = findings(&outcome).iter().map(line).collect();
    let said =
        |begin: &str, rest: &str| lines.iter().any(|line| line.starts_with(begin) && line.contains(rest));
    assert!(said("ok: parameters of LivenetImage", "a small tree of the check's own"), "{lines:#?}");
    assert!(said("ok: create of LivenetImage", "done in"), "{lines:#?}");
    assert!(said("ok: action exec of LivenetImage", "done in"), "{lines:#?}");
}

#[test]
fn without_root_it_says_what_it_could_not_look_at() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let root = TestRoot::bare();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let command = check(&root, "demo", &[]).behind("setpriv", &nobody).dir("/".into());
    passes(&command.run().expect_done(), &["files left in /tmp", "files left in /var/tmp"]);
}

#[test]
fn a_derived_class_is_exercised_on_its_base_and_waits_without_it() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::bare();
    let outcome = check(&root, "tuned", &["--quick"]).run().expect_done();
    passes(&outcome, &[]);
    let outcome = check(&root, "tuned", &[]).run().expect_done();
    passes(&outcome, &["classes"]);
    root.drop_in("demo");
    // Its classes were made with faults: a removal that asks for a step that is not there, and an action that
    // fails.
    let outcome = check(&root, "tuned", &[]).run().expect_code(1);
    let failed: Vec<String> =
        findings(&outcome).iter().filter(|f| f["outcome"] == "failed").map(line).collect();
    let known = |line: &String| {
        line.contains("remove") && line.contains("TunedDemo") || line.contains("nobody can describe it")
    };
    assert!(failed.iter().all(known) && failed.len() > 2, "{failed:#?}");
    let good = |line: &str| findings(&outcome).iter().any(|finding| self::line(finding).starts_with(line));
    assert!(good("ok: clone of TunedDemo") && good("ok: remove of BetterPackedImage"), "{outcome}");
}

#[test]
fn what_a_killed_check_left_goes_with_the_next_and_what_is_another_s_stays() {
    disklessset_tests::need!(need::full(), need::root());
    let root = TestRoot::bare();
    let tmp = root.beside().join("tmp");
    let there = || -> BTreeSet<Utf8PathBuf> {
        tmp.read_dir_utf8().unwrap().map(|entry| entry.unwrap().into_path()).collect()
    };
    let begun = |known: BTreeSet<Utf8PathBuf>| {
        let running = check(&root, "demo", &[]).start();
        let at_work = |place: &&Utf8PathBuf| place.join("drawer/order").exists();
        running.wait_until(|| there().difference(&known).find(at_work).cloned())
    };
    // What only looks like a place, and one that a living check is in.
    let (strange, link) = (tmp.join("disklessset-check-strange"), tmp.join("disklessset-check-link"));
    small::put(&strange.join("precious"), b"", 0o644);
    small::put(&root.beside().join("precious/owner.lock"), b"", 0o600);
    std::os::unix::fs::symlink(root.beside().join("precious"), &link).unwrap();
    let (living, its_own) = begun(there());
    let (killed, left) = begun(there());
    killed.kill_nine();
    assert!(left.join("root").exists());
    // A crash before there is anything in it.
    std::fs::create_dir(tmp.join("disklessset-check-empty")).unwrap();
    let _ = check(&root, "demo", &[]).run().expect_done();
    assert!(root.beside().join("precious/owner.lock").exists() && strange.join("precious").exists());
    let stays = there();
    assert!(stays.is_subset(&BTreeSet::from([strange.clone(), link.clone(), its_own])), "{stays:?}");
    let _ = living.wait().expect_done();
    assert_eq!(there(), BTreeSet::from([strange, link]));
}

#[test]
fn a_class_that_refines_its_base_s_actions_is_exercised_as_it_has_them() {
    disklessset_tests::need!(need::full(), need::root());
    let root = TestRoot::bare();
    root.drop_in("ground");
    let outcome = check(&root, "refined", &[]).run().expect_code(1);
    let lines: Vec<String> = findings(&outcome).iter().map(line).collect();
    // Of purpose both classes leave something that is on no record, so that they have something to clean.
    let of_purpose = |line: &&String| {
        line.contains("without the module: file") && line.contains("check-b.ground is there")
    };
    // And one refines an action that the other has refined already, and one as nobody may, and has given up
    // its creation.
    let left_out = [
        "failed: action paint of WeatheredImage: not offered: RefinedImage of the same module has paint otherwise",
        "failed: action dig of WeatheredImage: not offered: class WeatheredImage cannot refine it: only a creation",
        "failed: contract of WeatheredImage: it can create no image, and no class here is built on it",
    ];
    let is_left_out = |line: &&String| left_out.iter().any(|begin| line.starts_with(begin));
    assert_eq!(lines.iter().filter(is_left_out).count(), left_out.len(), "{lines:#?}");
    assert!(
        lines
            .iter()
            .filter(|line| line.starts_with("failed") && !is_left_out(line))
            .all(|line| of_purpose(&line)),
        "{lines:#?}"
    );
    let said =
        |begin: &str, rest: &str| lines.iter().any(|line| line.starts_with(begin) && line.contains(rest));
    assert!(said("not exercised: action dig", "it wants a spade"), "{lines:#?}");
    assert!(said("ok: action wipe", "done in"), "it asks first, and is safe to try: {lines:#?}");
    assert!(said("ok: parameters of RefinedImage", "tone"), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("action tell")), "it does not have that: {lines:#?}");
    assert!(said("ok: kill and clean: action paint", "nothing is left"), "{lines:#?}");
}
