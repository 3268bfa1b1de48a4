//! Versions that are removed, and those that stay.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::{blobs, edit, listed, states};
use crate::system::small::{Small, put};

#[test]
fn prune_keeps_the_newest_the_tagged_and_what_nodes_got_within_the_last_hour() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    put(&small.root.path().join("etc/disklessset/diskless_parameters.yml"), b"keep_versions: 2\n", 0o644);
    let _ = small.create("web", &[]).run().expect_done();
    for text in ["two", "three", "four", "five"] {
        edit(&small, "web", text, &[]);
    }
    let _ = small.run(&["prune"]).expect_done().expect_said("nothing to prune");
    let _ = small.run(&["tag", "web@2", "tested"]).expect_done();
    // An hour later.
    let history = small.root.path().join("var/lib/diskless/versions/web.yml");
    let text = std::fs::read_to_string(&history).unwrap();
    let year = text.split_once("withdrawn: ").unwrap().1[..4].to_owned();
    put(&history, text.replace(&format!("withdrawn: {year}"), "withdrawn: 2020").as_bytes(), 0o600);
    let planned = small.run(&["prune", "--dry-run"]).expect_done().stdout;
    assert_eq!(planned, "would remove web@1\nwould remove web@3\n");
    let _ = small.run(&["prune", "web"]).expect_done().expect_said("removed web@3");
    assert_eq!(states(&small, "web"), listed(&[(5, "current"), (4, "older"), (2, "older")]));
    let _ = small.run(&["tag", "web", "tested", "--delete"]).expect_done();
    let _ = small.run(&["prune"]).expect_done().expect_said("removed web@2");
    let _ = small.run(&["verify", "web"]).expect_done();
    // Numbers are not given again, and publishing prunes by the same rule.
    edit(&small, "web", "six", &[]);
    assert_eq!(states(&small, "web")[0], (6, "current".to_owned()));
    assert_eq!(states(&small, "web"), listed(&[(6, "current"), (5, "older")]));
    let named = disklessset_tests::versions::labels(&small.root.oci_dir());
    let there: Vec<String> =
        blobs(&small).read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    let gone: Vec<&String> =
        named.iter().filter(|(blob, _)| !there.contains(blob)).map(|(_, what)| what).collect();
    assert_eq!(gone, [] as [&String; 0], "blobs of versions are missing");
    assert!(there.iter().all(|blob| named.contains_key(blob)), "blobs that no version has are gone");
}

#[test]
fn a_removed_image_leaves_nothing_of_its_versions_and_those_of_others_stay() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("stays", &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    for way in [&["remove", "web", "--yes"], &["clear", "web", "--yes"]] {
        let _ = small.create("web", &[]).run().expect_done();
        edit(&small, "web", "two", &[]);
        let planned = small.run(&["remove", "web", "--dry-run"]).expect_done().stdout;
        assert_eq!(planned, "would remove image web with its 2 versions\n");
        let _ = small.run(way).expect_done();
        before.assert_same_as_now(&small.root);
    }
    let _ = small.run(&["verify", "stays"]).expect_done();
}
