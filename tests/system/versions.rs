//! Given images that are changed: each state that nodes get is a version that never changes, and any of them can be had again.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::{FileExt, MetadataExt};

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::served;
use serde_json::Value;

use super::small::{KERNEL, Small, put, register_kernel, unpack};

/// Where blobs lie.
fn blobs(small: &Small) -> Utf8PathBuf {
    small.root.oci_dir().join("blobs/sha256")
}

/// The versions of an image, newest first.
#[track_caller]
fn versions(small: &Small, name: &str) -> Vec<Value> {
    let listed = small.run(&["--format", "json", "versions", name]).expect_done().json();
    listed["versions"].as_array().unwrap().clone()
}

/// Numbers and states, newest first.
#[track_caller]
fn states(small: &Small, name: &str) -> Vec<(u64, String)> {
    let state = |version: &Value| {
        (version["number"].as_u64().unwrap(), version["state"].as_str().unwrap().to_owned())
    };
    versions(small, name).iter().map(state).collect()
}

fn listed(states: &[(u64, &str)]) -> Vec<(u64, String)> {
    states.iter().map(|(number, state)| (*number, (*state).to_owned())).collect()
}

/// Puts a text into the image, which makes its next version.
#[track_caller]
fn edit(small: &Small, name: &str, text: &str, options: &[&str]) {
    let script = format!("echo {text} > /etc/motd");
    let _ = small
        .run(&[options, &["livenet", "exec", name, "--", "/bin/sh", "-c", &script]].concat())
        .expect_done();
}

/// The blobs that a boot file names.
fn named(text: &str) -> Vec<String> {
    let words = text.split_whitespace().filter_map(|word| word.split_once("/blobs/sha256/"));
    words.map(|(_, digest)| digest.to_owned()).collect()
}

fn boot_file(small: &Small, name: &str) -> String {
    std::fs::read_to_string(small.root.image_dir(name).join("boot.ipxe")).unwrap()
}

/// What the root image that the boot file names has in `/etc/motd`.
#[track_caller]
fn text_that_nodes_get(small: &Small, name: &str) -> String {
    let boot = boot_file(small, name);
    let root = boot.split_once("root=live:").unwrap().1.split_whitespace().next().unwrap();
    let digest = root.rsplit('/').next().unwrap();
    let tree = unpack(&small.root, &blobs(small).join(digest));
    std::fs::read_to_string(tree.join("etc/motd")).unwrap_or_default().trim().to_owned()
}

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
fn rollback_gives_nodes_what_they_got_before_byte_for_byte() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let first = served(&small.root, "web");
    edit(&small, "web", "two", &[]);
    let second = served(&small.root, "web");
    assert_eq!(text_that_nodes_get(&small, "web"), "two");
    let _ = small.run(&["rollback", "web"]).expect_done().expect_said("web@1");
    assert!(served(&small.root, "web") == first);
    assert_eq!(states(&small, "web"), listed(&[(2, "older"), (1, "current")]));
    // The one before is the one that it came from.
    let _ = small.run(&["rollback", "web"]).expect_done().expect_said("web@2");
    assert!(served(&small.root, "web") == second);
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    let _ = small.run(&["release", "web"]).expect_done().expect_said("web@2");
    assert!(served(&small.root, "web") == second);
    let _ = small.run(&["release", "web@2"]).expect_done();
    let _ = small.run(&["verify", "web"]).expect_done();
    // The current one is not removed, and the command that is told leads to another one.
    let told = small.run(&["remove", "web@2", "--yes"]).expect_code(5);
    assert!(told.stderr.contains("release web@1\n"), "{told}");
    let _ = small.run(&["release", "web@1"]).expect_done();
    let _ = small.run(&["release", "web@2"]).expect_done();
    // What is edited goes on from what nodes get.
    let _ = small.run(&["rollback", "web", "1"]).expect_done();
    edit(&small, "web", "three", &[]);
    assert_eq!(states(&small, "web"), listed(&[(3, "current"), (2, "older"), (1, "older")]));
    assert_eq!(text_that_nodes_get(&small, "web"), "three");
}

#[test]
fn rollback_brings_back_a_kernel_that_was_removed_meanwhile() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    register_kernel(&small.root, "6.2.0-small");
    let _ = small.run(&["kernel", "set", "web", "6.2.0-small"]).expect_done();
    let _ = small.run(&["kernel", "remove", KERNEL, "--yes"]).expect_done();
    let _ = small.run(&["rollback", "web"]).expect_done();
    let shown = small.run(&["--format", "json", "show", "web"]).expect_done().json();
    assert_eq!(shown["image"]["attributes"]["kernel"], format!("vmlinuz-{KERNEL}"));
    let _ = small.run(&["verify", "web"]).expect_done();
}

#[test]
fn hold_makes_a_version_that_nodes_do_not_get_until_its_release() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let before = served(&small.root, "web");
    edit(&small, "web", "held", &["--hold"]);
    assert!(served(&small.root, "web") == before, "nodes get something else");
    assert_eq!(states(&small, "web"), listed(&[(2, "held"), (1, "current")]));
    let _ = small.run(&["verify", "web"]).expect_done();
    let _ = small.run(&["release", "web"]).expect_done().expect_said("web@2");
    assert_eq!(text_that_nodes_get(&small, "web"), "held");
    assert_eq!(states(&small, "web"), listed(&[(2, "current"), (1, "older")]));
    Snapshot::assert_nothing_held(&small.root);
}

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
fn a_root_image_that_somebody_wrote_to_is_named_and_is_not_released_and_the_others_are_whole() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    edit(&small, "web", "two", &[]);
    let file = std::fs::File::options().write(true).open(small.squashfs("web")).unwrap();
    file.write_all_at(b"broken", 4096).unwrap();
    drop(file);
    let told = small.run(&["verify", "web"]).expect_code(1);
    assert!(told.stdout.contains("squashfs.img is not as it was published"), "{told}");
    let linked = small.squashfs("web").metadata().unwrap().nlink() > 1;
    assert_eq!(told.stdout.contains("web@2: squashfs.img"), linked, "{told}");
    if linked {
        // The command that is told leads to what is whole.
        assert!(told.stdout.contains("release web@1; if the change is meant"), "{told}");
    }
    let _ = small.run(&["release", "web@1"]).expect_done();
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    let _ = small.run(&["livenet", "unmount", "web"]).expect_done();
    if linked {
        let before = Snapshot::of(&small.root);
        for words in [
            &["release", "web@2"][..],
            &["release", "web@2", "--dry-run"],
            &["clone", "web@2", "new"],
            &["prove", "web@2"],
        ] {
            let _ = small.run(words).expect_code(1).expect_said("damaged");
        }
        before.assert_same_as_now(&small.root);
        let _ = small.run(&["remove", "web@2", "--yes"]).expect_done();
        let _ = small.run(&["verify", "web"]).expect_done();
    }
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
fn versions_that_are_not_there_or_have_no_such_name_are_refused_and_change_nothing() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let _ = small.create("web", &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    for (code, words) in [
        (3, &["release", "web@7"][..]),
        (3, &["release", "web@none"]),
        (3, &["show", "web@7"]),
        (3, &["prove", "web@7"]),
        (3, &["clone", "web@7", "new"]),
        (3, &["remove", "web@7", "--yes"]),
        (3, &["tag", "web@7", "x"]),
        (3, &["tag", "web", "x", "--delete"]),
        (3, &["versions", "nobody"]),
        (3, &["release", "nobody"]),
        (2, &["release", "web@0"]),
        (2, &["release", "web@01"]),
        (2, &["release", "web@"]),
        (2, &["release", "web@a/b"]),
        (2, &["release", "web@1@1"]),
        (2, &["release", "../web@1"]),
        (2, &["release", "web@current"]),
        (2, &["tag", "web", "7"]),
        (2, &["tag", "web", "current"]),
        (2, &["tag", "web", "a b"]),
        (2, &["tag", "web", "a\nb"]),
        (2, &["rollback", "web@1", "1"]),
        (2, &["remove", "web", "web@1", "--yes"]),
        (5, &["rollback", "web"]),
        (5, &["remove", "web@1", "--yes"]),
    ] {
        let told = small.run(words).expect_code(code);
        assert!(told.stderr.lines().filter(|line| line.starts_with("error: ")).count() == 1, "{told}");
    }
    before.assert_same_as_now(&small.root);
    let _ = small.run(&["livenet", "mount", "web"]).expect_done();
    edit_mounted(&small);
    for words in [&["release", "web@2"][..], &["release", "web@2", "--dry-run"]] {
        let _ = small.run(words).expect_refusal(&[3, 5]);
    }
    let _ = small.run(&["livenet", "unmount", "web", "--discard"]).expect_done();
}

fn edit_mounted(small: &Small) {
    put(&small.mnt("web").join("etc/motd"), b"edited", 0o644);
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

#[test]
fn going_back_takes_no_time_however_large_an_image_is() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=300"]).run().expect_done();
    let _ = small.create("web", &[]).run().expect_done();
    edit(&small, "web", "two", &[]);
    let hashing = std::time::Instant::now();
    let _ = small.root.tool("sha256sum", &[small.squashfs("web")]).run().expect_done();
    let hashing = hashing.elapsed();
    let best = (0..6).map(|_| small.run(&["rollback", "web"]).expect_done().took).min().unwrap();
    // Beside a look at all of its bytes in the same run.
    assert!(best * 4 < hashing, "rollback took {best:?}, hashing {hashing:?}");
}
