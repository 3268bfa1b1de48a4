//! The collection for Ansible, with the real ansible-core: what is so already is left, check mode changes nothing and says what would be
//! changed, and the example makes, customises, proves and releases an image.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::symlink;
use std::time::Duration;

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program, SYSTEM_PATH, disklessset};
use serde_json::Value;

use super::small::{KERNEL, Small, put, register_kernel};

/// A small site with the collection installed, and the program on the search path.
pub(crate) struct Played(pub(crate) Small);

impl Played {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let small = Small::new();
        let (root, beside) = (&small.root, small.root.beside());
        let (program, at, modules) = (disklessset(), root.path(), root.modules_dir());
        let about = format!("#!/bin/sh\nexec '{program}' --root '{at}' --modules-dir '{modules}' \"$@\"\n");
        put(&beside.join("bin/disklessset"), about.as_bytes(), 0o755);
        install_collection(root);
        Self(small)
    }

    /// A program of Ansible.
    fn tool(&self, name: &str, args: &[&str]) -> Program {
        let beside = self.0.root.beside();
        let tool = self.0.root.tool(name, args).dir(&beside);
        let tool = tool.env("PATH", format!("{}:{SYSTEM_PATH}", beside.join("bin")));
        let with =
            surroundings(&self.0.root).into_iter().fold(tool, |tool, (name, value)| tool.env(name, value));
        with.limit(Duration::from_secs(900))
    }

    fn play(&self, playbook: &str, args: &[&str]) -> Outcome {
        self.tool("ansible-playbook", &[&[playbook], args].concat()).run()
    }

    fn file(&self, name: &str, text: &str) {
        put(&self.0.root.beside().join(name), text.as_bytes(), 0o600);
    }

    /// Plays it without a difference, then for good, then again: changes are foretold, made, and made once.
    #[track_caller]
    fn foretold_and_made_once(&self, playbook: &str, number: usize) {
        let changed = format!("changed={number} ");
        let before = Snapshot::of(&self.0.root);
        let _ = shows(self.play(playbook, &["--check", "--diff"]).expect_done(), &changed);
        before.assert_same_as_now(&self.0.root);
        let _ = shows(self.play(playbook, &["--diff"]).expect_done(), &changed);
        let _ = shows(self.play(playbook, &["--diff"]).expect_done(), "changed=0 ");
    }
}

/// Has Ansible find the collection in the source tree.
pub(crate) fn install_collection(root: &TestRoot) {
    let space = root.beside().join("collections/ansible_collections/disklessset");
    std::fs::create_dir_all(&space).unwrap();
    let collection = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/ansible");
    symlink(collection.canonicalize_utf8().unwrap(), space.join("disklessset")).unwrap();
}

/// Variables of the environment with which Ansible finds the collection, and leaves nothing elsewhere.
pub(crate) fn surroundings(root: &TestRoot) -> [(&'static str, String); 5] {
    [
        ("ANSIBLE_COLLECTIONS_PATH", root.beside().join("collections").into_string()),
        ("ANSIBLE_HOME", root.beside().join("ansible-home").into_string()),
        ("ANSIBLE_LOCALHOST_WARNING", "False".to_owned()),
        ("ANSIBLE_INVENTORY_UNPARSED_WARNING", "False".to_owned()),
        // The collection lies in the source tree.
        ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
    ]
}

/// Asserts what Ansible shows.
#[track_caller]
fn shows(outcome: Outcome, text: &str) -> Outcome {
    assert!(outcome.stdout.contains(text), "did not show {text:?}: {outcome}");
    outcome
}

/// A play on this machine.
fn on_localhost(tasks: &str) -> String {
    format!("- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n{tasks}")
}

/// A task with one of our modules.
fn task(module: &str, options: &str) -> String {
    format!("    - disklessset.disklessset.{module}: {{{options}}}\n")
}

#[test]
fn modules_of_ansible_foretell_what_they_change_and_change_it_once() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"), need::tool("ansible-playbook"));
    let played = Played::new();
    let definition =
        format!("image_class: LivenetImage, kernel: {KERNEL}, source: \"tree:{}\"", played.0.tree);
    let tasks = [
        task("image", &format!("name: web01, definition: {{{definition}}}")),
        task("kernel", &format!("version: {KERNEL}, images: [web01]")),
        task("release", "name: web01, tag: tested"),
        task("pool", "name: compute, image: web01@tested, nodes: 'c[1-3]', kernel_parameters: 'a=$HOME'"),
        task("node", "name: c1, mac: \"52:54:00:00:00:01\", variables: {rack: r1}"),
        task("node", "name: 'd[1-2]', state: absent"),
    ];
    played.file("made.yml", &on_localhost(&tasks.concat()));
    // The kernel and the nodes that are to be absent are so already.
    played.foretold_and_made_once("made.yml", 4);
    let pool = played.0.run(&["pool", "show", "compute", "--format", "json"]).expect_done();
    let pool: Value = serde_json::from_str(&pool.stdout).unwrap();
    assert_eq!(
        (&pool["pool"]["kernel_parameters"], &pool["pool"]["nodes"]),
        (&"a=$HOME".into(), &"c[1-3]".into())
    );

    let tasks = [
        task("node", "name: 'c[1-9]', state: absent"),
        task("pool", "name: compute, state: absent"),
        task("image", "name: web01, state: absent"),
    ];
    played.file("gone.yml", &on_localhost(&tasks.concat()));
    let _ = shows(played.play("gone.yml", &[]).expect_done(), "changed=3 ");
    let _ = shows(played.play("gone.yml", &[]).expect_done(), "changed=0 ");
}

#[test]
fn modules_of_ansible_show_no_secret_and_one_clear_line() {
    disklessset_tests::need!(need::root(), need::tool("ansible-playbook"));
    let played = Played::new();
    let definition = "image_class: LivenetImage, kernel: k, password: s3cret";
    let secret = task("image", &format!("name: web01, definition: {{{definition}}}"));
    played.file("secret.yml", &on_localhost(&secret));
    let refused = played.play("secret.yml", &["-vvv"]).expect_code(2);
    let refused = shows(refused, "a definition holds no secret: password_file names a file with it");
    assert!(!refused.stdout.contains("s3cret"), "{refused}");
    for (module, options, said) in [
        ("image", "name: none", "there is no image none, and no definition to make it from"),
        ("release", "name: none", "there is no image none"),
        ("image", "name: web01, file: /nonexistent", "/nonexistent"),
        ("image", "name: web01, definition: {image_class: None}", "no module here has class None"),
        ("kernel", "version: 9.9.9", "there is no kernel 9.9.9, and nothing to add it from"),
        ("node", "name: c1, mac: nonsense", "is not the MAC address"),
        ("node", "name: c1, mac: 52:54:00:00:00:01", "quote the MAC address"),
        ("pool", "name: '-x', image: none", "\\\"-x\\\""),
    ] {
        played.file("wrong.yml", &on_localhost(&task(module, options)));
        let _ = shows(played.play("wrong.yml", &[]).expect_code(2), said);
        std::fs::remove_file(played.0.root.beside().join("wrong.yml")).unwrap();
    }
}

#[test]
fn kernels_and_their_images_by_ansible() {
    disklessset_tests::need!(
        need::root(),
        need::full(),
        need::tool("mksquashfs"),
        need::tool("ansible-playbook")
    );
    let played = Played::new();
    let other = "6.1.0-42-amd64";
    register_kernel(&played.0.root, other);
    put(&played.0.tree.join("usr/lib/modules").join(other).join("modules.dep"), b"", 0o644);
    let _ = played.0.create("web01", &[]).run().expect_done();
    let set = task("kernel", &format!("version: {other}, images: [web01], hold: true"));
    played.file("kernel.yml", &on_localhost(&set));
    played.foretold_and_made_once("kernel.yml", 1);
    let tasks = [
        task("release", "name: web01"),
        task("kernel", &format!("version: {KERNEL}, state: absent")),
        task("release", "name: web01, version: '2'"),
    ];
    played.file("release.yml", &on_localhost(&tasks.concat()));
    // The version of that kernel is older now, and the kernel goes.
    let _ = shows(played.play("release.yml", &[]).expect_done(), "changed=");
    let _ = shows(played.play("release.yml", &[]).expect_done(), "changed=0 ");
}

#[test]
fn nodes_on_record_are_an_inventory_of_ansible() {
    disklessset_tests::need!(need::root(), need::tool("ansible-inventory"));
    let played = Played::new();
    let set =
        ["node", "set", "c1", "--mac", "52:54:00:00:00:01", "--address", "10.0.0.1", "--var", "rack=r1"];
    for command in [&["pool", "set", "compute", "--nodes", "c[1-2]"][..], &set, &["node", "set", "login"]] {
        let _ = played.0.run(command).expect_done();
    }
    let plugin = "plugin: disklessset.disklessset.nodes\ngroup_prefix: pool_\n";
    let racks = "keyed_groups:\n  - {key: disklessset_variables.rack | default('none'), prefix: rack}\n";
    played.file("disklessset.yml", &format!("{plugin}{racks}"));
    let ask = |file: &str, what: &str| {
        played.tool("ansible-inventory", &["-i", file, what]).run().expect_done().stdout
    };
    let graph = ask("disklessset.yml", "--graph");
    for group in
        ["  |--@pool_compute:\n  |  |--c1\n  |  |--c2\n", "  |--@rack_r1:\n  |  |--c1\n", "  |  |--login\n"]
    {
        assert!(graph.contains(group), "{graph}");
    }
    let listed = ask("disklessset.yml", "--list");
    let facts: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(facts["_meta"]["hostvars"]["c1"]["ansible_host"], "10.0.0.1", "{listed}");
    // What it says is what is on record.
    let same = played.0.root.disklessset(&["node", "import", "-", "--from", "ansible"]).stdin(&listed).run();
    assert!(same.expect_done().stderr.contains("Nothing changes"));
    // A copy of the list says the same, on a machine without the program.
    let copy = played.0.run(&["node", "list", "--format", "json"]).expect_done().stdout;
    played.file("copy.json", &copy);
    let file = played.0.root.beside().join("copy.json");
    played.file("copied.disklessset.yml", &format!("{plugin}program: /nonexistent\nfile: {file}\n{racks}"));
    assert_eq!(ask("copied.disklessset.yml", "--list"), listed);
}

#[test]
fn the_example_of_ansible_changes_nothing_when_it_is_played_again() {
    let connection = "/usr/lib/python3/dist-packages/ansible_collections/community/general";
    disklessset_tests::need!(
        need::root(),
        need::full(),
        need::tool("mksquashfs"),
        need::tool("ansible-playbook")
    );
    if !Utf8Path::new(connection).exists() {
        disklessset_tests::need!(need::skip("Ansible's collection community.general is not installed"));
    }
    let played = Played::new();
    let read = "read -r line </etc/motd && [ \"$line\" = hello ]";
    played.file(
        "customise.yml",
        &format!(
            "- ansible.builtin.raw: '{read} || {{ echo hello >/etc/motd; echo done; }}; echo >/tmp/left'\n  register: greeting\n  \
             changed_when: \"'done' in greeting.stdout\"\n"
        ),
    );
    let definition =
        format!("{{image_class: LivenetImage, kernel: {KERNEL}, source: \"tree:{}\"}}", played.0.tree);
    let customise = played.0.root.beside().join("customise.yml");
    played.file("vars.yml", &format!("definition: {definition}\nprove: false\ncustomise: {customise}\n"));
    let play = |more: &[&str]| {
        played.play("disklessset.disklessset.example", &[&["-e", "@vars.yml"], more].concat()).expect_done()
    };
    let before = Snapshot::of(&played.0.root);
    let _ = shows(play(&["--check"]), "changed=3 ");
    before.assert_same_as_now(&played.0.root);
    let _ = shows(play(&[]), "changed=4 ");
    assert_eq!(std::fs::read_to_string(played.0.unpacked("web01").join("etc/motd")).unwrap(), "hello\n");
    let again = play(&[]);
    assert_eq!(again.stdout.matches("changed=0 ").count(), 2, "{again}");
    let versions = played.0.run(&["versions", "web01"]).expect_done();
    assert!(
        versions.stdout.contains("web01@2  current") && versions.stdout.contains("released"),
        "{versions}"
    );
    assert!(!played.0.mnt("web01").exists());
}

/// Tests of `ansible-test` that fetch packages of Python first, which a hermetic test cannot: they are for developers.
const FETCHING: [&str; 7] =
    ["ansible-doc", "import", "pep8", "pylint", "runtime-metadata", "validate-modules", "yamllint"];

#[test]
fn the_collection_of_ansible_is_sane_and_documented() {
    disklessset_tests::need!(need::full(), need::tool("ansible-test"), need::tool("ansible-doc"));
    let root = TestRoot::bare();
    let space = root.beside().join("sane/ansible_collections/disklessset");
    std::fs::create_dir_all(&space).unwrap();
    let source = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/ansible");
    let collection = space.join("disklessset");
    let _ = root.tool("cp", &["--recursive", source.as_str(), collection.as_str()]).run().expect_done();
    let version = "import sys; print('%d.%d' % sys.version_info[:2])";
    let python = root.tool("python3", &["-c", version]).run().expect_done().stdout;
    let skipped = FETCHING.into_iter().flat_map(|test| ["--skip-test", test]);
    let words: Vec<&str> = ["sanity", "--python", python.trim()].into_iter().chain(skipped).collect();
    let sane = root.tool("ansible-test", &words).dir(&collection).limit(Duration::from_secs(300));
    let _ = sane.run().expect_done();
    for (kind, name) in [
        ("module", "image"),
        ("module", "kernel"),
        ("module", "node"),
        ("module", "pool"),
        ("module", "release"),
        ("inventory", "nodes"),
    ] {
        let name = format!("disklessset.disklessset.{name}");
        let page = root.tool("ansible-doc", &["--type", kind, &name]);
        let page = page.env("ANSIBLE_COLLECTIONS_PATH", root.beside().join("sane")).run().expect_done();
        assert!(page.stdout.contains("EXAMPLES"), "{page}");
    }
}
