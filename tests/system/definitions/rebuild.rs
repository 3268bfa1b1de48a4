//! Images that are made again, as their next versions.

use disklessset_tests::residue::Snapshot;
use disklessset_tests::stage::served;
use disklessset_tests::{authors, need};

use super::{define, edit, git, listed, motd, states, tree};
use crate::system::nfs::Nfs;
use crate::system::small::{KERNEL, Small, put, register_kernel};

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
