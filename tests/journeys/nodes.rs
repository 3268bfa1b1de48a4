//! Given nodes and pools: who boots what, and the files that say so.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "what fails here fails the test, and files are changed as an administrator does"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

/// A root with the image `web` in three versions, the newest of which is current.
fn world() -> TestRoot {
    let root = TestRoot::with_modules(&["demo"]);
    done(&root, &["demo", "create", "web"]);
    done(&root, &["demo", "message", "web", "two"]);
    done(&root, &["demo", "message", "web", "three"]);
    root
}

#[track_caller]
fn done(root: &TestRoot, words: &[&str]) -> String {
    root.disklessset(words).run().expect_done().stdout
}

#[track_caller]
fn refused(root: &TestRoot, words: &[&str], code: i32, said: &str) {
    let before = Snapshot::of(root);
    let _ = root.disklessset(&[&["--dry-run"], words].concat()).run().expect_code(code).expect_said(said);
    let _ = root.disklessset(words).run().expect_code(code).expect_said(said);
    before.assert_same_as_now(root);
}

fn boot(root: &TestRoot) -> Utf8PathBuf {
    root.path().join("var/www/html/preboot_execution_environment/diskless/boot")
}

fn text(root: &TestRoot, file: &str) -> String {
    let path = boot(root).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|cause| panic!("{path}: {cause}"))
}

/// The boot files with their inodes: one that was written has another.
fn files(root: &TestRoot) -> BTreeMap<Utf8PathBuf, u64> {
    fn below(top: &Utf8Path, directory: &Utf8Path, found: &mut BTreeMap<Utf8PathBuf, u64>) {
        for entry in directory.read_dir_utf8().unwrap().map(Result::unwrap) {
            match entry.file_type().unwrap().is_dir() {
                true => below(top, entry.path(), found),
                false => {
                    let name = entry.path().strip_prefix(top).unwrap().to_owned();
                    found.insert(name, entry.metadata().unwrap().ino());
                }
            }
        }
    }
    let mut found = BTreeMap::new();
    below(&boot(root), &boot(root), &mut found);
    found
}

fn names(root: &TestRoot) -> Vec<String> {
    files(root).into_keys().map(Utf8PathBuf::into_string).collect()
}

#[test]
fn nodes_and_pools_are_set_listed_shown_and_removed() {
    let root = world();
    let dry = done(&root, &["--dry-run", "pool", "set", "compute", "--image", "web", "--nodes", "c[1-3]"]);
    assert_eq!(dry, "would make pool compute\nwould make 3 nodes: c[1-3]\n");
    let set = root.disklessset(&["pool", "set", "compute", "--image", "web", "--nodes", "c[1-3]"]).run();
    let _ = set.expect_done().expect_said("made 3 nodes: c[1-3]");
    done(
        &root,
        &[
            "node",
            "set",
            "c1",
            "--mac",
            "5254.00AB.cd01",
            "--address",
            "10.0.0.1",
            "--alias",
            "login",
            "--kernel-parameters",
            "console=ttyS0",
            "--var",
            "rack=r1",
        ],
    );
    let shown = root.disklessset(&["node", "show", "login", "--format", "json"]).run().expect_done().json();
    let wanted = serde_json::json!({
        "name": "c1", "mac": ["52:54:00:ab:cd:01"], "address": "10.0.0.1", "alias": ["login"], "pool": "compute",
        "image": null,
        "kernel_parameters": "console=ttyS0", "variables": {"rack": "r1"}
    });
    assert_eq!(shown["node"], wanted);
    let listed = root.disklessset(&["--format", "json", "node", "list", "c[2-3]"]).run().expect_done().json();
    let names: Vec<&str> =
        listed["nodes"].as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["c2", "c3"]);
    let table = done(&root, &["node", "list"]);
    assert!(table.contains("52:54:00:ab:cd:01") && table.lines().count() == 4, "{table}");
    assert!(done(&root, &["--format", "yaml", "node", "list"]).contains("name: c1\n"));
    let pool = root.disklessset(&["--format", "json", "pool", "show", "compute"]).run().expect_done().json();
    assert_eq!((&pool["pool"]["nodes"], &pool["pool"]["node_count"]), (&"c[1-3]".into(), &3.into()));
    let table = done(&root, &["pool", "list"]);
    assert!(table.contains("compute") && table.contains("c[1-3]"), "{table}");
    let moved =
        root.disklessset(&["pool", "set", "gpu", "--nodes", "c3", "--boot", "local"]).run().expect_done();
    let _ = moved.expect_said("moved node c3 from pool compute to pool gpu");
    let _ = root.disklessset(&["node", "remove", "c2"]).run().expect_code(5).expect_said("--yes");
    done(&root, &["--yes", "node", "remove", "c2"]);
    let _ = root
        .disklessset(&["node", "set", "c1", "--pool", "compute"])
        .run()
        .expect_done()
        .expect_said("so already");
    done(&root, &["node", "set", "c[1,3]", "--pool", ""]);
    done(&root, &["--yes", "pool", "remove", "gpu"]);
    let file = root.path().join("var/lib/diskless/nodes.yml");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    let _ = root.disklessset(&["verify"]).run().expect_done();
}

#[test]
fn nodes_and_pools_that_cannot_be_are_refused_and_nothing_changes() {
    let root = world();
    done(&root, &["pool", "set", "a", "--image", "web", "--nodes", "c[1-2]"]);
    done(&root, &["node", "set", "c1", "--mac", "52:54:00:ab:cd:01", "--address", "10.0.0.1"]);
    let long = format!("x={}", "y".repeat(1020));
    for (words, code, said) in [
        (&["node", "show", "c9"][..], 3, "there is no node c9"),
        (&["node", "list", "c[1-9]"], 3, "c[3-9]"),
        (&["--yes", "node", "remove", "c9"], 3, "there is no node c9"),
        (&["node", "set", "c1", "--pool", "none"], 3, "there is no pool none"),
        (&["pool", "show", "none"], 3, "there is no pool none"),
        (&["--yes", "pool", "remove", "none"], 3, "there is no pool none"),
        (&["--yes", "pool", "remove", "a"], 5, "pool a has nodes: c[1-2]"),
        (&["pool", "set", "a", "--image", "none"], 3, "there is no image none"),
        (&["pool", "set", "a", "--image", "web@9"], 3, "there is no version web@9"),
        (&["pool", "set", "a", "--image", "web@nope"], 3, "there is no version web@nope"),
        (&["pool", "set", "a", "--image", "web@0"], 2, "0"),
        (&["pool", "set", "../a"], 2, "is not the name of a pool"),
        (&["pool", "set", "a", "--boot", "disk"], 2, "disk"),
        (&["assign", "web", "c1"], 5, "node c1 is in the pool a"),
        (&["assign", "none", "c9"], 3, "there is no image none"),
        (&["boot", "show", "c9"], 3, "there is no node c9"),
        (&["node", "set", "c[1-2]", "--mac", "52:54:00:ab:cd:02"], 2, "one node"),
        (&["node", "set", "c2", "--mac", "52-54-00-AB-CD-01"], 5, "c1 and c2"),
        (&["node", "set", "c2", "--address", "10.0.0.1"], 5, "c1 and c2"),
        (&["node", "set", "c2", "--alias", "C1"], 5, "c1 and c2"),
        (&["node", "set", "C1"], 5, "c1"),
        (&["node", "set", "c2", "--mac", "zz"], 2, "is not the MAC address"),
        (&["node", "set", "c2", "--address", "10.0.0.1/8"], 2, "is not the address"),
        (&["node", "set", "c2", "--var", "next-server=x"], 2, "next-server"),
        (&["node", "set", "c2", "--var", "x"], 2, "KEY=VALUE"),
        (&["node", "set", "c2", "--var", "x=${y}"], 2, "${"),
        (&["node", "set", "c2", "--kernel-parameters", "a\nb"], 2, "one line"),
        (&["node", "set", "c2", "--kernel-parameters", "a || shell"], 2, "||"),
        (&["node", "set", "c2/..", "--pool", "a"], 2, "c2/.."),
    ] {
        match words[1] {
            "show" | "list" => drop(root.disklessset(words).run().expect_code(code).expect_said(said)),
            _ => refused(&root, words, code, said),
        }
    }
    done(&root, &["node", "set", "c2", "--kernel-parameters", &long]);
    refused(&root, &["pool", "set", "a", "--kernel-parameters", &long], 5, "at most 2048 are allowed");
    let _ = root.disklessset(&["verify"]).run().expect_done();
}

#[test]
fn boot_files_lead_from_the_node_to_its_pool_and_from_there_to_the_image() {
    let root = world();
    done(
        &root,
        &[
            "pool",
            "set",
            "compute",
            "--image",
            "web",
            "--nodes",
            "c1",
            "--bootif",
            "yes",
            "--kernel-parameters",
            "quiet",
        ],
    );
    done(
        &root,
        &[
            "node",
            "set",
            "c1",
            "--mac",
            "52:54:00:ab:cd:01",
            "--alias",
            "login",
            "--var",
            "rack=r1 b",
            "--kernel-parameters",
            "x=1",
        ],
    );
    let all = [
        "entry.ipxe",
        "mac/52-54-00-ab-cd-01.ipxe",
        "name/C1.ipxe",
        "name/c1.ipxe",
        "name/login.ipxe",
        "pool/compute.ipxe",
    ];
    assert_eq!(names(&root), all);
    let node = text(&root, "name/c1.ipxe");
    for line in [
        "set hostname c1",
        "set rack r1 b",
        "set diskless-node-parameters systemd.hostname=c1 disklessset.node=c1 disklessset.report=${diskless-base}/report x=1",
        "isset ${diskless-base} || set diskless-base http://${next-server}/preboot_execution_environment/diskless",
        "chain --replace ${diskless-base}/boot/pool/compute.ipxe ||",
    ] {
        assert!(node.lines().any(|one| one == line), "{line:?} in {node}");
    }
    assert_eq!(text(&root, "mac/52-54-00-ab-cd-01.ipxe"), node);
    let pool = text(&root, "pool/compute.ipxe");
    for line in [
        "set dedicated-kernel-parameters quiet BOOTIF=01-${netX/mac:hexhyp} ${diskless-node-parameters}",
        "chain --replace ${diskless-base}/images/web/boot.ipxe ||",
    ] {
        assert!(pool.lines().any(|one| one == line), "{line:?} in {pool}");
    }
    let mode = |file: &str| boot(&root).join(file).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("entry.ipxe"), mode("pool"), mode("pool/compute.ipxe")), (0o644, 0o755, 0o644));
    let shown = root.disklessset(&["boot", "show", "login"]).run().expect_done();
    assert!(shown.stdout.contains(&node) && shown.stdout.contains(&pool), "{}", shown.stdout);
    let _ = shown.expect_said("Node c1 is in pool compute: it boots web, whose current version is web@3.");
    // A release to a pool is no file of nodes and pools at all.
    let before = files(&root);
    done(&root, &["rollback", "web"]);
    assert_eq!(files(&root), before);
    done(&root, &["pool", "set", "compute", "--boot", "local"]);
    assert!(text(&root, "pool/compute.ipxe").contains("sanboot --no-describe --drive 0x80"));
    assert!(!text(&root, "pool/compute.ipxe").contains("images/web"));
    done(&root, &["--yes", "node", "remove", "c1"]);
    done(&root, &["--yes", "pool", "remove", "compute"]);
    assert_eq!(names(&root), ["entry.ipxe"]);
}

#[test]
fn boot_files_have_the_domain_and_the_address_of_the_configuration() {
    let root = world();
    let file = root.path().join("etc/disklessset/diskless_parameters.yml");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "domain: site.example\nhttp_base_url: http://10.0.0.1:8080\n").unwrap();
    done(&root, &["node", "set", "c1"]);
    assert_eq!(names(&root), ["entry.ipxe", "name/C1.ipxe", "name/c1.ipxe", "name/c1.site.example.ipxe"]);
    let line = "isset ${diskless-base} || set diskless-base http://10.0.0.1:8080/preboot_execution_environment/diskless\n";
    assert!(text(&root, "entry.ipxe").contains(line));
    assert!(text(&root, "name/c1.ipxe").contains("Node c1 is in no pool, and there is no pool default"));
    // Files follow the configuration when they are made anew; until then `verify` says so.
    std::fs::write(&file, "http_base_url: http://10.0.0.2\n").unwrap();
    let told = root.disklessset(&["verify"]).run().expect_code(1).stdout;
    assert!(told.contains("3 to be written, 1 to be removed") && told.contains(" clean\n"), "{told}");
    done(&root, &["clean"]);
    assert_eq!(names(&root), ["entry.ipxe", "name/C1.ipxe", "name/c1.ipxe"]);
    let _ = root.disklessset(&["verify"]).run().expect_done();
    std::fs::write(&file, "boot_directory: /srv/elsewhere/boot\n").unwrap();
    refused(&root, &["node", "set", "c2"], 5, "boot_directory");
}

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
fn boot_files_that_were_changed_by_hand_are_told_and_made_anew() {
    let root = world();
    done(&root, &["pool", "set", "compute", "--image", "web", "--nodes", "c[1-2]"]);
    let right = names(&root);
    std::fs::write(boot(&root).join("pool/compute.ipxe"), "#!ipxe\nshell\n").unwrap();
    std::fs::remove_file(boot(&root).join("name/c1.ipxe")).unwrap();
    std::fs::write(boot(&root).join("name/c7.ipxe"), "#!ipxe\n# disklessset: node c7\n").unwrap();
    std::fs::write(boot(&root).join("name/.c7.ipxe.1-1.new"), "").unwrap();
    std::fs::write(boot(&root).join("name/ours.ipxe"), "#!ipxe\n# of the site\n").unwrap();
    let told = root.disklessset(&["verify"]).run().expect_code(1).stdout;
    assert!(told.contains("2 to be written, 1 to be removed"), "{told}");
    let dry = root.disklessset(&["--dry-run", "clean"]).run().expect_done().stdout;
    assert_eq!(dry, "would write 2 boot files, remove 1 boot file\n");
    done(&root, &["clean"]);
    let kept: Vec<String> = names(&root).into_iter().filter(|name| name != "name/ours.ipxe").collect();
    assert_eq!(kept, right);
    assert!(boot(&root).join("name/ours.ipxe").exists(), "a file of the site's own stays");
    let _ = root.disklessset(&["verify"]).run().expect_done();
    // The file is the record: what is written there by hand is what the next cleaning brings.
    let file = root.path().join("var/lib/diskless/nodes.yml");
    let record = std::fs::read_to_string(&file).unwrap().replace("c2:", "c20:");
    std::fs::write(&file, record).unwrap();
    done(&root, &["clean"]);
    assert!(
        text(&root, "name/c20.ipxe").contains("hostname c20") && !boot(&root).join("name/c2.ipxe").exists()
    );
    std::fs::write(&file, "format: 1\nnodes:\n  c1:\n    colour: red\n").unwrap();
    for words in [&["node", "list"][..], &["node", "set", "c3"], &["clean"]] {
        let _ = root.disklessset(words).run().expect_code(1).expect_said("line 4");
    }
    let told = root.disklessset(&["verify"]).run().expect_code(1).stdout;
    assert!(told.contains("line 4") && told.contains("mend /var/lib/diskless/nodes.yml"), "{told}");
    assert!(boot(&root).join("name/c20.ipxe").exists());
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

#[test]
fn nodes_that_are_set_at_the_same_time_are_all_on_record() {
    let root = world();
    let running: Vec<_> =
        (1..=6).map(|number| root.disklessset(&["node", "set", &format!("c{number}")]).start()).collect();
    for one in running {
        let _ = one.wait().expect_done();
    }
    let listed = root.disklessset(&["--format", "json", "node", "list"]).run().expect_done().json();
    assert_eq!(listed["nodes"].as_array().unwrap().len(), 6);
    let _ = root.disklessset(&["verify"]).run().expect_done();
}

#[test]
fn the_menu_has_nodes_and_pools_below_the_modules() {
    let root = world();
    let answers = "1\n3\n4\n../x\ncompute\nweb\n1\n3\n6\n1\nc[1-\nc[1-2]\n1\n3\n3\nc2\n1\n3\n8\n10\n";
    let menu = root.disklessset(&[] as &[&str]).stdin(answers).run().expect_done();
    for shown in ["3 Nodes and pools", "is not the name of a pool", "set hostname c2"] {
        assert!(menu.stdout.contains(shown), "{shown}: {}", menu.stdout);
    }
    let _ = menu.expect_said("made 2 nodes: c[1-2]");
    let pool = root.disklessset(&["--format", "json", "pool", "show", "compute"]).run().expect_done().json();
    assert_eq!((&pool["pool"]["image"], &pool["pool"]["nodes"]), (&"web".into(), &"c[1-2]".into()));
}

#[test]
fn a_proof_takes_an_image_a_pool_or_a_node_on_record() {
    let root = TestRoot::with_modules(&["demo"]);
    done(&root, &["pool", "set", "disk", "--boot", "local", "--nodes", "c1"]);
    done(&root, &["pool", "set", "empty"]);
    for (words, code, said) in [
        (&["prove"][..], 2, "required"),
        (&["prove", "web", "--pool", "disk"], 2, "cannot be used with"),
        (&["prove", "--pool", "nobody"], 3, "nobody"),
        (&["prove", "--boot-node", "c9"], 3, "c9"),
        (&["prove", "--pool", "disk"], 5, "pool disk boots from its own disk"),
        (&["prove", "--boot-node", "c1"], 5, "node c1 boots from its own disk"),
        (&["prove", "--pool", "empty"], 5, "pool empty has no image"),
        (&["prove", "--pool", "../x"], 2, "pool"),
    ] {
        let refused = root.disklessset(words).run().expect_code(code);
        assert!(refused.stderr.contains(said), "{said} in {refused}");
    }
}
