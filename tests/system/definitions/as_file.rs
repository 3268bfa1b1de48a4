//! The definition that an image gives: another image made from it is the same.

use camino::Utf8Path;
use disklessset_tests::need;

use super::{define, git, motd, tree};
use crate::system::small::{Small, put};
use crate::system::{apt_repos, dnf_world, oci};

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
    let layout = oci::layout(small);
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
    let world = dnf_world::World::new();
    let _ = world.create("web", &["--type", "core"]).run().expect_done();
    gives_itself(&world.small, "web", &["source: dnf", "release_version", "file://"]);
}

#[test]
fn a_definition_of_packages_of_apt_makes_the_same_image() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("mmdebstrap"));
    let Some(mirror) = apt_repos::mirror_of_server() else {
        let _ = need::skip("this server has its packages from no mirror of Debian");
        return;
    };
    let small = Small::new();
    let create = small.create_from("web", "apt", &["--type", "core", "--mirror", &mirror]);
    let _ = create.limit(std::time::Duration::from_secs(600)).run().expect_done();
    gives_itself(&small, "web", &["source: apt", &mirror]);
}
