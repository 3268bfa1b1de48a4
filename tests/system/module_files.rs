//! Given a modules directory: files come and go whole, on record, whatever kills the program, and it is known where they came
//! from and whose they are.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{self, Program};
use disklessset_tests::stage::Stage;
use disklessset_tests::{need, strace};
use serde_json::Value;

/// A root whose modules lie inside it, so that it can be saved and put back with them.
struct Inside(TestRoot);

impl Inside {
    fn new() -> Self {
        Self(TestRoot::bare())
    }
    fn program(&self, args: &[&str]) -> Program {
        let program = run::disklessset();
        self.0.tool(program.as_str(), &[&["--root", self.0.path().as_str()], args].concat())
    }
    fn install(&self, module: &str) -> Program {
        self.program(&["module", "install", run::built_module(module).as_str()])
    }
    fn modules(&self) -> Utf8PathBuf {
        self.0.path().join("usr/lib/disklessset/modules.d")
    }
    fn file(&self, module: &str) -> Utf8PathBuf {
        self.modules().join(format!("{module}_module.so"))
    }
    fn state(&self) -> Utf8PathBuf {
        self.0.path().join("var/lib/diskless")
    }
    fn listed(&self, module: &str) -> Value {
        let list = self.program(&["module", "list", "--format", "json"]).run().expect_done().json();
        let all = list["modules"].as_array().unwrap();
        all.iter().find(|listed| listed["name"] == module).cloned().unwrap_or_default()
    }
    fn configure(&self, text: &str) {
        let directory = self.0.path().join("etc/disklessset");
        std::fs::create_dir_all(&directory).unwrap();
        write(&directory.join("diskless_parameters.yml"), text);
    }
}

#[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
fn write(file: &Utf8Path, text: &str) {
    std::fs::write(file, text).unwrap();
}

fn names_in(directory: &Utf8Path) -> Vec<String> {
    let Ok(entries) = directory.read_dir_utf8() else { return Vec::new() };
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

/// What is there of the demo module: its file's content, whether it is on record, and nothing else.
#[derive(Debug, PartialEq, Eq)]
struct There {
    file: Option<Vec<u8>>,
    origin: Value,
    others: Vec<String>,
}

fn there(place: &Inside) -> There {
    let mut others = names_in(&place.modules());
    others.retain(|name| name != "demo_module.so");
    others.extend(names_in(&place.state().join("journal")));
    let origin = place.listed("demo")["installed"]["from"].clone();
    There { file: std::fs::read(place.file("demo")).ok(), origin, others }
}

/// Kills a command at every call with which it changes something: afterwards it is as before or as after, what was begun is
/// settled by the next cleaning, which says so, or by the same command again.
#[track_caller]
fn killed_everywhere(prepare: impl Fn(&Inside), command: impl Fn(&Inside) -> Program) {
    disklessset_tests::need!(need::tool("strace"));
    let place = Inside::new();
    prepare(&place);
    let before = there(&place);
    let stage = Stage::of(&place.0);
    let (done, points) = strace::record(&place.0, command(&place));
    let _ = done.expect_done();
    let after = there(&place);
    assert_ne!(before, after);
    assert!(points.len() > 10, "only {} points", points.len());
    let (mut back, mut on, mut told) = (0, 0, 0);
    for (number, point) in points.iter().enumerate() {
        stage.restore();
        let ended = strace::killed_at(command(&place), point).run();
        if ended.status.success() {
            // With another pid the child that looks at the file makes another number of calls.
            continue;
        }
        // The call may have been the child's that looks at the file: then the command itself fails, and says so.
        let of_the_child = ended.status.code() == Some(1);
        assert!(of_the_child || ended.status.signal() == Some(9), "{point}: {ended}");
        if number % 2 == 0 {
            let said = place.program(&["clean"]).run().expect_done();
            told += usize::from(said.stderr.contains("had not come to its end and was"));
        } else {
            let again = command(&place).run();
            let again = if again.status.success() { again } else { again.expect_refusal(&[3]) };
            assert_eq!(there(&place), after, "{point}: {again}");
        }
        match there(&place) {
            now if now == before => back += 1,
            now if now == after => on += 1,
            now => panic!("after {point}: neither before nor after: {:?} {:?}", now.origin, now.others),
        }
    }
    assert!(back > 0 && on > 0 && told > 0, "{back} back, {on} on, told {told} times");
}

#[test]
fn an_installation_killed_anywhere_is_taken_back_or_finished() {
    disklessset_tests::need!(disklessset_tests::need::full());
    killed_everywhere(|_| {}, |place| place.install("demo"));
}

#[test]
fn a_replacement_killed_anywhere_leaves_the_old_module_or_the_new() {
    let other = |place: &Inside| {
        // The same module with other bytes behind it, as another build would have.
        let mut bytes = std::fs::read(run::built_module("demo")).unwrap();
        bytes.extend_from_slice(&[0; 4096]);
        let file = place.0.beside().join("other_demo_module.so");
        #[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
        std::fs::write(&file, bytes).unwrap();
        file
    };
    killed_everywhere(
        |place| {
            let _ = place.install("demo").run().expect_done();
            other(place);
        },
        |place| {
            let file = place.0.beside().join("other_demo_module.so");
            place.program(&["module", "install", file.as_str()])
        },
    );
}

#[test]
fn a_removal_killed_anywhere_is_taken_back_or_finished() {
    killed_everywhere(
        |place| drop(place.install("demo").run().expect_done()),
        |place| place.program(&["module", "remove", "demo"]),
    );
}

#[test]
fn a_copy_left_in_a_directory_outside_of_the_root_goes_with_the_next_cleaning() {
    disklessset_tests::need!(need::tool("strace"));
    let root = TestRoot::bare();
    let built = run::built_module("demo");
    let command = ["module", "install", built.as_str()];
    let (_, points) = strace::record(&root, root.disklessset(&command));
    std::fs::remove_file(root.modules_dir().join("demo_module.so")).unwrap();
    // Its lines: the beginning, the copy, its place, the decision.
    let lines = points.iter().filter(|point| point.name == "fdatasync" && point.line.contains("@modules"));
    let made = lines.into_iter().nth(2).unwrap();
    let ended = strace::killed_at(root.disklessset(&command), made).run();
    assert_eq!(ended.status.signal(), Some(9), "{ended}");
    assert_eq!(names_in(&root.modules_dir()).len(), 1, "the copy aside");
    let _ = root.disklessset(&["clean"]).run().expect_done().expect_said("modules: `install module demo`");
    assert_eq!(names_in(&root.modules_dir()), [] as [&str; 0]);
}

#[test]
fn a_program_that_a_package_replaced_meanwhile_goes_on_with_its_own_file() {
    let inside = Inside::new();
    let install = inside.install("demo");
    let copy = inside.0.beside().join("replaced");
    std::fs::copy(install.file(), &copy).unwrap();
    let open = File::open(&copy).unwrap();
    std::fs::remove_file(&copy).unwrap();
    write(&copy, "another program");
    let running = format!("/proc/{}/fd/{}", std::process::id(), open.as_raw_fd());
    let _ = install.by(running).run().expect_done();
    assert_eq!(names_in(&inside.modules()), ["demo_module.so"]);
}

#[test]
fn two_installations_at_once_come_one_after_the_other_and_the_second_names_the_first() {
    disklessset_tests::need!(need::tool("strace"));
    let place = Inside::new();
    let (_, points) = strace::record(&place.0, place.install("demo"));
    let into_place =
        points.iter().find(|point| point.name.starts_with("rename") && point.line.contains("demo_module"));
    let slow = strace::slow_at(place.install("demo"), into_place.unwrap(), Duration::from_secs(2)).start();
    let journal = place.state().join("journal/@modules.jsonl");
    let (slow, ()) = slow.wait_until(|| journal.exists().then_some(()));
    let second = place.install("demo").run().expect_done();
    let named = second.stderr.contains("waiting: the modules directory is busy: pid ")
        && second.stderr.contains("`install module demo`");
    assert!(named, "{second}");
    let _ = slow.wait().expect_done();
    assert_eq!(names_in(&place.modules()), ["demo_module.so"]);
}

#[test]
fn where_a_module_came_from_is_shown_until_its_file_goes() {
    let place = Inside::new();
    let _ = place.install("demo").run().expect_done();
    let info = || place.program(&["module", "info", "demo", "--format", "json"]).run().expect_done().json();
    let installed = info()["module"]["installed"].clone();
    assert_eq!(installed["from"], run::built_module("demo").as_str(), "{installed}");
    assert_eq!(installed["sha256"].as_str().unwrap().len(), 64, "{installed}");
    assert_eq!(installed["version"], "0.1.0");
    let sum = place.0.tool("sha256sum", &[place.file("demo").as_str()]).run().expect_done();
    assert!(sum.stdout.starts_with(installed["sha256"].as_str().unwrap()), "{sum}");
    assert!(info()["module"]["note"].is_null());

    // Changed by hand: a note, and used all the same.
    let mut bytes = std::fs::read(place.file("demo")).unwrap();
    bytes.extend_from_slice(b"more");
    std::fs::remove_file(place.file("demo")).unwrap();
    #[allow(clippy::disallowed_methods, reason = "tests put files in place with plain writes")]
    std::fs::write(place.file("demo"), &bytes).unwrap();
    let listed = place.listed("demo");
    assert_eq!(listed["state"], "ready", "{listed}");
    let note = format!("{} is no longer the file that was installed", place.file("demo"));
    assert_eq!(listed["note"], note.as_str());
    let _ = place.program(&["demo", "create", "a"]).run().expect_done();
    let _ = place.program(&["verify"]).run().expect_done().expect_said(&note);

    // Deleted by hand: nothing is remembered of it.
    std::fs::remove_file(place.file("demo")).unwrap();
    let _ = place.install("tuned").run().expect_done();
    let register = std::fs::read_to_string(place.state().join("modules.yml")).unwrap();
    assert!(register.contains("tuned_module.so") && !register.contains("demo_module.so"), "{register}");
    // Dropped in by hand: no record, and no note.
    std::fs::copy(run::built_module("demo"), place.file("demo")).unwrap();
    let listed = place.listed("demo");
    assert!(listed["installed"].is_null() && listed["note"].is_null(), "{listed}");
    assert_eq!(listed["state"], "ready", "{listed}");
    let _ = place.program(&["module", "remove", "demo"]).run().expect_done();
    let _ = place.program(&["module", "remove", "tuned"]).run().expect_done();
    assert!(!place.state().join("modules.yml").exists());
}

#[test]
fn a_directory_that_is_not_ours_to_write_is_told_in_one_line() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let root = TestRoot::bare();
    let built = run::built_module("demo");
    let as_nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let command = root.disklessset(&["module", "install", built.as_str()]);
    let said = command.behind("setpriv", &as_nobody).run().expect_code(5);
    let line = format!("user 65534 may not write to {}", root.modules_dir());
    assert!(said.stderr.contains(&line), "{said}");
    let _ = said.expect_said("--modules-dir");
}

fn key(root: &TestRoot, name: &str) -> Utf8PathBuf {
    let file = root.beside().join(name);
    let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", file.as_str()];
    let _ = root.tool("ssh-keygen", &arguments).run().expect_done();
    file
}

fn sign(root: &TestRoot, key: &Utf8Path, file: &Utf8Path) {
    let signature = Utf8PathBuf::from(format!("{file}.sig"));
    let _ = std::fs::remove_file(&signature);
    let arguments = ["-q", "-Y", "sign", "-n", "disklessset-module", "-f", key.as_str(), file.as_str()];
    let _ = root.tool("ssh-keygen", &arguments).run().expect_done();
}

#[test]
fn a_site_that_requires_signatures_uses_only_what_trusted_keys_signed() {
    disklessset_tests::need!(need::tool("ssh-keygen"));
    let place = Inside::new();
    let root = &place.0;
    let file = root.beside().join("demo_module.so");
    std::fs::copy(run::built_module("demo"), &file).unwrap();
    let install = || place.program(&["module", "install", file.as_str()]).run();
    place.configure("require_module_signatures: true\n");
    let _ = install().expect_code(5).expect_said("which this site requires");

    let (ours, theirs) = (key(root, "ours"), key(root, "theirs"));
    let keys = root.path().join("etc/disklessset/trusted-modules.d");
    std::fs::create_dir(&keys).unwrap();
    sign(root, &ours, &file);
    let _ = install().expect_code(5).expect_said("trusts no key");
    std::fs::copy(format!("{theirs}.pub"), keys.join("them.pub")).unwrap();
    let _ = install().expect_code(5).expect_said("of a key that this site does not trust");
    std::fs::copy(format!("{ours}.pub"), keys.join("us.pub")).unwrap();
    assert_eq!(names_in(&place.modules()), [] as [&str; 0], "nothing was left by refusals");
    let _ = install().expect_done();
    let listed = place.listed("demo");
    assert_eq!(
        (&listed["state"], &listed["installed"]["signed_by"]["name"]),
        (&"ready".into(), &"us".into())
    );
    let _ = place.program(&["demo", "create", "a"]).run().expect_done();

    // A signature of another file, whoever made it.
    std::fs::copy(run::built_module("tuned"), root.beside().join("x")).unwrap();
    sign(root, &ours, &root.beside().join("x"));
    std::fs::rename(root.beside().join("x.sig"), format!("{file}.sig")).unwrap();
    let _ = install().expect_code(5).expect_said("is no signature of this file");

    // Dropped in or changed by hand, or the key taken away: one line in the list.
    std::fs::copy(run::built_module("tuned"), place.file("tuned")).unwrap();
    let reason = |module: &str| {
        let listed = place.listed(module);
        assert_eq!(listed["state"], "refused", "{listed}");
        listed["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("tuned").contains("it was not installed with `module install`"));
    std::fs::remove_file(keys.join("us.pub")).unwrap();
    assert!(reason("demo").contains("the key of us is no longer trusted"));
    std::fs::copy(format!("{ours}.pub"), keys.join("us.pub")).unwrap();
    assert_eq!(place.listed("demo")["state"], "ready");
    std::fs::copy(run::built_module("misbehaving"), place.file("demo")).unwrap();
    assert!(reason("misbehaving").contains("name the file misbehaving_module.so"));
    place.configure("");
    // Where none are required a wrong one is refused still, and none is fine.
    let _ = install().expect_code(5);
    std::fs::remove_file(format!("{file}.sig")).unwrap();
    let _ = install().expect_done();
}
