//! Given files that nobody of good will wrote, where the program reads: the one is reported, the others are as they were,
//! and neither memory nor time runs away.

use std::io::Write;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use disklessset_tests::canary::Canary;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program};
use disklessset_tests::stage::warmed_up;

/// More than any of this may take, far more than it does.
const PATIENCE: Duration = Duration::from_secs(10);
/// Address space of the program when it reads them, in bytes.
const MEMORY: &str = "--as=400000000";

fn write(file: &Utf8Path, bytes: &[u8]) {
    std::fs::File::create(file).unwrap().write_all(bytes).unwrap();
}

fn one_image() -> TestRoot {
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "good"]).run().expect_done();
    root
}

/// The program with little memory and time.
fn confined(root: &TestRoot, command: &[&str]) -> Program {
    root.disklessset(command).limit(PATIENCE).behind("prlimit", &[MEMORY])
}

/// Texts that no YAML should be.
fn hostile_texts() -> Vec<(&'static str, Vec<u8>)> {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let above = vec![format!("*a{}", level - 1); 9].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{above}]\n"));
    }
    let depth = 100_000;
    let record = "format: 2\nimage_data:\n  name: bad\n  image_class: DemoImage\n  my_message: some text";
    vec![
        ("a tag", b"image_data: !!python/object/apply:os.system ['touch /tmp/x']\n".to_vec()),
        ("an alias bomb", [bomb.as_bytes(), b"image_data: {name: bad, image_class: *a11}\n"].concat()),
        ("an alias of itself", b"image_data: &x {name: bad, image_class: DemoImage, more: *x}\n".to_vec()),
        ("deep lists", [b"image_data: ".to_vec(), vec![b'['; depth], vec![b']'; depth]].concat()),
        ("deep mappings", [b"image_data: ".to_vec(), b"{a: ".repeat(depth)].concat()),
        ("deep blocks", [b"image_data:\n ".to_vec(), b"- ".repeat(depth)].concat()),
        ("nothing", Vec::new()),
        ("a cut", record.as_bytes()[..record.len() - 40].to_vec()),
        ("zeros", vec![0; 4096]),
        ("no UTF-8", b"image_data: {name: bad, image_class: \"\xff\xfe\"}\n".to_vec()),
        ("a list", b"- image_data\n- name\n".to_vec()),
        ("two documents", b"image_data: {}\n---\nimage_data: {}\n".to_vec()),
        ("a password file", b"root:x:0:0:root:/root:/bin/bash\n".to_vec()),
    ]
}

/// A directory of an image that has no record yet.
fn bad_image(root: &TestRoot) -> Utf8PathBuf {
    let dir = root.image_dir("bad");
    std::fs::create_dir(&dir).unwrap();
    dir.join("image_data.yml")
}

/// Asserts that the bad one is reported, the good one listed, nothing changed, and the bad one can be cleared.
#[track_caller]
fn one_bad_record(root: &TestRoot, what: &str) {
    let before = Snapshot::of(root);
    let listed = confined(root, &["list", "--format", "json"]).run().expect_done();
    let images = listed.json()["images"].as_array().unwrap().clone();
    let one = |name: &str| {
        images.iter().find(|image| image["name"] == name).unwrap_or_else(|| panic!("{what}: no {name}"))
    };
    assert!(one("good")["problem"].is_null(), "{what}: {listed}");
    let problem = one("bad")["problem"].as_str().unwrap_or_else(|| panic!("{what}: no problem: {listed}"));
    assert!(!problem.is_empty() && problem.len() < 1000 && !problem.contains('\n'), "{what}: {problem:?}");
    let table = confined(root, &["list"]).run().expect_done();
    assert!(table.stdout.contains("bad") && table.stdout.contains("good"), "{what}: {table}");
    for command in
        [&["demo", "message", "bad", "x"][..], &["clone", "bad", "new"], &["remove", "bad", "--yes"]]
    {
        let _ = confined(root, command).run().expect_refusal(&[1, 2, 3, 5]).expect_said("bad");
    }
    before.assert_same_as_now(root);
    let _ = confined(root, &["clear", "bad", "--yes"]).run().expect_done();
    assert!(!root.image_dir("bad").exists(), "{what}");
    assert_eq!(root.status("good").as_deref(), Some("CREATED"));
}

#[test]
fn case_25_as_the_record_of_an_image() {
    disklessset_tests::need!(need::tool("prlimit"));
    let root = one_image();
    for (what, text) in hostile_texts() {
        write(&bad_image(&root), &text);
        one_bad_record(&root, what);
    }
}

#[test]
fn case_25_as_a_record_that_is_no_plain_file() {
    disklessset_tests::need!(need::tool("prlimit"));
    let root = one_image();
    let canary = Canary::plant(&root.beside().join("canary"));
    std::fs::File::create(bad_image(&root)).unwrap().set_len(100 * 1024 * 1024).unwrap();
    one_bad_record(&root, "100 MB");
    std::os::unix::fs::symlink(canary.path().join("precious"), bad_image(&root)).unwrap();
    one_bad_record(&root, "a link");
    nix::unistd::mkfifo(bad_image(&root).as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    one_bad_record(&root, "a FIFO");
    std::fs::create_dir(bad_image(&root)).unwrap();
    one_bad_record(&root, "a directory");
    canary.assert_untouched();
}

#[test]
fn case_25_as_a_parameters_file_or_a_configuration() {
    disklessset_tests::need!(need::tool("prlimit"));
    let root = one_image();
    let before = Snapshot::of(&root);
    let file = root.beside().join("hostile.yml");
    let refused = |command: &[&str]| -> Outcome {
        confined(&root, command).run().expect_refusal(&[1, 2, 5]).expect_said("hostile.yml")
    };
    for (what, text) in hostile_texts() {
        write(&file, &text);
        let _ = refused(&["create", "--from", file.as_str()]);
        // An empty configuration is a good one.
        if what != "nothing" {
            let _ = refused(&["--config", file.as_str(), "list"]);
        }
        before.assert_same_as_now(&root);
    }
    std::fs::remove_file(&file).unwrap();
    nix::unistd::mkfifo(file.as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _ = refused(&["create", "--from", file.as_str()]);
    let _ = refused(&["--config", file.as_str(), "list"]);
    before.assert_same_as_now(&root);
}

#[test]
fn case_25_as_the_register_of_installations() {
    disklessset_tests::need!(need::tool("prlimit"));
    let root = one_image();
    for (what, text) in hostile_texts() {
        write(&root.installations_file(), &text);
        let before = Snapshot::of(&root);
        // The images are listed whatever the register is; what changes something is refused when it cannot be read.
        let listed = confined(&root, &["list", "--format", "json"]).run().expect_done();
        assert_eq!(listed.json()["images"][0]["name"], "good", "{what}: {listed}");
        assert!(listed.stderr.len() < 2000, "{what}: {listed}");
        if listed.stderr.contains("installations.yml") {
            let create = confined(&root, &["demo", "create", "new"]).run();
            let _ = create.expect_code(1).expect_said("installations.yml");
        }
        before.assert_same_as_now(&root);
    }
}

#[test]
fn case_25_as_a_journal_that_names_places_of_others() {
    let root = one_image();
    let canary = Canary::plant(&root.beside().join("canary"));
    let climbing = format!("{}/../../../../../../../../../../..{}", root.image_dir("x"), canary.path());
    for place in [canary.path().as_str(), &climbing, "/", root.image_dir("x").parent().unwrap().as_str()] {
        for kind in ["directory", "trash", "file"] {
            let journal = root.path().join("var/lib/diskless/journal/x.jsonl");
            let lines = format!(
                "{{\"fact\":\"begin\",\"action\":\"create\",\"class\":\"DemoImage\"}}\n\
                 {{\"fact\":\"intent\",\"number\":0,\"effect\":{{\"kind\":\"{kind}\",\"path\":\"{place}\"}},\"hold\":\"action\"}}\n"
            );
            write(&journal, lines.as_bytes());
            let _ = root.disklessset(&["clean", "x", "--yes"]).run().expect_code(5).expect_said(place);
            canary.assert_untouched();
            std::fs::remove_file(journal).unwrap();
        }
    }
    assert_eq!(root.status("good").as_deref(), Some("CREATED"));
}

#[test]
fn case_26_among_the_images() {
    let root = one_image();
    let canary = Canary::plant(&root.beside().join("canary"));
    let images = root.image_dir("good").parent().unwrap().to_owned();
    std::fs::create_dir(images.join("lost+found")).unwrap();
    std::fs::create_dir(images.join("empty")).unwrap();
    std::fs::create_dir(images.join(".cache")).unwrap();
    std::os::unix::fs::symlink(canary.path(), images.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", images.join("dangling")).unwrap();
    write(&images.join("file"), b"text");
    write(&images.join("a b\u{1b}[31m"), b"text");
    let before = Snapshot::of(&root);

    let listed = root.images();
    for name in ["lost+found", "empty", "link", "dangling", "file"] {
        let image = listed.iter().find(|image| image["name"] == name).unwrap_or_else(|| panic!("no {name}"));
        assert!(image["problem"].is_string(), "{image}");
    }
    assert!(listed.iter().all(|image| image["name"] != ".cache"));
    let table = root.disklessset(&["list"]).run().expect_done();
    assert!(!table.stdout.contains('\u{1b}'), "{table:?}");
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    for name in ["lost+found", "empty", "link", "dangling", "file"] {
        let _ = root.disklessset(&["remove", name, "--yes"]).run().expect_refusal(&[1, 3, 5]);
    }
    before.assert_same_as_now(&root);
    for name in ["link", "dangling", "file"] {
        let _ = root.disklessset(&["clear", name, "--yes"]).run().expect_done();
        assert!(images.join(name).symlink_metadata().is_err(), "{name}");
    }
    canary.assert_untouched();
}

#[test]
fn case_25_a_record_that_only_root_may_read_is_listed_by_name_to_others() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let root = one_image();
    let record = root.image_dir("good").join("image_data.yml");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(record, private).unwrap();
    let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
    let list = root.disklessset(&["list", "--format", "json"]).behind("setpriv", &nobody).dir("/".into());
    let listed = list.run().expect_done().json();
    assert_eq!(listed["images"][0]["name"], "good", "{listed}");
    assert_eq!(listed["images"][0]["status"], "CREATED", "{listed}");
    assert!(
        listed["images"][0]["problem"].as_str().is_some_and(|problem| problem.contains("Permission denied"))
    );
}
