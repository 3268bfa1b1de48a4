//! Given the shipped modules: the pages about files are what the program prints, and what they say is so.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::root::TestRoot;

/// Set by `cargo xtask docs`: pages that are old are written anew.
const WRITE: &str = "DISKLESSSET_WRITE_DOCS";

#[track_caller]
fn page(topic: &str, file: &str) {
    let root = TestRoot::with_modules(&["demo", "livenet", "nfs"]);
    let printed = root.disklessset(&["help", topic]).run().expect_done().stdout;
    let path: Utf8PathBuf = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
    if std::env::var_os(WRITE).is_some() {
        let written = std::fs::File::create(&path)
            .and_then(|mut file| std::io::Write::write_all(&mut file, printed.as_bytes()));
        written.unwrap_or_else(|cause| panic!("cannot write {path}: {cause}"));
        return;
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(there, printed, "docs/{file} is old: run `cargo xtask docs`");
}

#[test]
fn reference_of_the_configuration_is_as_printed() {
    page("configuration", "configuration.md");
}

#[test]
fn reference_of_parameters_files_is_as_printed() {
    page("parameters", "parameters-files.md");
}

#[test]
fn reference_pages_are_there_when_the_configuration_is_broken() {
    let root = TestRoot::with_modules(&["demo"]);
    let config = root.beside().join("broken.yml");
    std::fs::create_dir_all(root.beside()).expect("a directory beside the root");
    let mut file = std::fs::File::create(&config).expect("a file beside the root");
    std::io::Write::write_all(&mut file, b"no_such_key: 1\n").expect("room for a line");
    let args = ["--config", config.as_str(), "help"];
    let printed = root.disklessset(&[&args[..], &["configuration"]].concat()).run().expect_done();
    assert!(printed.stdout.contains("| http_base_url "), "{printed}");
    let _ = root.disklessset(&[&args[..], &["parameters"]].concat()).run().expect_refusal(&[2]);
}

#[test]
fn reference_topics_stand_in_the_help_beside_commands() {
    let root = TestRoot::with_modules(&["demo"]);
    let help = root.disklessset(&["help"]).run().expect_done().stdout;
    assert!(help.contains("configuration  The configuration file diskless_parameters.yml\n"), "{help}");
    let of_command = root.disklessset(&["help", "clone"]).run().expect_done().stdout;
    assert!(of_command.contains("Usage: disklessset clone"), "{of_command}");
    let of_module = root.disklessset(&["help", "demo", "create"]).run().expect_done().stdout;
    assert!(of_module.contains("Usage: disklessset demo create"), "{of_module}");
}
