//! TAB in the real shells, and what the program answers them: names that are on record here.

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{SYSTEM_PATH, disklessset};
use disklessset_tests::terminal::Terminal;

/// Answering takes 50 ms at most in a release build; the program under test is none, and other tests run beside it.
const PATIENCE: Duration = Duration::from_secs(20);

fn world() -> TestRoot {
    let root = TestRoot::with_modules(&["demo", "livenet", "nfs"]);
    for words in [
        &["demo", "create", "web01"][..],
        &["demo", "create", "db01"],
        &["tag", "web01", "tested"],
        &["pool", "set", "compute", "--image", "web01", "--nodes", "c[1-3]"],
    ] {
        let _ = root.disklessset(words).run().expect_done();
    }
    root
}

/// What may follow: values alone, without what is said of them.
fn answers(root: &TestRoot, words: &[&str]) -> Vec<String> {
    let (path, modules) = (root.path(), root.modules_dir());
    let site = ["completion", "answer", "--", "--root", path.as_str(), "--modules-dir", modules.as_str()];
    let program = root.tool(disklessset().as_str(), &[&site[..], words].concat());
    let said = program.run().expect_done();
    assert_eq!(said.stderr, "", "{said}");
    let values = said.stdout.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
    values.collect()
}

#[test]
fn completion_knows_what_is_on_record_and_changes_nothing() {
    let root = world();
    let before = Snapshot::of(&root);
    assert_eq!(answers(&root, &["show", "w"]), ["web01", "web01@"]);
    assert_eq!(answers(&root, &["release", "web01@"]), ["web01@1", "web01@tested"]);
    assert_eq!(answers(&root, &["rollback", "web01", "t"]), ["tested"]);
    assert_eq!(answers(&root, &["tag", "web01", "t"]), ["tested"]);
    assert_eq!(answers(&root, &["demo", "message", ""]), ["db01", "web01"]);
    assert_eq!(answers(&root, &["livenet", "mount", "w"]), [] as [&str; 0], "it is of another class");
    assert_eq!(answers(&root, &["pool", "show", "c"]), ["compute"]);
    assert_eq!(answers(&root, &["node", "remove", "c1,"]), ["c1,c2", "c1,c3"]);
    assert_eq!(answers(&root, &["node", "set", "c1", "--pool", ""]), ["compute"]);
    assert_eq!(answers(&root, &["module", "info", "d"]), ["demo"]);
    let classes = answers(&root, &["module", "new", "x", "--on", "Nfs"]);
    assert_eq!(classes, ["NfsStagingImage", "NfsGoldenImage", "NfsImage"]);
    assert_eq!(answers(&root, &["nfs", "nodes", ""]), ["list", "add", "remove"]);
    assert_eq!(answers(&root, &["livenet", "create", "x", "--type", ""]), ["standard", "small", "core"]);
    assert_eq!(answers(&root, &["help", "par"]), ["parameters"]);
    assert!(answers(&root, &["li"]).contains(&"livenet".to_owned()));
    before.assert_same_as_now(&root);
}

#[test]
fn completion_of_a_site_that_cannot_be_read_has_the_commands() {
    let root = TestRoot::bare();
    let config = root.beside().join("broken.yml");
    std::fs::File::create(&config)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"no_such_key: 1\n"))
        .unwrap();
    assert_eq!(answers(&root, &["--config", config.as_str(), "rele"]), ["release"]);
    assert_eq!(answers(&root, &["--config", config.as_str(), "release", "w"]), [] as [&str; 0]);
}

#[test]
fn completion_scripts_are_printed_and_other_shells_refused() {
    let root = TestRoot::bare();
    let said = root.disklessset(&["completion", "fish"]).run().expect_done();
    assert!(said.stdout.contains("complete --command disklessset"), "{said}");
    let _ = root.disklessset(&["completion", "tcsh"]).run().expect_refusal(&[2]);
}

/// A shell in a terminal, which has read the script as a user has it read.
fn shell(root: &TestRoot, name: &str, options: &[&str], read: &str) -> Terminal {
    let dir = disklessset().parent().map(ToString::to_string).unwrap_or_default();
    let program = root.tool(name, options).env("PATH", format!("{dir}:{SYSTEM_PATH}")).env("PS1", "ready> ");
    let mut shell = Terminal::open(program, PATIENCE);
    shell.see("ready> ");
    shell.answer(read);
    shell.see("ready> ");
    shell
}

/// The site as it is typed.
fn typed(root: &TestRoot, words: &str) -> String {
    format!("disklessset --root {} --modules-dir {} {words}", root.path(), root.modules_dir())
}

#[test]
fn completion_in_bash_goes_on_behind_an_at_sign() {
    disklessset_tests::need!(need::tool("bash"));
    let root = world();
    let mut bash = shell(&root, "bash", &["--norc", "-i"], "source <(disklessset completion bash)");
    // TAB, and the end of the line: what was completed is done.
    bash.answer(&typed(&root, "versions w\t"));
    bash.see("web01@1");
    bash.see("ready> ");
    bash.answer(&typed(&root, "show web01@te\t --format json"));
    bash.see("\"number\": 1");
}

#[test]
fn completion_in_zsh_goes_on_behind_an_at_sign() {
    disklessset_tests::need!(need::tool("zsh"));
    let root = world();
    let read = "autoload -Uz compinit && compinit -D -u; source <(disklessset completion zsh)";
    let mut zsh = shell(&root, "zsh", &["-f", "-i"], read);
    zsh.answer(&typed(&root, "show web01@te\t --format json"));
    zsh.see("\"number\": 1");
}

#[test]
fn completion_in_fish_says_what_values_are() {
    disklessset_tests::need!(need::tool("fish"));
    let root = world();
    let dir = disklessset().parent().map(ToString::to_string).unwrap_or_default();
    let ask =
        format!("disklessset completion fish | source; complete -C '{}'", typed(&root, "release web01@t"));
    let fish = root.tool("fish", &["--no-config", "-c", &ask]).env("PATH", format!("{dir}:{SYSTEM_PATH}"));
    let said = fish.run().expect_done();
    assert_eq!(said.stdout, "web01@tested\ttag of web01@1\n", "{said}");
}

#[test]
fn completion_has_the_nodes_of_a_golden_image() {
    disklessset_tests::need!(need::root());
    let root = world();
    let record = root.image_dir("pool");
    std::fs::create_dir_all(&record).unwrap();
    let text = "format: 2\nimage_data:\n  image_class: NfsGoldenImage\n  name: pool\n  nodes: n[1-2],x1\n";
    std::fs::File::create(record.join("image_data.yml"))
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()))
        .unwrap();
    assert_eq!(answers(&root, &["nfs", "nodes", "remove", "pool", ""]), ["n1", "n2", "x1"]);
    assert_eq!(answers(&root, &["nfs", "nodes", "add", "pool", ""]), ["c1", "c2", "c3"]);
    assert_eq!(answers(&root, &["nfs", "nodes", "remove", ""]), ["pool"]);
}

#[test]
fn manual_pages_are_there_for_each_command_and_man_has_nothing_to_say_of_them() {
    disklessset_tests::need!(need::tool("mandoc"));
    let root = TestRoot::with_modules(&["demo", "livenet", "nfs"]);
    let said = root.disklessset(&["manual", "2026-11-30"]).run().expect_done();
    let pages: std::collections::BTreeMap<String, String> = serde_json::from_str(&said.stdout).unwrap();
    for page in
        ["disklessset.1", "disklessset-livenet-mount.1", "disklessset-image-data.5", "disklessset-booting.7"]
    {
        assert!(pages.contains_key(page), "{page}: {:?}", pages.keys());
    }
    let dir = root.beside().join("man");
    std::fs::create_dir(&dir).unwrap();
    for (name, text) in &pages {
        let file = std::fs::File::create(dir.join(name));
        file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes())).unwrap();
    }
    let names: Vec<&str> = pages.keys().map(String::as_str).collect();
    let lint = root.tool("mandoc", &[&["-T", "lint", "-W", "warning"][..], &names].concat()).dir(&dir).run();
    assert_eq!(lint.expect_done().stdout, "");
    let shown = root.tool("mandoc", &["-T", "ascii", "disklessset-nodes.5"]).dir(&dir).run().expect_done();
    assert!(shown.stdout.contains("disklessset node set c001"), "{shown}");
}
