//! The files by which nodes boot what is on record for them.

use std::os::unix::fs::PermissionsExt;

use super::{boot, done, files, names, refused, text, world};

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
