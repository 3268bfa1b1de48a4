//! Pools that boot one version, whatever is current.

use camino::Utf8Path;

use super::{done, files, refused, text, world};

#[test]
fn a_pool_of_a_version_has_its_boot_file_whatever_is_current() {
    let root = world();
    done(&root, &["tag", "web@1", "good"]);
    done(&root, &["pool", "set", "fixed", "--image", "web@2", "--nodes", "c1"]);
    done(&root, &["pool", "set", "tagged", "--image", "web@good", "--nodes", "c2"]);
    done(&root, &["assign", "web@2", "c3"]);
    let version =
        |file: &str| text(&root, file).lines().nth(1).unwrap().split(' ').nth(4).unwrap().to_owned();
    assert_eq!((version("pool/fixed.ipxe"), version("pool/tagged.ipxe")), ("web@2".into(), "web@1".into()));
    assert_eq!(version("name/c3.ipxe"), "web@2");
    let pool = text(&root, "pool/fixed.ipxe");
    assert!(pool.contains("set dedicated-kernel-parameters ${diskless-node-parameters}\n"), "{pool}");
    assert!(text(&root, "name/c3.ipxe").contains("set hostname c3\n"));
    let before = files(&root);
    done(&root, &["rollback", "web", "1"]);
    assert_eq!(files(&root), before);
    done(&root, &["tag", "web@3", "good"]);
    assert_eq!(version("pool/tagged.ipxe"), "web@3");
    let changed: Vec<_> = files(&root)
        .into_iter()
        .filter(|file| !before.contains_key(&file.0) || before[&file.0] != file.1)
        .map(|(path, _)| path)
        .collect();
    assert_eq!(changed, ["pool/tagged.ipxe"]);
    for (words, said) in [
        (&["--yes", "remove", "web"][..], "pool fixed"),
        (&["--yes", "remove", "web@2"], "pool fixed"),
        (&["tag", "--delete", "web", "good"], "pool tagged"),
    ] {
        refused(&root, words, 5, said);
    }
    // Six versions, of which three are kept, one is current, and two are named.
    for message in ["four", "five", "six", "seven"] {
        done(&root, &["demo", "message", "web", message]);
    }
    done(&root, &["prune", "web"]);
    let versions = root.disklessset(&["--format", "json", "versions", "web"]).run().expect_done().json();
    let numbers: Vec<u64> =
        versions["versions"].as_array().unwrap().iter().map(|v| v["number"].as_u64().unwrap()).collect();
    assert!(numbers.contains(&2) && numbers.contains(&3), "{numbers:?}");
    let _ = root.disklessset(&["verify"]).run().expect_done();
    done(&root, &["pool", "set", "fixed", "--image", ""]);
    assert!(text(&root, "pool/fixed.ipxe").contains("Pool fixed has no image"));
}

#[test]
fn a_pool_of_ten_thousand_nodes_gets_another_version_by_one_file() {
    let root = world();
    done(&root, &["pool", "set", "compute", "--image", "web@2", "--nodes", "c[00001-10000]"]);
    let before = files(&root);
    assert_eq!(before.len(), 20_002, "the entry, the pool, and each node in two spellings");
    done(&root, &["pool", "set", "compute", "--image", "web@3"]);
    let after = files(&root);
    let changed: Vec<_> = after
        .iter()
        .filter(|(path, inode)| before.get(*path) != Some(inode))
        .map(|(path, _)| path.as_path())
        .collect();
    assert_eq!((changed, after.len()), (vec![Utf8Path::new("pool/compute.ipxe")], before.len()));
}
