//! Module files, put in and taken out: no half file is ever taken for a module, and the old one or the new one is in service.

use std::os::unix::process::ExitStatusExt;

use camino::Utf8PathBuf;
use disklessset_tests::kill_table;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run;
use disklessset_tests::stage::warmed_up;
use disklessset_tests::strace;

use crate::system::small::put;

/// The demo module as another build would be: what follows the last section is nobody's business.
fn another_build(root: &TestRoot) -> Utf8PathBuf {
    let file = root.beside().join("demo_module.so");
    let mut bytes = std::fs::read(run::built_module("demo")).unwrap();
    bytes.extend(b"another build");
    put(&file, &bytes, 0o644);
    file
}

/// What lies in the modules directory, by name; files of nobody's interest are left out.
fn modules(root: &TestRoot) -> Vec<(String, Vec<u8>)> {
    let entries = root.modules_dir().read_dir_utf8().unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_name().ends_with("_module.so"));
    let mut files: Vec<_> =
        files.map(|entry| (entry.file_name().to_owned(), std::fs::read(entry.path()).unwrap())).collect();
    files.sort();
    files
}

/// Everything else that lies there.
fn leftovers(root: &TestRoot) -> Vec<String> {
    let entries = root.modules_dir().read_dir_utf8().unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_owned());
    names.filter(|name| !name.ends_with("_module.so")).collect()
}

/// Puts the modules directory back.
fn put_back(root: &TestRoot, files: &[(String, Vec<u8>)]) {
    let dir = root.modules_dir();
    for entry in dir.read_dir_utf8().unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in files {
        put(&dir.join(name), bytes, 0o644);
    }
}

/// Kills a change of modules, which is given the other build where it wants one; `prepare` may change what lies there first.
fn kill(operation: &str, words: &[&str], prepare: fn(&TestRoot), wants_file: bool) {
    disklessset_tests::need!(need::tool("strace"));
    let root = warmed_up(&["demo"]);
    let file = another_build(&root);
    prepare(&root);
    let command: Vec<&str> = words.iter().copied().chain(wants_file.then_some(file.as_str())).collect();
    let program = || root.disklessset(&command);
    let before = modules(&root);
    // Its calls are in the modules directory, which is not below the root: those with its name count.
    let (unharmed, points) = strace::record_own_below(&root, &root.modules_dir(), program());
    let _ = unharmed.expect_done();
    let after = modules(&root);
    assert_ne!(before, after, "it changes nothing");
    let (mut back, mut on) = (0, 0);
    for point in &points {
        put_back(&root, &before);
        let ended = strace::killed_at(program(), point).run();
        assert_eq!(ended.status.signal(), Some(9), "{point} was not reached: {ended}");
        let now = modules(&root);
        assert!(now == before || now == after, "neither the old module nor the new one after {point}");
        (back, on) = (back + usize::from(now == before), on + usize::from(now == after));
        assert_usable(&root, now.len(), point);
        let again = program().run();
        let again = if again.status.success() { again } else { again.expect_refusal(&[3]) };
        assert_eq!(modules(&root).len(), after.len(), "repeated after {point}: {again}");
        assert!(modules(&root) == after, "repeated after {point}, there is another file: {again}");
        let _ = root.disklessset(&["module", "install", file.as_str()]).run().expect_done();
        assert_eq!(leftovers(&root), [] as [String; 0], "after {point} and another installation");
    }
    assert!(points.len() > 1, "only {} points", points.len());
    kill_table::add(operation, "own system calls", points.len(), points.len(), back, on);
}

/// So many modules are listed, all of them ready: half a file is none of them.
#[track_caller]
fn assert_usable(root: &TestRoot, count: usize, point: &strace::Call) {
    let listed = root.disklessset(&["module", "list", "--format", "json"]).run().expect_done().json();
    let states: Vec<_> =
        listed["modules"].as_array().unwrap().iter().map(|module| &module["state"]).collect();
    assert_eq!(states.len(), count, "after {point}: {listed}");
    assert!(states.iter().all(|state| *state == "ready"), "after {point}: {listed}");
    let create = root.disklessset(&["demo", "create", "a"]).run();
    if count == 0 {
        let _ = create.expect_code(2);
    } else {
        let _ = create.expect_done();
        // The command that comes first finishes a removal, and runs with the module it found when it began.
        let _ = root.disklessset(&["clear", "a", "--yes"]).run().expect_done();
    }
}

#[test]
fn an_installation() {
    kill("module install", &["module", "install"], |root| root.take_out("demo"), true);
}

#[test]
fn an_installation_in_place_of_an_older_one() {
    kill("module install, over an older one", &["module", "install"], |_| {}, true);
}

#[test]
fn a_removal() {
    kill("module remove", &["module", "remove", "demo", "--yes"], |_| {}, false);
}
