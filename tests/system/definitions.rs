//! Given definitions, images as files: an image is made from one, made again as its next version, and brought to what a directory of them
//! says.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Outcome;
use disklessset_tests::stage::served;
use disklessset_tests::{authors, need};
use serde_json::Value;

use super::nfs::Nfs;
use super::small::{KERNEL, Small, put, register_kernel};

/// A directory for definitions.
fn git(small: &Small) -> Utf8PathBuf {
    small.root.beside().join("git")
}

/// Writes a definition of a livenet image; gives its path.
fn define(small: &Small, name: &str, source: &str, more: &str) -> Utf8PathBuf {
    let file = git(small).join(format!("{name}.yml"));
    let text = format!("image_class: LivenetImage\nkernel: {KERNEL}\nsource: {source}\n{more}");
    put(&file, text.as_bytes(), 0o644);
    file
}

fn tree(small: &Small) -> String {
    format!("tree:{}", small.tree)
}

#[track_caller]
fn states(small: &Small, name: &str) -> Vec<(u64, String)> {
    let listed = small.run(&["--format", "json", "versions", name]).expect_done().json();
    let versions = listed["versions"].as_array().unwrap().clone();
    let state = |version: &Value| {
        (version["number"].as_u64().unwrap(), version["state"].as_str().unwrap().to_owned())
    };
    versions.iter().map(state).collect()
}

fn listed(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

#[track_caller]
fn motd(small: &Small, name: &str) -> String {
    std::fs::read_to_string(small.unpacked(name).join("etc/motd")).unwrap_or_default().trim().to_owned()
}

#[track_caller]
fn edit(small: &Small, name: &str, more: &[&str]) {
    let exec = ["livenet", "exec", name, "--", "/bin/sh", "-c", "echo by hand >/etc/motd"];
    let _ = small.run(&[more, &exec[..]].concat()).expect_done();
}

/// The names of files in a tree with what they are.
fn facts(tree: &Utf8Path) -> Vec<(std::path::PathBuf, String, u32)> {
    let files = disklessset_tests::facts::files_below(tree).unwrap();
    files.into_iter().map(|(path, facts)| (path, facts.kind.to_string(), facts.mode)).collect()
}

/// The sources without repositories, with an archive and layouts of the small tree.
fn sources(small: &Small) -> Vec<String> {
    let beside = small.root.beside();
    let archive = beside.join("base.tar");
    let _ = small
        .root
        .tool("tar", &["-cf", archive.as_str(), "-C", small.tree.as_str(), "."])
        .run()
        .expect_done();
    let layout = super::oci::layout(small);
    let of_layout = [format!("oci:{layout}"), "oci:../layout:v1".to_owned()];
    [tree(small), format!("tar:{archive}"), "tar:../base.tar".to_owned()]
        .into_iter()
        .chain(of_layout)
        .collect()
}

#[test]
fn a_definition_that_an_image_gives_makes_the_same_image() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let small = Small::new();
    let (script, keys) = (git(&small).join("go.sh"), git(&small).join("keys"));
    put(&script, b"echo made >/etc/motd\n", 0o644);
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3hNGm3lzUeLcZxmIPvM2cXHcMWJ5bUO3pV5P7Jq8xK a@b\n";
    put(&keys, key.as_bytes(), 0o644);
    put(&git(&small).join("../pw"), b"s3cret\n", 0o600);
    for (number, source) in sources(&small).iter().enumerate() {
        let (first, again) = (format!("a{number}"), format!("b{number}"));
        let more = "run: go.sh\nssh_pub_key: keys\npassword_file: ../pw\nlivenet_size: 600M\nlayout: flat\n\
                    kernel_parameters: quiet splash=0\nlivenet_type: core\n";
        let file = define(&small, &first, source, more);
        let _ = small.run(&["create", "--from", file.as_str(), "--dry-run"]).expect_done();
        let _ = small.run(&["create", "--from", file.as_str()]).expect_done();
        assert_eq!(motd(&small, &first), "made");
        let shown = small.run(&["show", &first, "--as-file"]).expect_done().stdout;
        assert!(!shown.contains("s3cret") && !shown.contains("$6$"), "{shown}");
        let copy = git(&small).join("copy.yaml");
        put(&copy, shown.replace(&format!("name: {first}"), &format!("name: {again}")).as_bytes(), 0o644);
        let _ = small.run(&["create", "--from", copy.as_str()]).expect_done();
        assert_eq!(facts(&small.unpacked(&first)), facts(&small.unpacked(&again)), "{source}");
        let record = |name: &str| small.record(name).replace(name, "NAME");
        let lines = |text: String| -> Vec<String> {
            text.lines().filter(|line| !line.contains("digest")).map(str::to_owned).collect()
        };
        assert_eq!(lines(record(&first)), lines(record(&again)), "{source}");
        let shown_again = small.run(&["show", &again, "--as-file"]).expect_done().stdout;
        assert_eq!(shown_again.replace(&again, &first), shown);
        for name in [&first, &again] {
            let _ = small.run(&["verify", name]).expect_done();
            let _ = small.run(&["remove", name, "--yes"]).expect_done();
        }
        std::fs::remove_file(&file).unwrap();
    }
    let state = std::fs::read_dir(small.root.path().join("var/lib/diskless/versions")).unwrap().count();
    assert_eq!(state, 0);
}

/// The definition of an image makes another one with the same definition.
#[track_caller]
fn gives_itself(small: &Small, name: &str, wanted: &[&str]) {
    let shown = |name: &str| -> String {
        let text = small.run(&["show", name, "--as-file"]).expect_done().stdout;
        text.split_inclusive('\n').filter(|line| !line.starts_with('#')).collect()
    };
    let first = shown(name);
    for word in wanted {
        assert!(first.contains(word), "{word}: {first}");
    }
    let file = git(small).join("again.yml");
    put(&file, first.replace(&format!("name: {name}"), "name: again").as_bytes(), 0o644);
    let _ = small.run(&["create", "--from", file.as_str(), "--dry-run"]).expect_done();
    let create = small.root.disklessset(&["create", "--from", file.as_str()]);
    let _ = create.limit(std::time::Duration::from_secs(600)).run().expect_done();
    assert_eq!(shown("again").replace("name: again", &format!("name: {name}")), first);
}

#[test]
fn a_definition_of_packages_of_dnf_makes_the_same_image() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = super::dnf_world::World::new();
    let _ = world.create("web", &["--type", "core"]).run().expect_done();
    gives_itself(&world.small, "web", &["source: dnf", "release_version", "file://"]);
}

#[test]
fn a_definition_of_packages_of_apt_makes_the_same_image() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mmdebstrap"));
    let Some(mirror) = super::apt_repos::mirror_of_server() else {
        let _ = need::skip("this server has its packages from no mirror of Debian");
        return;
    };
    let small = Small::new();
    let create = small.create_from("web", "apt", &["--type", "core", "--mirror", &mirror]);
    let _ = create.limit(std::time::Duration::from_secs(600)).run().expect_done();
    gives_itself(&small, "web", &["source: apt", &mirror]);
}

#[test]
fn a_definition_holds_no_secret_and_all_its_faults_are_told_at_once() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let source = tree(&small);
    for (more, parts) in [
        ("password: s3cret\n", &["password_file: FILE"][..]),
        ("password_file: ../nowhere\n", &["password_file: cannot read the secret in"]),
        ("pasword_file: ../pw\n", &["pasword_file: is not a parameter here"]),
        ("image_data: {name: x, image_class: LivenetImage}\n", &["one mapping"]),
        ("name: ../x\n", &["name:", "'/'"]),
        ("run: [a, b]\n", &["run: takes one value"]),
        (
            "run: {a: b}\nlivenet_size: huge\ncolour: red\n",
            &["run: is neither", "livenet_size: ", "colour: is not"],
        ),
        ("not_on_record: [source]\n", &["nobody knows source"]),
        ("run: nowhere.sh\n", &["run: cannot read the script"]),
    ] {
        let file = define(&small, "web", &source, more);
        for dry in [&[][..], &["--dry-run"]] {
            let before = Snapshot::of(&small.root);
            let told = small.run(&[&["create", "--from", file.as_str()][..], dry].concat()).expect_code(2);
            parts.iter().for_each(|part| assert!(told.stderr.contains(part), "{part}: {told}"));
            assert!(!told.stderr.contains("s3cret"), "{told}");
            before.assert_same_as_now(&small.root);
        }
    }
    let file = git(&small).join("bad name.yml");
    put(&file, format!("image_class: LivenetImage\nkernel: {KERNEL}\n").as_bytes(), 0o644);
    small.refused(&["create", "--from", file.as_str()], 2, "the name of the file");
    // The menu reads it by the same check.
    let _ = small
        .run(&["apply", git(&small).as_str()])
        .expect_code(2)
        .expect_said("2 definitions cannot be used");
}

#[test]
fn rebuild_makes_the_next_version_and_the_way_back_stays() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let file = define(&small, "web", &tree(&small), "");
    let _ = small.run(&["create", "--from", file.as_str()]).expect_done();
    let first = served(&small.root, "web");
    put(&small.tree.join("etc/motd"), b"newer packages", 0o644);
    let planned = small.run(&["rebuild", "web", "--dry-run"]).expect_done().stdout;
    assert_eq!(planned, "would rebuild image web\n");
    let _ = small.run(&["rebuild", "web"]).expect_done().expect_said("web@2");
    assert_eq!(motd(&small, "web"), "newer packages");
    assert_eq!(states(&small, "web"), listed(&[(2, "current"), (1, "older")]));
    let _ = small.run(&["verify", "web"]).expect_done();
    // With another definition, held.
    let file = define(&small, "web", &tree(&small), "kernel_parameters: quiet\nname: web\n");
    let second = served(&small.root, "web");
    let dry = small.run(&["rebuild", "web", "--from", file.as_str(), "--dry-run"]).expect_done().stdout;
    assert_eq!(dry, "would rebuild image web\n  + kernel_parameters: quiet\n");
    let _ =
        small.run(&["rebuild", "web", "--from", file.as_str(), "--hold"]).expect_done().expect_said("web@3");
    assert!(served(&small.root, "web") == second, "nodes get something else");
    assert_eq!(states(&small, "web"), listed(&[(3, "held"), (2, "current"), (1, "older")]));
    let _ = small.run(&["release", "web"]).expect_done();
    assert!(small.record("web").contains("quiet"), "{}", small.record("web"));
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    assert!(served(&small.root, "web") == first);
    let _ = small.run(&["verify", "web"]).expect_done();
    // `kernel set` is a part of the definition.
    register_kernel(&small.root, "6.2.0-small");
    let _ = small.run(&["kernel", "set", "web", "6.2.0-small"]).expect_done();
    let shown = small.run(&["show", "web", "--as-file"]).expect_done().stdout;
    assert!(shown.contains("kernel: 6.2.0-small"), "{shown}");
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn rebuild_refuses_where_something_would_be_lost_and_names_it() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let file = define(&small, "web", &tree(&small), "");
    let from = file.as_str();
    let _ = small.run(&["create", "--from", from]).expect_done();
    edit(&small, "web", &[]);
    for words in
        [&["rebuild", "web"][..], &["rebuild", "web", "--dry-run"], &["rebuild", "web", "--from", from]]
    {
        small.refused(words, 5, "web@2 came from exec");
    }
    // The clone has the edits of the image.
    let _ = small.run(&["clone", "web", "copy"]).expect_done();
    small.refused(&["rebuild", "copy"], 5, "web@2 came from exec");
    let _ = small.run(&["rebuild", "web", "--discard-edits"]).expect_done().expect_said("web@3");
    assert_eq!(motd(&small, "web"), "");
    let _ = small.run(&["rebuild", "web"]).expect_done();
    // One that waits, and one that was rolled back.
    edit(&small, "web", &["--hold"]);
    small.refused(&["rebuild", "web"], 5, "web@5 came from exec");
    let _ = small.run(&["release", "web"]).expect_done();
    let _ = small.run(&["rollback", "web"]).expect_done();
    let _ = small.run(&["rebuild", "web"]).expect_done();
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    for words in [&["rebuild", "web"][..], &["rebuild", "web", "--discard-edits", "--dry-run"]] {
        let _ = small.run(words).expect_code(5).expect_said("is mounted at");
    }
    let _ = small.run(&["livenet", "unmount", "web", "--discard", "--yes"]).expect_done();
    // Another image, and another class.
    small.refused(
        &["rebuild", "copy", "--from", from, "--discard-edits"],
        2,
        "it describes image web, not copy",
    );
    let other = git(&small).join("demo.yml");
    put(&other, b"name: web\nimage_class: LivenetImage\nkernel: 9.9.9\n", 0o644);
    small.refused(&["rebuild", "web", "--from", other.as_str()], 3, "kernel: ");
    small.refused(&["rebuild", "nowhere"], 3, "nowhere");
    // What it is made from is gone.
    std::fs::rename(&small.tree, small.root.beside().join("away")).unwrap();
    let told = small.run(&["rebuild", "web"]);
    assert!(!told.status.success() && told.stderr.contains(small.tree.as_str()), "{told}");
    let _ = small.run(&["verify", "web"]).expect_done();
}

#[test]
fn rebuild_tells_what_is_not_on_record() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    put(&small.root.beside().join("pw"), b"s3cret\n", 0o600);
    // A password from a file on the command line is known, one that was typed is not.
    let _ = small.create("known", &["--password-file", "pw"]).run().expect_done();
    let shown = small.run(&["show", "known", "--as-file"]).expect_done().stdout;
    assert!(shown.contains(&format!("password_file: {}/pw", small.root.beside())), "{shown}");
    let _ = small.run(&["rebuild", "known"]).expect_done();
    let typed = small.create("typed", &["--password-file", "-"]).stdin("s3cret\n").run();
    let _ = typed.expect_done();
    small.refused(&["rebuild", "typed"], 5, "did not come from a file");
    let shown = small.run(&["show", "typed", "--as-file"]).expect_done().stdout;
    let file = git(&small).join("typed.yml");
    put(&file, shown.as_bytes(), 0o644);
    small.refused(&["rebuild", "typed", "--from", file.as_str()], 2, "nobody knows password_file");
    let complete = shown.split("not_on_record").next().unwrap().to_owned() + "password_file: ../pw\n";
    put(&file, complete.as_bytes(), 0o644);
    // The same password: nothing has changed.
    let _ = small.run(&["apply", file.as_str()]).expect_done().expect_said("nothing has changed");
    let _ = small.run(&["rebuild", "typed", "--from", file.as_str()]).expect_done();
    let history = small.root.path().join("var/lib/diskless/versions/typed.yml");
    let kept = std::fs::read_to_string(history).unwrap();
    assert!(!kept.contains("s3cret"), "{kept}");
    // An image from before.
    let history = small.root.path().join("var/lib/diskless/versions/known.yml");
    std::fs::remove_file(&history).unwrap();
    small.refused(&["rebuild", "known"], 5, "not on record what image known was made from");
    let known = git(&small).join("known.yml");
    let text = format!("image_class: LivenetImage\nkernel: {KERNEL}\nsource: {}\n", tree(&small));
    put(&known, text.as_bytes(), 0o644);
    small.refused(&["rebuild", "known", "--from", known.as_str()], 5, "nor what was edited in it");
    let shown = small.run(&["show", "known", "--as-file"]).expect_done().stdout;
    assert!(
        shown.contains("made before definitions were kept") && shown.contains("- password_file"),
        "{shown}"
    );
    put(&file, shown.as_bytes(), 0o644);
    small.refused(&["create", "--from", file.as_str()], 2, "nobody knows");
}

#[test]
fn rebuild_is_refused_for_trees_that_nodes_use() {
    disklessset_tests::need!(need::root());
    let nfs = Nfs::with_golden();
    for (name, other) in [("st", "nfs create-golden NEW --from st"), ("g", "nfs create-golden NEW --from st")]
    {
        for more in [&[][..], &["--dry-run"], &["--discard-edits"]] {
            let words = [&["rebuild", name][..], more].concat();
            nfs.refused(&words, 5, "it is not made again in its place");
            let told = nfs.run(&words).expect_code(5);
            assert!(told.stderr.contains(&format!("clone {name} NEW")), "{told}");
            assert!(told.stderr.contains(other), "{told}");
        }
    }
    let shown = nfs.run(&["show", "st", "--as-file"]).expect_done().stdout;
    let file = nfs.root.beside().join("st.yml");
    put(&file, shown.as_bytes(), 0o644);
    let _ = nfs.run(&["apply", file.as_str()]).expect_done().expect_said("nothing has changed");
    put(&file, format!("{shown}optimize: true\n").as_bytes(), 0o644);
    nfs.refused(&["apply", file.as_str()], 5, "not made again");
}

#[test]
fn rebuild_needs_nothing_of_a_class() {
    disklessset_tests::need!(need::root(), need::tool("cpio"));
    authors::build();
    let small = Small::new();
    small.root.drop_in("ramdisk");
    put(&small.tree.join("sbin/init"), b"#!/bin/sh\n", 0o755);
    let file = git(&small).join("web.yml");
    let text = format!("image_class: RamdiskImage\nkernel: {KERNEL}\ntree: {}\n", small.tree);
    put(&file, text.as_bytes(), 0o644);
    let _ = small.run(&["apply", file.as_str()]).expect_done().expect_said("created image web");
    let first = served(&small.root, "web");
    // Nothing differs: it is a version all the same, and nodes get the same bytes.
    let _ = small.run(&["rebuild", "web"]).expect_done().expect_said("web@2");
    put(&small.tree.join("etc/motd"), b"new", 0o644);
    let _ = small.run(&["rebuild", "web"]).expect_done().expect_said("web@3");
    let system = |root: &disklessset_tests::root::TestRoot| served(root, "web");
    assert!(system(&small.root) != first);
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    assert!(system(&small.root) == first);
}

/// What was done about each image, as programs read it.
#[track_caller]
fn steps(outcome: &Outcome) -> Vec<(String, String)> {
    let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    json["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| (text(&image["name"]), text(&image["step"])))
        .collect()
}

fn wanted(steps: &[(&str, &str)]) -> Vec<(String, String)> {
    steps.iter().map(|(name, step)| ((*name).to_owned(), (*step).to_owned())).collect()
}

#[test]
fn apply_makes_what_is_missing_rebuilds_what_changed_and_leaves_the_rest() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let all = git(&small);
    put(&all.join("go.sh"), b"echo one >/etc/motd\n", 0o644);
    for (name, more) in [("c", ""), ("a", "run: go.sh\n"), ("b", "kernel_parameters: quiet\n")] {
        define(&small, name, &tree(&small), more);
    }
    let apply = ["apply", all.as_str()];
    let json = ["--format", "json", "apply", all.as_str()];
    let dry = |words: &[&str]| small.run(&[words, &["--dry-run"]].concat());
    let before = Snapshot::of(&small.root);
    let planned = dry(&apply).expect_done().stdout;
    let create = |name: &str| format!("would create image {name} (LivenetImage)\n");
    assert_eq!(planned, ["a", "b", "c"].map(create).concat());
    before.assert_same_as_now(&small.root);
    let _ = small.run(&apply).expect_done();
    assert_eq!(motd(&small, "a"), "one");
    // The second time nothing changes, newer packages or not.
    put(&small.tree.join("etc/issue"), b"newer", 0o644);
    let before = Snapshot::of(&small.root);
    let second = small.run(&apply).expect_done();
    for name in ["a", "b", "c"] {
        assert!(second.stderr.contains(&format!("image {name}: nothing has changed")), "{second}");
    }
    before.assert_same_as_now(&small.root);
    // A file that a definition names, and a definition.
    put(&all.join("go.sh"), b"echo two >/etc/motd\n", 0o644);
    define(&small, "b", &tree(&small), "");
    let planned = dry(&apply).expect_done().stdout;
    let script = all.join("go.sh");
    let expected = format!(
        "would rebuild image a\n  - run: {script}\n  + run: {script} (with other content)\nwould rebuild image b\n  - kernel_parameters: quiet\nwould leave image c: nothing has changed\n"
    );
    assert_eq!(planned, expected);
    assert_eq!(
        steps(&dry(&json).expect_done()),
        wanted(&[("a", "rebuild"), ("b", "rebuild"), ("c", "leave")])
    );
    let held = small.run(&["apply", all.as_str(), "--hold"]).expect_done();
    assert!(held.stderr.contains("release a@2"), "{held}");
    assert_eq!(motd(&small, "a"), "one");
    // What waits is made from this definition already.
    let again = small.run(&json).expect_done();
    assert_eq!(steps(&again), wanted(&[("a", "leave"), ("b", "leave"), ("c", "leave")]));
    let _ = small.run(&["release", "a"]).expect_done();
    assert_eq!(motd(&small, "a"), "two");
    let _ = small.run(&apply).expect_done();
    let _ = small.run(&["verify"]).expect_done();
}

#[test]
fn apply_does_nothing_while_a_file_is_wrong_and_goes_on_when_an_image_fails() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let all = git(&small);
    let apply = ["apply", all.as_str()];
    std::fs::create_dir_all(&all).unwrap();
    small.refused(&apply, 2, "there is no definition in");
    define(&small, "a", &tree(&small), "");
    let twice = all.join("twice.yaml");
    put(&twice, format!("name: a\nimage_class: LivenetImage\nkernel: {KERNEL}\n").as_bytes(), 0o644);
    small.refused(&apply, 2, "describe one image, a");
    put(&twice, b"image_data: {name: t, image_class: LivenetImage}\n", 0o644);
    small.refused(&apply, 2, "is a parameters file");
    std::fs::remove_file(&twice).unwrap();
    define(&small, "bad", "tree:/nowhere", "");
    define(&small, "worse", &tree(&small), "colour: red\n");
    for dry in [&[][..], &["--dry-run"]] {
        small.refused(&[&apply[..], dry].concat(), 2, "2 definitions cannot be used");
    }
    // One that fails at work: the others are made.
    put(&all.join("fails.sh"), b"exit 3\n", 0o644);
    define(&small, "bad", &tree(&small), "run: fails.sh\n");
    define(&small, "worse", &tree(&small), "");
    let _ = small.run(&apply).expect_code(1).expect_said("1 of 3 images");
    let names = small.run(&["--format", "json", "list"]).expect_done().json();
    let names: Vec<&str> =
        names["images"].as_array().unwrap().iter().map(|image| image["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "worse"]);
    put(&all.join("fails.sh"), b"exit 0\n", 0o644);
    let _ = small.run(&apply).expect_done().expect_said("created image bad");
    // Edits: each image by itself.
    edit(&small, "a", &[]);
    let _ = small.run(&apply).expect_done().expect_said("image a: nothing has changed");
    for name in ["a", "worse"] {
        define(&small, name, &tree(&small), "kernel_parameters: quiet\n");
    }
    let planned = small.run(&["apply", all.as_str(), "--dry-run"]).expect_code(5);
    assert!(
        planned.stdout.contains("not rebuild image a: ")
            && planned.stdout.contains("would rebuild image worse"),
        "{planned}"
    );
    let _ = small.run(&apply).expect_code(5).expect_said("a@2 came from exec");
    assert_eq!(states(&small, "worse"), listed(&[(2, "current"), (1, "older")]));
    assert_eq!(motd(&small, "a"), "by hand");
    let _ = small.run(&["apply", all.as_str(), "--discard-edits"]).expect_done();
    assert_eq!(motd(&small, "a"), "");
    let _ = small.run(&["verify"]).expect_done();
}

#[test]
fn apply_that_is_killed_between_two_images_is_finished_by_the_next_one() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let all = git(&small);
    let apply = ["apply", all.as_str()];
    let slow = |text: &str| put(&all.join("slow.sh"), text.as_bytes(), 0o644);
    define(&small, "a", &tree(&small), "");
    define(&small, "b", &tree(&small), "run: slow.sh\n");
    // The second one is being made, and then made again.
    for (status, versions) in [(None, 1), (Some("CREATED"), 2)] {
        slow("sleep 3600\n");
        let running = small.root.disklessset(&apply).start();
        let (running, _) = running.wait_until(|| small.root.tool_at_work("sleep"));
        let _ = running.kill_nine();
        assert_eq!(states(&small, "a").len(), versions, "the first one is whole");
        let _ = small.run(&["clean", "--yes"]).expect_done();
        assert_eq!(small.root.status("b").as_deref(), status);
        let _ = small.run(&["verify"]).expect_done();
        slow(&format!("echo {versions} >/etc/motd\n"));
        let _ = small.run(&apply).expect_done().expect_said("image a: nothing has changed");
        assert_eq!(motd(&small, "b"), versions.to_string());
        assert_eq!(states(&small, "b").len(), versions);
        let _ = small.run(&apply).expect_done().expect_said("image b: nothing has changed");
        define(&small, "a", &tree(&small), "kernel_parameters: quiet\n");
    }
    Snapshot::assert_nothing_held(&small.root);
}
