//! Given a module that brings a source of OS trees: every class that takes a source makes images from it, through the host, and without
//! the module its images go on.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run;
use disklessset_tests::terminal::Terminal;
use serde_json::{Value, json};

use super::small::{self, KERNEL, Small, put};

fn small() -> Small {
    let small = Small::new();
    small.root.drop_in("origin");
    small
}

/// A creation by livenet from the source of the module.
fn create<'a>(name: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["livenet", "create", name, "--kernel", KERNEL, "--source", "origin"], more].concat()
}

fn module(small: &Small, name: &str) -> Value {
    let list = small.run(&["module", "list", "--format", "json"]).expect_done().json();
    list["modules"].as_array().unwrap().iter().find(|module| module["name"] == name).unwrap().clone()
}

#[test]
fn a_source_of_a_module_makes_the_trees_of_classes_that_know_nothing_of_it() {
    disklessset_tests::need!(need::root());
    let small = small();
    let from = small.tree.as_str();
    let before = Snapshot::of(&small.root);
    let created = create("web", &["--origin-from", from, "--origin-mark", "of a test"]);
    let _ = small.run(&created).expect_done();
    let record = small.record("web");
    for line in ["source: origin\n", "origin_mark: of a test\n", &format!("origin_from: {from}\n")] {
        assert!(record.contains(line), "no {line:?} in {record}");
    }
    let tree = small.unpacked("web");
    let text = std::fs::read_to_string(tree.join("etc/origin")).unwrap();
    assert_eq!(text, "of a test\nkernel: false\nnfs: false\n");
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["clone", "web", "web2"]).expect_done();
    assert!(small.record("web2").contains("origin_mark: of a test\n"));

    small.root.drop_in("nfs");
    let nfs =
        ["nfs", "create-staging", "os", "--kernel", KERNEL, "--source", "origin", "--origin-from", from];
    let _ = small.run(&nfs).expect_done();
    let staged = small.root.path().join("diskless/images/nfsimages/staging/os/etc/origin");
    assert_eq!(std::fs::read_to_string(staged).unwrap(), "plain\nkernel: false\nnfs: true\n");
    let _ = small.run(&["remove", "web", "web2", "os", "--yes"]).expect_done();
    small.root.take_out("nfs");
    let _ = std::fs::remove_dir_all(tree);
    let _ = std::fs::remove_dir_all(small.root.path().join("diskless"));
    before.assert_same_as_now(&small.root);
}

#[test]
fn its_parameters_stand_in_the_help_behind_the_source_and_go_through_parameters_files() {
    disklessset_tests::need!(need::root());
    let small = small();
    let help = small.run(&["livenet", "create", "--help"]).expect_done().stdout;
    let heading = help.find("Options with --source origin").unwrap_or_else(|| panic!("{help}"));
    for option in ["--origin-from <PATH>", "--origin-mark <TEXT>", "--origin-login-file <FILE>"] {
        assert!(help[heading..].contains(option), "no {option} in {help}");
    }
    // Help is wrapped.
    let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("registry:HOST/REPOSITORY[:TAG|@DIGEST], origin"), "{help}");
    let reference = small.run(&["help", "parameters"]).expect_done().stdout;
    assert!(reference.contains("origin_from (required with source: origin)"), "{reference}");

    let file = small.root.beside().join("web.yml");
    let from = small.tree.as_str();
    let text = |more: &str| {
        format!(
            "image_data:\n  name: web\n  image_class: LivenetImage\n  kernel: {KERNEL}\n  source: origin\n{more}"
        )
    };
    put(&file, text("  origin_mark: of a file\n").as_bytes(), 0o644);
    small.refused(&["create", "--from", file.as_str()], 2, "origin_from: is missing");
    let login = format!("  origin_from: {from}\n  origin_mark: of a file\n  origin_login: hunter2\n");
    put(&file, text(&login).as_bytes(), 0o600);
    let _ = small.run(&["create", "--from", file.as_str()]).expect_done();
    assert!(small.record("web").contains("origin_mark: of a file\n"));
    assert!(!small.record("web").contains("hunter2"), "secrets are not recorded");
}

#[test]
fn what_cannot_be_used_is_refused_before_anything_is_made() {
    disklessset_tests::need!(need::root());
    let small = small();
    let from = small.tree.as_str();
    let with = |more: &[&str]| create("web", more).into_iter().map(str::to_owned).collect::<Vec<_>>();
    for (args, code, said) in [
        (with(&[]), 2, "origin_from: is missing"),
        (with(&["--origin-from", "/nowhere"]), 2, "origin_from: /nowhere is no directory"),
        (with(&["--origin-from", from, "--origin-trial", "x"]), 2, "origin_trial: \"x\" is none of"),
        (
            with(&["--origin-from", from, "--repo", "file:///x"]),
            2,
            "the source origin has parameters of its own",
        ),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        small.refused(&args, code, said);
        small.refused(&[&args[..], &["--dry-run"]].concat(), code, said);
    }
    let tree = format!("tree:{from}");
    let other = ["livenet", "create", "web", "--kernel", KERNEL, "--source", &tree, "--origin-from", from];
    small.refused(&other, 2, "origin_from: is for source origin only, and source is tree:");
    let unknown = ["livenet", "create", "web", "--kernel", KERNEL, "--source", "orign"];
    small.refused(&unknown, 2, "\"orign\" is no source: write apt, dnf, tree:PATH");
    let _ = small.run(&create("web", &["--origin-from", from, "--dry-run"])).expect_done();
}

#[test]
fn its_programs_reach_no_device_and_write_nowhere_else() {
    disklessset_tests::need!(need::root());
    let small = small();
    let trace = Utf8Path::new("/var/cache/disklessset-origin-was-here");
    for (trial, code, said) in [
        ("device", 1, "Permission denied"),
        ("outside", 1, "Read-only file system"),
        ("elsewhere", 5, "a source may not run a program for the tree /"),
        ("service", 1, "a source of trees has no service images"),
        ("empty", 1, "the source origin made no operating system"),
    ] {
        small.refused(
            &create("web", &["--origin-from", small.tree.as_str(), "--origin-trial", trial]),
            code,
            said,
        );
    }
    assert!(!trace.exists());
}

#[test]
fn a_stop_and_a_kill_leave_nothing_of_it() {
    disklessset_tests::need!(need::root());
    let small = small();
    let before = Snapshot::of(&small.root);
    let args = create("web", &["--origin-from", small.tree.as_str(), "--origin-trial", "sleep"]);
    for signal in [nix::sys::signal::Signal::SIGTERM, nix::sys::signal::Signal::SIGKILL] {
        let running = small.root.disklessset(&args).start();
        let (running, _) = running.wait_until(|| small.root.tool_at_work("sleep"));
        let started = std::time::Instant::now();
        running.signal(signal);
        let ended = running.wait();
        assert!(!ended.status.success(), "{ended}");
        assert!(started.elapsed() < Duration::from_secs(5), "{ended}");
        small.root.wait_for_orphans(signal);
        let _ = small.run(&["clean", "--yes"]).expect_done();
        before.assert_same_as_now(&small.root);
    }
}

#[test]
fn without_its_module_one_line_says_so_and_its_images_go_on() {
    disklessset_tests::need!(need::root());
    let small = small();
    let args = create("web", &["--origin-from", small.tree.as_str()]);
    let _ = small.run(&args).expect_done();
    let half = create("half", &["--origin-from", small.tree.as_str(), "--origin-trial", "sleep"]);
    let running = small.root.disklessset(&half).start();
    let (running, _) = running.wait_until(|| small.root.tool_at_work("sleep"));
    let _ = running.kill_nine();
    small.root.wait_for_orphans("the creation");
    small.root.take_out("origin");
    let _ = small.run(&["clean", "--yes"]).expect_done();
    assert_eq!(small.root.status("half"), None);
    let gone = ["livenet", "create", "x", "--kernel", KERNEL, "--source", "origin"];
    small.refused(&gone, 2, "\"origin\" is no source: write apt, dnf,");
    small.refused(&gone, 2, "no module here brings source origin");
    assert_eq!(small.root.status("web").as_deref(), Some("CREATED"));
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    assert!(small.mnt("web").join("etc/origin").exists());
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    let _ = small.run(&["clone", "web", "b"]).expect_done();
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["remove", "web", "b", "--yes"]).expect_done();
}

#[test]
fn a_module_that_brings_it_alone_is_listed_has_no_commands_and_its_tools_are_known() {
    disklessset_tests::need!(need::root());
    let small = small();
    assert_eq!(module(&small, "origin")["sources"], serde_json::json!(["origin"]));
    let table = small.run(&["module", "list"]).expect_done().stdout;
    assert!(table.contains("source origin"), "{table}");
    let info = small.run(&["module", "info", "origin"]).expect_done().stdout;
    assert!(info.contains("--source origin") && info.contains("A copy of a tree, by cp"), "{info}");
    small.refused(&["origin", "create", "x"], 2, "module origin has no commands: it brings sources of trees");
    let doctor = small.run(&["doctor", "--format", "json"]);
    let doctor: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let all = doctor["actions"].as_array().unwrap();
    let source = all.iter().find(|action| action["action"] == "source origin").unwrap();
    assert_eq!((&source["ready"], &source["tools"][0]["tool"]), (&true.into(), &"cp".into()), "{source}");
}

#[test]
fn of_two_modules_with_one_source_the_first_is_used_and_a_line_says_so() {
    disklessset_tests::need!(need::root());
    let small = small();
    // Another module by its note, with the same source: its name is as long.
    let file = small.root.modules_dir().join("origin_module.so");
    let bytes = std::fs::read(&file).unwrap();
    let (old, new) = (b"\"name\":\"origin\"", b"\"name\":\"urigin\"");
    let at = bytes.windows(old.len()).position(|window| window == old).unwrap();
    let mut other = bytes.clone();
    other[at..at + new.len()].copy_from_slice(new);
    let path = small.root.modules_dir().join("urigin_module.so");
    put(&path, &other, 0o644);
    let refused = module(&small, "urigin");
    assert_eq!(refused["state"], "refused");
    assert_eq!(refused["reason"], "source origin is taken by module origin (origin_module.so)");
    let check = small.run(&["module", "install", path.as_str()]);
    assert!(!check.status.success(), "{check}");
}

#[test]
fn the_menu_asks_for_the_parameters_of_the_source_that_was_chosen() {
    disklessset_tests::need!(need::root());
    let small = small();
    let mut terminal = Terminal::open(small.root.disklessset(&[] as &[&str]), Duration::from_secs(20));
    terminal.see("Exit");
    terminal.answer("1");
    // It has no entry of its own.
    terminal.see("1");
    terminal.see("livenet");
    terminal.answer("1");
    terminal.see("Create a livenet image");
    terminal.answer("1");
    terminal.see("Name of the new image");
    terminal.answer("web");
    terminal.see("The kernel that nodes boot");
    terminal.answer("1");
    terminal.see("Root's password");
    terminal.answer("");
    for question in [
        "Package set to install",
        "Maximum size",
        "public keys",
        "Another package",
        "The release",
        "SELinux",
        "Leave out",
    ] {
        terminal.see(question);
        terminal.answer("");
    }
    terminal.see("Where the tree comes from");
    terminal.answer("origin");
    terminal.see("The tree to copy");
    terminal.answer("/nowhere");
    terminal.see("/nowhere is no directory");
    terminal.see("The tree to copy");
    terminal.answer(small.tree.as_str());
    terminal.see("What is written into it");
    terminal.answer("by hand");
    terminal.see("Who may have it");
    terminal.answer("");
    terminal.see("origin-mark: by hand");
    terminal.see("Create this image?");
    terminal.answer("yes");
    terminal.see("web");
    terminal.see("Exit");
    let _ = terminal.end_after(|terminal| terminal.answer("10"));
    assert!(small.record("web").contains("origin_mark: by hand\n"));
}

#[test]
fn module_check_tries_it_and_finds_what_is_wrong() {
    disklessset_tests::need!(need::root());
    let small = small();
    let file = small.root.modules_dir().join("origin_module.so");
    let from = format!("origin_from={}", small.tree);
    let check = |more: &[&str]| {
        let args = [&["module", "check", file.as_str()], more].concat();
        small.root.disklessset(&args).limit(Duration::from_secs(120)).run()
    };
    let checked = check(&["--set", &from]).expect_done();
    for said in
        ["source origin", "check of source", "wrong values of source", "tree of source", "stop when asked"]
    {
        assert!(checked.stdout.contains(said), "no {said:?} in {checked}");
    }
    let untried = check(&[]);
    assert!(!untried.status.success(), "{untried}");
    assert!(untried.stdout.contains("needs a value for origin_from: --set origin_from=VALUE"), "{untried}");
    for (trial, said) in
        [("empty", "made no operating system"), ("elsewhere", "may not run a program for the tree /")]
    {
        let trial = format!("origin_trial={trial}");
        let bad = check(&["--set", &from, "--set", &trial]);
        assert!(!bad.status.success() && bad.stdout.contains(said), "no {said:?} in {bad}");
    }
}

#[test]
fn a_source_whose_parameter_an_action_has_itself_is_told_everywhere_and_refused() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::with_modules(&["lacking", "origin"]);
    let sentence = "source origin cannot be used with lacking create: its parameter from would be origin_from, which the action \
        has itself";
    let program = |args: &[&str]| root.disklessset(args).run();
    let refused = program(&["lacking", "create", "x", "--source", "origin"]).expect_code(5);
    assert!(
        refused.stderr.contains(sentence) && refused.stderr.contains("rename the parameter"),
        "{refused}"
    );
    // Another source is none of its business.
    let _ = program(&["lacking", "create", "x", "--source", "tree:/"]).expect_done();
    assert!(program(&["doctor"]).stderr.contains(sentence));
    for name in ["lacking", "origin"] {
        let info = program(&["module", "info", name, "--format", "json"]).expect_done().json();
        assert_eq!(info["module"]["warnings"], json!([sentence]), "{name}: {info}");
    }
    let from = root.beside().join("tree");
    small::make_tree(&root, &from);
    let set = format!("origin_from={from}");
    for (name, outcome) in [("origin", "failed"), ("lacking", "warning")] {
        let file = run::built_module(name);
        let args = ["module", "check", file.as_str(), "--format", "json", "--set", &set];
        let checked = root.disklessset(&args).limit(Duration::from_secs(300)).run().expect_code(1);
        let findings = checked.json()["findings"].as_array().unwrap().clone();
        let told = findings.iter().find(|finding| finding["text"].as_str() == Some(sentence));
        assert_eq!(told.unwrap_or_else(|| panic!("{checked}"))["outcome"], outcome, "{name}");
    }
}
