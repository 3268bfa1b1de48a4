//! The guides, each at a site as it says: a sample runs them with a small image, `--full` with one of packages, and boots it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeSet;
use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::documents::run_with;
use super::{is_full, source_tree};
use crate::system::ansible;
use crate::system::small::{KERNEL, Small, put};

/// As long as an image of packages may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);
const GUIDES: [&str; 8] = [
    "ansible.md",
    "backup-and-move.md",
    "first-image.md",
    "golden-nfs.md",
    "new-version.md",
    "ten-nodes.md",
    "two-servers.md",
    "when-something-goes-wrong.md",
];

/// A site with the livenet image `web01`.
fn with_image() -> TestRoot {
    if !is_full() {
        let small = Small::new();
        let _ = small.create("web01", &[]).run().expect_done();
        return small.root;
    }
    let root = TestRoot::with_modules(&["livenet"]);
    let create =
        ["livenet", "create", "web01", "--kernel", "from-image", "--source", "apt", "--type", "core"];
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
    root
}

/// The same with its pool.
fn with_pool() -> TestRoot {
    let root = with_image();
    let pool = ["pool", "set", "compute", "--image", "web01", "--nodes", "c[001-003]"];
    let _ = root.disklessset(&pool).run().expect_done();
    root
}

#[test]
fn every_guide_is_run() {
    let guides = source_tree().join("docs/guides").read_dir_utf8().unwrap();
    let there: BTreeSet<_> = guides.map(|guide| guide.unwrap().file_name().to_owned()).collect();
    assert_eq!(there, GUIDES.map(str::to_owned).into());
}

/// Pages of a directory of documents, by their paths below `docs`.
fn pages(directory: &str) -> impl Iterator<Item = String> {
    let entries = source_tree().join("docs").join(directory).read_dir_utf8().unwrap();
    let names =
        entries.map(|entry| entry.unwrap().path().to_owned()).filter(|path| path.extension() == Some("md"));
    names.map(|path| path.strip_prefix(source_tree().join("docs")).unwrap().to_string())
}

#[test]
fn the_book_has_every_page() {
    let summary = std::fs::read_to_string(source_tree().join("docs/SUMMARY.md")).unwrap();
    let all = pages("").chain(pages("guides")).filter(|page| page != "SUMMARY.md");
    let missing: Vec<_> = all.filter(|page| !summary.contains(&format!("({page})"))).collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md has no line for {missing:?}");
}

#[test]
fn the_guide_to_the_first_image_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("qemu-system-x86_64"));
    run_with("docs/guides/first-image.md", &TestRoot::with_modules(&["livenet"]), &[]);
}

#[test]
fn the_guide_to_ten_nodes_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"), need::tool("dnsmasq"));
    let root = with_image();
    let configuration = root.path().join("etc/disklessset/diskless_parameters.yml");
    put(&configuration, b"http_base_url: http://10.0.0.1\n", 0o644);
    run_with("docs/guides/ten-nodes.md", &root, &[]);
}

#[test]
fn the_guide_to_a_new_version_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    run_with("docs/guides/new-version.md", &with_pool(), &[]);
}

#[test]
fn the_guide_to_what_goes_wrong_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let root = with_pool();
    let edit = ["livenet", "exec", "web01", "--", "sh", "-c", "echo edited >/etc/motd"];
    let _ = root.disklessset(&edit).limit(PATIENCE).run().expect_done();
    run_with("docs/guides/when-something-goes-wrong.md", &root, &[]);
}

#[test]
fn the_guide_to_golden_images_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let small = Small::new();
    small.root.drop_in("nfs");
    let source = format!("tree:{}", small.tree);
    let create = ["nfs", "create-staging", "os", "--kernel", KERNEL, "--source", &source];
    let _ = small.run(&create).expect_done();
    run_with("docs/guides/golden-nfs.md", &small.root, &[]);
}

#[test]
fn the_guide_to_two_servers_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    run_with("docs/guides/two-servers.md", &with_pool(), &[]);
}

#[test]
fn the_guide_to_backups_works_as_written_and_the_backup_is_a_site() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let root = with_pool();
    put(&root.path().join("etc/disklessset/diskless_parameters.yml"), b"keep_versions: 4\n", 0o644);
    run_with("docs/guides/backup-and-move.md", &root, &[("ROOT", root.path().to_string())]);
    let moved = TestRoot::with_modules(&["livenet"]);
    let (archive, to) = (root.beside().join("backup.tar"), format!("--directory={}", moved.path()));
    let extract = ["--extract", &format!("--file={archive}"), "--numeric-owner", "--acls", "--xattrs", &to];
    let _ = root.tool("tar", &extract).run().expect_done();
    let _ = moved.disklessset(&["clean", "--yes"]).run().expect_done();
    let _ = moved.disklessset(&["verify", "web01"]).run().expect_done();
    for what in [&["versions", "web01"][..], &["node", "list"], &["boot", "show", "c001"]] {
        let (was, is) =
            (root.disklessset(what).run().expect_done(), moved.disklessset(what).run().expect_done());
        assert_eq!(was.stdout, is.stdout);
    }
}

#[test]
fn the_guide_to_ansible_works_as_written() {
    let collections = "/usr/lib/python3/dist-packages/ansible_collections/community/general";
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("ansible-playbook"));
    if is_full() && !std::path::Path::new(collections).exists() {
        disklessset_tests::need!(need::skip("Ansible's collection community.general is not installed"));
    }
    let root = TestRoot::with_modules(&["livenet"]);
    let play = std::fs::read_to_string(source_tree().join("docs/examples/ansible/web.yml")).unwrap();
    let page = std::fs::read_to_string(source_tree().join("docs/guides/ansible.md")).unwrap();
    assert!(page.contains(&format!("```yaml\n{play}```")), "the page shows another play");
    put(&root.beside().join("web.yml"), play.as_bytes(), 0o644);
    put(&root.beside().join("disklessset.yml"), b"plugin: disklessset.disklessset.nodes\n", 0o644);
    ansible::install_collection(&root);
    run_with("docs/guides/ansible.md", &root, &ansible::surroundings(&root));
    if is_full() {
        // The second time nothing was packed.
        let versions = root.disklessset(&["versions", "web02"]).run().expect_done().stdout;
        assert!(versions.contains("web02@2  current") && !versions.contains("web02@3"), "{versions}");
    }
}
