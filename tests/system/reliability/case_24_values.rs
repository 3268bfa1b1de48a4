//! Given values that YAML, shells and boot scripts read otherwise: they come back exactly, through parameters files, records and clones.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use disklessset_tests::stage::warmed_up;

use crate::system::small::put;

const VALUES: [&str; 23] = [
    "key: value",
    "#no comment",
    "two\nlines",
    "\"double\" 'single'",
    "größer ☃ \u{10348}",
    "yes",
    "007",
    "1e3",
    "null",
    "~",
    "- a",
    "{a: b}",
    "&anchor",
    "*alias",
    "!!python/object:os.system",
    "%YAML 1.1",
    " edge ",
    "back\\slash",
    "$(id) `id` ;id",
    "@at",
    "---",
    "tab\tnext",
    "line\u{2028}separator \u{feff}",
];

#[test]
fn case_24_values_come_back_exactly() {
    let root = warmed_up(&["demo"]);
    for (number, value) in VALUES.iter().enumerate() {
        let name = format!("v{number}");
        // JSON is YAML.
        let file = root.beside().join("parameters.yml");
        let parameters = serde_json::json!({"image_data": {"name": name, "image_class": "DemoImage", "my_message": value}});
        put(&file, parameters.to_string().as_bytes(), 0o600);
        // Of what YAML itself takes for a line break in such a text, the command line has to do.
        let create: &[&str] = match value.contains('\u{2028}') {
            true => &["demo", "create", &name, "--message", value],
            false => &["create", "--from", file.as_str()],
        };
        let _ = root.disklessset(create).run().expect_done();
        let copy = format!("copy-of-{name}");
        let _ = root.disklessset(&["clone", &name, &copy]).run().expect_done();
        for image in [&name, &copy] {
            let shown = root.disklessset(&["show", image, "--format", "json"]).run().expect_done().json();
            assert_eq!(shown["image"]["attributes"]["my_message"], *value, "{shown}");
            let text = std::fs::read_to_string(root.image_dir(image).join("message.txt")).unwrap();
            assert_eq!(text, format!("{value}\n"));
        }
    }
    // What steers terminals, and lines of old, is no part of a text.
    let refused = root.disklessset(&["demo", "create", "x", "--message", "a\u{85}b\u{1b}"]).run();
    let _ = refused.expect_code(2).expect_said("control character");
    assert_eq!(root.images().len(), 2 * VALUES.len());
    assert!(root.images().iter().all(|image| image["status"] == "CREATED" && image["problem"].is_null()));
}
