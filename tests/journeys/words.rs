//! What a newcomer reads when something is missing, mistyped or refused: one line that is true, and a command that works.

use std::io::Write;

use camino::Utf8Path;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

fn put(file: &Utf8Path, bytes: &[u8]) {
    std::fs::File::create(file).unwrap().write_all(bytes).unwrap();
}

#[test]
fn a_root_that_is_missing_is_named_and_not_made() {
    let root = TestRoot::bare();
    let missing = root.path().join("mistyped");
    let program = disklessset_tests::run::disklessset();
    let said = root.tool(program.as_str(), &["--root", missing.as_str(), "list"]).run().expect_code(2);
    let said = said.expect_said("does not exist").expect_said("mkdir ");
    assert!(!said.to_string().contains("relied on"), "{said}");
    assert!(!missing.exists());
}

#[test]
fn what_cannot_be_done_is_not_asked_about() {
    let root = TestRoot::with_modules(&["demo"]);
    for command in [vec!["remove", "nope"], vec!["module", "remove", "nope"]] {
        let said = root.disklessset(&command).run();
        assert!(!said.to_string().contains("--yes"), "{command:?}: {said}");
        assert!(!said.status.success(), "{command:?}: {said}");
    }
    let _ = root.disklessset(&["remove", "nope"]).run().expect_code(3).expect_said("there is no image nope");
    let _ = root
        .disklessset(&["clear", "nope", "--yes"])
        .run()
        .expect_done()
        .expect_said("nothing of image nope");
    let _ = root.disklessset(&["log", "nope"]).run().expect_code(3).expect_said("there is no image nope");
}

#[test]
fn a_hint_names_a_command_that_works_where_it_is_given() {
    let root = TestRoot::with_modules(&["demo"]);
    let said = root.disklessset(&["show", "nope"]).run().expect_code(3);
    let hint = said.said.lines().find(|line| line.starts_with("hint:")).unwrap_or_default();
    let command = hint.split('`').nth(1).unwrap_or_default();
    assert!(command.contains(&format!("--root {}", root.path())), "{said}");
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    let _ = root.tool(disklessset_tests::run::disklessset().as_str(), &words).run().expect_done();
}

#[test]
fn a_file_that_is_no_configuration_is_not_printed() {
    let root = TestRoot::with_modules(&["demo"]);
    let file = root.path().join("accounts");
    let hash = "root:$y$j9T$secretsecret$secretsecretsecretsecret:19000:0:99999:7:::\n";
    put(&file, hash.repeat(50).as_bytes());
    for command in [vec!["--config", file.as_str(), "list"], vec!["create", "--from", file.as_str()]] {
        let said = root.disklessset(&command).run();
        assert!(!said.status.success() && !said.to_string().contains("secret"), "{said}");
        assert!(said.stderr.len() < 600, "{said}");
    }
}

#[test]
fn no_command_and_nobody_to_answer_is_wrong_usage() {
    let root = TestRoot::with_modules(&["demo"]);
    let mut command = root.disklessset::<&str>(&[]).command();
    let said = command.stdin(std::process::Stdio::null()).output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr);
    assert_eq!((said.status.code(), said.stdout.len()), (Some(2), 0), "{text}");
    assert!(text.contains("no command was given") && text.contains("--help"), "{text}");
}

#[test]
fn the_options_info_and_debug_say_something_on_every_command() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "web"]).run().expect_done();
    let commands: [&[&str]; 7] = [
        &["list"],
        &["show", "web"],
        &["verify"],
        &["kernel", "list"],
        &["module", "list"],
        &["clean"],
        &["--dry-run", "remove", "web"],
    ];
    for command in commands {
        let quiet = root.disklessset(command).run().expect_done();
        let info = root.disklessset(&[&["-i"], command].concat()).run().expect_done();
        let debug = root.disklessset(&[&["-d"], command].concat()).run().expect_done();
        assert!(info.stderr.contains("images: "), "{command:?}: {info}");
        assert!(debug.stderr.contains("configuration: "), "{command:?}: {debug}");
        assert_eq!((&info.stdout, &debug.stdout), (&quiet.stdout, &quiet.stdout), "data is changed by it");
    }
    let made = root.disklessset(&["-i", "remove", "web", "--yes"]).run().expect_done();
    let _ = made.expect_said("web: remove begins");
}

#[test]
fn the_removal_of_a_module_tells_of_its_images() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "web"]).run().expect_done();
    let told = root.disklessset(&["--dry-run", "module", "remove", "demo"]).run().expect_done();
    assert!(told.stdout.contains("leave image web"), "{told}");
    let _ = root.disklessset(&["module", "remove", "demo"]).run().expect_done().expect_said("image web");
}

#[test]
fn a_module_of_another_author_is_not_replaced_for_its_name() {
    let root = TestRoot::with_modules(&["demo"]);
    let before = Snapshot::of(&root);
    // The same module with another class, as somebody else could have written it.
    let other = root.path().join("libdemo_module.so");
    let built = std::fs::read(disklessset_tests::run::built_module("demo")).unwrap();
    let text = |from: &[u8], to: &[u8]| {
        let mut bytes = built.clone();
        let places: Vec<usize> =
            bytes.windows(from.len()).enumerate().filter(|(_, w)| *w == from).map(|(at, _)| at).collect();
        places.iter().for_each(|at| bytes[*at..*at + from.len()].copy_from_slice(to));
        (bytes, places.len())
    };
    let (bytes, found) = text(b"DemoImage", b"OmedImage");
    assert!(found > 0, "the module does not name its class");
    put(&other, &bytes);
    let said = root.disklessset(&["module", "install", other.as_str()]).run().expect_refusal(&[1, 5]);
    let _ = said
        .expect_said("is another one")
        .expect_said("disklessset module remove demo, then install this one");
    std::fs::rename(&other, root.beside().join("libdemo_module.so")).unwrap();
    before.assert_same_as_now(&root);
    // As it is said there.
    let _ = root.disklessset(&["module", "remove", "demo", "--yes"]).run().expect_done();
    let other = root.beside().join("libdemo_module.so");
    let _ = root.disklessset(&["module", "install", other.as_str()]).run().expect_done();
    let listed = root.disklessset(&["module", "list"]).run().expect_done();
    assert!(listed.stdout.contains("OmedImage"), "{listed}");
}

#[test]
fn a_listing_has_sizes_and_json_has_bytes() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "web"]).run().expect_done();
    put(&root.image_dir("web").join("squashfs.img"), &vec![0; 3 << 20]);
    let listed = root.images();
    let bytes = listed[0]["size_bytes"].as_u64().unwrap();
    assert!((3 << 20..(3 << 20) + 4096).contains(&bytes), "{listed:?}");
    let table = root.disklessset(&["list"]).run().expect_done();
    assert!(table.stdout.contains("SIZE") && table.stdout.contains("307"), "{table}");
}
