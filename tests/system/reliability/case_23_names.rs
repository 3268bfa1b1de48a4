//! Given names that break the rules, in every command that takes one: refused, and nothing is touched.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use disklessset_tests::canary::Canary;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::stage::warmed_up;

/// Names that no image, kernel or module may have, as arguments can carry them.
fn bad_names(canary: &Canary) -> Vec<OsString> {
    let texts = [
        "",
        ".",
        "..",
        "../up",
        "a/b",
        "/etc",
        " ",
        "a b",
        "a;id",
        "$(id)",
        "`id`",
        "a\nb",
        "a\tb",
        "a\\b",
        "*",
        "~",
        "a:b",
        "a'b",
        "a\"b",
        "ä",
        ".hidden",
        "a\u{1b}[31m",
    ];
    let mut names: Vec<Vec<u8>> = texts.map(|text| text.as_bytes().to_vec()).to_vec();
    names.push(vec![b'n'; 256]);
    names.push(b"not\xffutf8".to_vec());
    names.push(format!("../../../../../../../../../..{}", canary.path()).into_bytes());
    names.push(canary.path().as_str().as_bytes().to_vec());
    names.iter().map(|name| OsStr::from_bytes(name).to_owned()).collect()
}

/// Commands with a place for a name, the rest of them being as good as can be.
const COMMANDS: [&[&str]; 20] = [
    &["show", NAME],
    &["log", NAME],
    &["verify", NAME],
    &["remove", NAME, "--yes"],
    &["remove", "a", NAME, "--yes"],
    &["clone", NAME, "new"],
    &["clone", "a", NAME],
    &["clean", NAME, "--yes"],
    &["clear", NAME, "--yes"],
    &["demo", "create", NAME],
    &["demo", "message", NAME, "text"],
    &["kernel", "set", NAME, "6.1.0-test"],
    &["kernel", "set", "a", NAME],
    &["kernel", "remove", NAME, "--yes"],
    &["kernel", "initramfs", NAME],
    &["kernel", "add", "--from-image", NAME],
    &["module", "info", NAME],
    &["module", "remove", NAME, "--yes"],
    &["create", "--from", NAME],
    &[NAME, "create", "x"],
];
const NAME: &str = "NAME";

#[test]
fn case_23_no_command_takes_a_bad_one() {
    let (root, canary) = one_image();
    let before = Snapshot::of(&root);
    for name in bad_names(&canary) {
        for command in COMMANDS {
            let args: Vec<&OsStr> = command
                .iter()
                .map(|word| if *word == NAME { name.as_os_str() } else { OsStr::new(*word) })
                .collect();
            let refused = root.disklessset(&args).run().expect_refusal(&[1, 2, 3, 5]);
            // What was given goes to a terminal: without what would steer it.
            assert!(!refused.stderr.contains('\u{1b}'), "{refused:?}");
        }
        before.assert_same_as_now(&root);
    }
    canary.assert_untouched();
}

fn one_image() -> (TestRoot, Canary) {
    let root = warmed_up(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
    let canary = Canary::plant(&root.beside().join("canary"));
    (root, canary)
}

/// Writes a parameters file.
fn parameters(root: &TestRoot, text: &str) -> String {
    use std::io::Write;
    let file = root.beside().join("parameters.yml");
    std::fs::File::create(&file).unwrap().write_all(text.as_bytes()).unwrap();
    file.into_string()
}

#[test]
fn case_23_no_parameters_file_takes_a_bad_one() {
    let (root, canary) = one_image();
    let before = Snapshot::of(&root);
    let climbing = format!("../../../../../../../../../..{}", canary.path());
    for name in ["..", "a/b", "", " ", "a;id", "[1, 2]", "{a: b}", "\"a\\nb\"", "null", &climbing] {
        let text = format!("image_data:\n  name: {name}\n  image_class: DemoImage\n");
        let file = parameters(&root, &text);
        let _ = root.disklessset(&["create", "--from", &file]).run().expect_refusal(&[1, 2, 5]);
        before.assert_same_as_now(&root);
    }
    for class in ["..", "../../x", "", "\"a\\nb\"", "NoSuchImage"] {
        let text = format!("image_data:\n  name: b\n  image_class: {class}\n");
        let file = parameters(&root, &text);
        let _ = root.disklessset(&["create", "--from", &file]).run().expect_refusal(&[1, 2, 3, 5]);
        before.assert_same_as_now(&root);
    }
    canary.assert_untouched();
}

#[test]
fn case_23_names_that_yaml_takes_for_something_else_are_kept_in_a_parameters_file() {
    let root = warmed_up(&["demo"]);
    for name in ["yes", "007", "1e3", "1.0", "0x1F", "2024-01-01"] {
        let quoted = format!("image_data:\n  name: '{name}'\n  image_class: DemoImage\n");
        let _ = root.disklessset(&["create", "--from", &parameters(&root, &quoted)]).run().expect_done();
        assert_eq!(root.status(name).as_deref(), Some("CREATED"), "{name}");
    }
}
