//! What makes a version, and what is in it.

use std::os::unix::fs::MetadataExt;

use disklessset_tests::need;
use serde_json::Value;

use super::{blobs, boot_file, edit, listed, named, states, text_that_nodes_get, versions};
use crate::system::small::{KERNEL, Small, put, register_kernel};

#[test]
fn a_boot_file_names_its_files_by_digest_and_they_are_the_ones_of_the_image() {
    disklessset_tests::need!(need::root());
    for layout in ["flat", "classic"] {
        let small = Small::new();
        let _ = small.create("web", &["--layout", layout]).run().expect_done();
        assert_eq!(states(&small, "web"), listed(&[(1, "current")]));
        let boot = boot_file(&small, "web");
        assert_eq!(named(&boot).len(), 3, "{boot}");
        for digest in named(&boot) {
            let sum = small.root.tool("sha256sum", &[blobs(&small).join(&digest)]).run().expect_done().stdout;
            assert!(sum.starts_with(&digest), "{sum}");
        }
        // The second name of the same data, or a reflink: never a second copy.
        let root = small.squashfs("web").metadata().unwrap();
        let twin = named(&boot).into_iter().map(|digest| blobs(&small).join(digest).metadata().unwrap());
        assert!(twin.into_iter().any(|blob| blob.size() == root.size()), "{boot}");
        let shown = small.run(&["--format", "json", "show", "web@1"]).expect_done().json();
        let shown = &shown["version"];
        assert_eq!((&shown["by_digest"], &shown["kernel"]), (&true.into(), &KERNEL.into()), "{shown}");
        let _ = small.run(&["verify", "web"]).expect_done();
    }
}

#[test]
fn each_change_of_what_nodes_get_is_a_version_and_nothing_else_is() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    let _ = small.run(&["livenet", "exec", "web", "--", "/bin/sh", "-c", "exit 3"]).expect_code(3);
    assert_eq!(states(&small, "web"), listed(&[(1, "current")]), "nothing was changed");
    edit(&small, "web", "two", &[]);
    register_kernel(&small.root, "6.2.0-small");
    let _ = small.run(&["kernel", "set", "web", "6.2.0-small"]).expect_done();
    assert_eq!(states(&small, "web"), listed(&[(3, "current"), (2, "older"), (1, "older")]));
    let _ = small.run(&["kernel", "set", "web", "6.2.0-small"]).expect_done();
    assert_eq!(versions(&small, "web").len(), 3, "the same kernel once more");
    // Other files under the same names: an initramfs that was made anew.
    let initramfs = small.root.image_dir("x").parent().unwrap().with_file_name("kernels");
    let initramfs = initramfs.join("initramfs-kernel-6.2.0-small");
    let mut bytes = std::fs::read(&initramfs).unwrap();
    bytes.extend([0; 512]);
    std::fs::remove_file(&initramfs).unwrap();
    put(&initramfs, &bytes, 0o644);
    let _ = small.run(&["kernel", "set", "web", "6.2.0-small"]).expect_done();
    assert_eq!(versions(&small, "web").len(), 4);
    let made_by: Vec<Value> = versions(&small, "web").iter().rev().map(|v| v["action"].clone()).collect();
    assert_eq!(made_by, ["create", "exec", "set kernel", "set kernel"]);
}

#[test]
fn a_clone_of_an_older_version_has_the_older_tree() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    edit(&small, "web", "two", &[]);
    edit(&small, "web", "three", &[]);
    let _ = small.run(&["clone", "web@2", "old"]).expect_done();
    assert_eq!(text_that_nodes_get(&small, "old"), "two");
    assert_eq!(states(&small, "old"), listed(&[(1, "current")]));
    assert_eq!(versions(&small, "old")[0]["new_bytes"], 0, "nothing of it is new");
    let _ = small.run(&["verify", "old"]).expect_done();
}

#[test]
fn an_image_of_before_gets_its_first_version_by_a_change_or_when_it_is_recorded() {
    disklessset_tests::need!(need::root());
    for by in [
        &["verify", "web", "--record"][..],
        &["livenet", "exec", "web", "--", "/bin/sh", "-c", "echo two > /etc/motd"],
    ] {
        let small = Small::new();
        let _ = small.create("web", &[]).run().expect_done();
        // As a program without versions left it.
        let kernels = "http://${next-server}/preboot_execution_environment/diskless/kernels".to_owned();
        let images = kernels.replace("/kernels", "/images");
        let plain: String = boot_file(&small, "web")
            .lines()
            .take_while(|line| *line != ":disklessset_failed")
            .filter(|line| !line.starts_with("# disklessset") && !line.starts_with("isset"))
            .filter(|line| *line != ":disklessset_begin")
            .map(|line| line.trim_end_matches(" || goto disklessset_failed"))
            .map(|line| {
                let words: Vec<String> = line
                    .split(' ')
                    .map(|word| match word.split_once("${diskless-base}/oci/") {
                        Some(("root=live:", _)) => format!("root=live:{images}/web/squashfs.img"),
                        Some(_) if line.starts_with("kernel") => format!("{kernels}/vmlinuz-{KERNEL}"),
                        Some(_) => format!("{kernels}/initramfs-kernel-{KERNEL}"),
                        None => word.to_owned(),
                    })
                    .collect();
                words.join(" ") + "\n"
            })
            .collect();
        let directory = small.root.image_dir("web");
        std::fs::remove_file(directory.join("boot.ipxe")).unwrap();
        put(&directory.join("boot.ipxe"), plain.as_bytes(), 0o644);
        std::fs::remove_dir_all(blobs(&small).parent().unwrap().parent().unwrap()).unwrap();
        std::fs::remove_file(small.root.path().join("var/lib/diskless/versions/web.yml")).unwrap();
        let _ = small.run(&["release", "web@1"]).expect_code(3).expect_said("no versions yet");
        let _ = small.run(&["versions", "web"]).expect_done().expect_said("no versions yet");
        // Looking and mounting change nothing of what nodes get.
        let _ = small.run(&["livenet", "mount", "web"]).expect_done();
        let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
        assert_eq!(boot_file(&small, "web"), plain);
        let _ = small.run(by).expect_done();
        assert_eq!(states(&small, "web"), listed(&[(1, "current")]), "{by:?}");
        assert_eq!(named(&boot_file(&small, "web")).len(), 3);
        let _ = small.run(&["verify", "web"]).expect_done();
    }
}

#[test]
fn the_layout_is_one_that_other_tools_read() {
    disklessset_tests::need!(need::root(), need::tool("skopeo"), need::tool("umoci"));
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    edit(&small, "web", "two", &[]);
    let oci = blobs(&small).parent().unwrap().parent().unwrap().to_owned();
    let listed = small.root.tool("umoci", &["ls", "--layout", oci.as_str()]).run().expect_done().stdout;
    assert_eq!(listed.lines().collect::<Vec<_>>(), ["web@1", "web@2"]);
    let copy = small.root.beside().join("copy");
    let (from, to) = (format!("oci:{oci}:web@2"), format!("dir:{copy}"));
    let _ = small.root.tool("skopeo", &["--insecure-policy", "copy", &from, &to]).run().expect_done();
    let digest = boot_file(&small, "web").split_once("root=live:").unwrap().1.to_owned();
    let digest = digest.split_whitespace().next().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(std::fs::read(copy.join(digest)).unwrap(), std::fs::read(small.squashfs("web")).unwrap());
}
