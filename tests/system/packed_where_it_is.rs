//! A tree of the user's is packed through an overlay: the image is the one that a copy would give, and the tree stays as it was.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Outcome;
use disklessset_tests::tree_facts::TreeFacts;

use super::livenet_sources::{add_oddities, must_have_oddities};
use super::oci;
use super::small::{KERNEL, Small, put};

const SHOWN: &str = "is shown through an overlay: nothing of it is copied";

fn create(small: &Small, name: &str, tree: &Utf8Path, more: &[&str]) -> Outcome {
    let source = format!("tree:{tree}");
    let args = ["-i", "livenet", "create", name, "--kernel", KERNEL, "--source", &source];
    small.root.disklessset(&[&args[..], more].concat()).run()
}

/// Has the work area on an overlay, on which no other can keep its changes.
fn on_an_overlay(small: &Small) -> (Mounted, Mounted) {
    let work = small.root.path().join("var/tmp/diskless/workdir");
    let layers = small.root.beside().join("layers");
    let lower = small.root.beside().join("lower");
    for directory in [&layers, &lower] {
        std::fs::create_dir_all(directory).unwrap();
    }
    let memory = Mounted::memory(&layers, 256 << 20);
    (memory, Mounted::overlay(&lower, &layers, &work))
}

/// A tree with everything that a copy could lose, of which nobody has read anything since long.
fn odd(small: &Small) {
    add_oddities(small);
    let touch = ["-h", "-a", "-d", "2001-02-03", "{}", "+"];
    let find = [&["-exec", "touch"][..], &touch].concat();
    let _ = small.root.tool("find", &[&[small.tree.as_str()], &find[..]].concat()).run().expect_done();
}

fn script(small: &Small, text: &str) -> Utf8PathBuf {
    let script = small.root.beside().join("script");
    put(&script, text.as_bytes(), 0o755);
    script
}

#[test]
fn the_image_is_the_one_that_a_copy_gives_and_not_even_an_access_time_of_the_tree_changes() {
    disklessset_tests::need!(
        need::root(),
        need::tool("setcap"),
        need::tool("setfacl"),
        need::tool("setfattr")
    );
    let small = Small::new();
    odd(&small);
    let run = script(&small, "echo more >>/srv/first; echo x >/etc/by-script\n");
    // Looking at the facts reads links, and so changes their times.
    let links = ["bin", "srv/long"].map(|link| small.tree.join(link));
    let accessed = || links.each_ref().map(|link| link.symlink_metadata().unwrap().accessed().unwrap());
    let links_before = accessed();
    let _ = create(&small, "first", &small.tree, &[]).expect_done();
    assert_eq!(accessed(), links_before);
    for layout in ["flat", "classic"] {
        // A copy, to compare with, reads some of the tree.
        let _ = TreeFacts::of(&small.tree).unwrap();
        let before = TreeFacts::of(&small.tree).unwrap();
        let more = ["--layout", layout, "--run", run.as_str()];
        let shown = format!("shown-{layout}");
        let created = create(&small, &shown, &small.tree, &more).expect_done();
        assert!(created.stderr.contains(SHOWN), "{created}");
        let changed = before.differences(&TreeFacts::of(&small.tree).unwrap());
        assert!(changed.is_empty(), "{changed:#?}");
        let made = small.unpacked(&shown);
        if layout == "flat" {
            must_have_oddities_but_first(&small, &made);
        }
        // The second name of a file that was written to is still the same file.
        assert_eq!(std::fs::read_to_string(made.join("srv/second")).unwrap(), "linkedmore\n");

        let copied = format!("copied-{layout}");
        let on_overlay = on_an_overlay(&small);
        let created = create(&small, &copied, &small.tree, &more).expect_done();
        assert!(created.stderr.contains("lies on an overlay itself"), "{created}");
        drop((on_overlay.1, on_overlay.0));
        let of_a_copy = TreeFacts::of(&small.unpacked(&copied)).unwrap();
        let of_a_view = TreeFacts::of(&made).unwrap();
        let mut differ = of_a_copy.differences(&of_a_view);
        // What unpacks a classic image gives links the time of that, and packing empties directories.
        differ.retain(|line| !may_differ(line) && (layout == "flat" || !line.contains(": modified was ")));
        assert!(differ.is_empty(), "{layout}: {differ:#?}");
    }
}

/// What is made in each creation anew, and what unpacking decides.
fn may_differ(line: &str) -> bool {
    let made = ["", "etc", "srv", "etc/by-script", "srv/first", "srv/second", "etc/machine-id", "etc/passwd"];
    let made = made.into_iter().chain(["etc/os-release", "etc/shadow", "etc/hostname", "usr/lib/os-release"]);
    line.contains(": accessed was ")
        // A link to the modules, where modprobe looks.
        || line.starts_with("\"lib") && line.contains("modified was ")
        || line.contains(": data was ")
        // Whether a link with two names is packed once or twice depends on what else there is of it.
        || line.starts_with("\"etc/dangling-again\"")
        || line.starts_with("\"srv/dangling\"")
        || made.into_iter().any(|path| line.starts_with(&format!("{path:?}: modified was ")))
        // The name of the image stands in it.
        || line.starts_with("\"etc/disklessset") 
        || line.contains("os-release\": digest was ")
        || line.contains("os-release\": size was ")
}

fn must_have_oddities_but_first(small: &Small, made: &Utf8Path) {
    std::fs::File::options().write(true).open(made.join("srv/first")).unwrap().set_len(6).unwrap();
    let time = small.tree.join("srv/first").metadata().unwrap().modified().unwrap();
    std::fs::File::open(made.join("srv/first")).unwrap().set_modified(time).unwrap();
    must_have_oddities(small, made);
    let appended = std::fs::File::options().append(true).open(made.join("srv/first")).unwrap();
    std::io::Write::write_all(&mut &appended, b"more\n").unwrap();
    appended.set_modified(time).unwrap();
}

#[test]
fn a_tree_whose_path_has_what_options_cannot_have_is_shown_all_the_same() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let odd = small.root.beside().join("a,b:c\\d,upperdir=x");
    std::fs::rename(&small.tree, &odd).unwrap();
    let link = small.root.beside().join("link");
    std::os::unix::fs::symlink(&odd, &link).unwrap();
    for (name, tree) in [("web", &odd), ("linked", &link)] {
        let created = create(&small, name, tree, &[]).expect_done();
        assert!(created.stderr.contains(SHOWN), "{created}");
        assert!(small.unpacked(name).join("etc/gone").exists());
    }
}

#[test]
fn what_an_overlay_would_take_for_its_own_is_copied_and_the_reason_is_said() {
    disklessset_tests::need!(need::root(), need::tool("setfattr"));
    for (command, said) in [
        (&["mknod", "T/srv/white", "c", "0", "0"][..], "/srv/white is a device 0:0"),
        (&["setfattr", "-n", "trusted.overlay.opaque", "-v", "y", "T/srv"], "/srv has attributes of another"),
        (&["setfattr", "-n", "trusted.overlay.x", "-v", "y", "T/etc/gone"], "/etc/gone has attributes of"),
    ] {
        let small = Small::new();
        put(&small.tree.join("srv/file"), b"x", 0o644);
        let words: Vec<String> =
            command[1..].iter().map(|word| word.replace('T', small.tree.as_str())).collect();
        let _ = small.root.tool(command[0], &words).run().expect_done();
        let created = create(&small, "web", &small.tree, &[]).expect_done();
        assert!(created.stderr.contains(said) && !created.stderr.contains(SHOWN), "{created}");
        let made = small.unpacked("web");
        assert!(made.join("srv/file").exists() && made.join("etc/gone").exists());
        assert_eq!(made.join("srv/white").symlink_metadata().is_ok(), command[0] == "mknod");
    }
}

#[test]
fn changes_of_another_overlay_are_copied() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let [layers, at] = ["layers", "at"].map(|name| small.root.beside().join(name));
    std::fs::create_dir(&layers).unwrap();
    std::fs::create_dir(&at).unwrap();
    let lower = small.root.beside().join("lower");
    std::fs::create_dir(&lower).unwrap();
    let mounted = Mounted::overlay(&lower, &layers, &at);
    let _ = small.root.tool("cp", &["-aT", small.tree.as_str(), at.as_str()]).run().expect_done();
    let created = create(&small, "web", &layers.join("upper"), &[]).expect_done();
    assert!(created.stderr.contains("keeps its changes in "), "{created}");
    // What that overlay shows is a tree as any other.
    let created = create(&small, "shown", &at, &[]).expect_done();
    assert!(created.stderr.contains(SHOWN), "{created}");
    assert!(small.unpacked("shown").join("etc/gone").exists());
    drop(mounted);
}

#[test]
fn what_is_mounted_inside_and_what_that_hides_stays_out() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    put(&small.tree.join("srv/data/hidden"), b"x", 0o644);
    put(&small.tree.join("etc/hidden.conf"), b"hidden", 0o600);
    let file = small.root.beside().join("file");
    put(&file, b"mounted", 0o640);
    let at = [small.tree.join("srv/data"), small.tree.join("etc/hidden.conf")];
    let (memory, bound) = (Mounted::memory(&at[0], 1 << 20), Mounted::bind(&file, &at[1]));
    put(&at[0].join("mounted"), b"x", 0o644);
    let created = create(&small, "web", &small.tree, &[]).expect_done();
    assert!(created.stderr.contains(SHOWN), "{created}");
    assert!(created.stderr.contains("left out: etc/hidden.conf, srv/data"), "{created}");
    drop((memory, bound));
    let made = small.unpacked("web");
    assert_eq!(std::fs::read_dir(made.join("srv/data")).unwrap().count(), 0);
    assert_eq!(std::fs::read(made.join("etc/hidden.conf")).unwrap(), b"");
    assert!(small.tree.join("srv/data/hidden").exists() && small.tree.join("etc/hidden.conf").exists());
}

#[test]
fn a_tree_that_changes_while_it_is_packed_gives_no_image() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=200"]).run().expect_done();
    let before = Snapshot::of(&small.root);
    let (running, _) = small.create("web", &[]).start().wait_until(|| small.root.tool_at_work("mksquashfs"));
    put(&small.tree.join("usr/bin/new"), b"x", 0o755);
    let ended = running.wait().expect_code(1);
    assert!(ended.stderr.contains("was changed while it was packed"), "{ended}");
    assert!(ended.stderr.contains("in /usr/bin"), "{ended}");
    before.assert_same_as_now(&small.root);
    // What is no part of an image may change.
    let (running, _) = small.create("web", &[]).start().wait_until(|| small.root.tool_at_work("mksquashfs"));
    put(&small.tree.join("run/lock"), b"x", 0o644);
    let _ = running.wait().expect_done();
}

/// Has the tree label its large file as its own setfiles would.
fn label_by_hand(small: &Small) {
    let policy = "etc/selinux/mine/contexts/files/file_contexts";
    put(&small.tree.join(policy), b"", 0o644);
    put(&small.tree.join("etc/selinux/config"), b"SELINUXTYPE=mine\n", 0o644);
    let label = "#!/bin/sh\nexec /usr/bin/setfattr -n security.selinux -v of_mine /srv/noise\n";
    put(&small.tree.join("usr/sbin/setfiles"), label.as_bytes(), 0o755);
    let program = need::find_tool("setfattr").unwrap();
    let libraries = small.root.tool("ldd", &[program.as_str()]).run().expect_done().stdout;
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for (file, to) in libraries.map(|file| (file, file)).chain([(program.as_str(), "/usr/bin/setfattr")]) {
        let to = small.tree.join(to.trim_start_matches('/'));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(file, to).unwrap();
    }
}

#[test]
fn nothing_of_the_tree_is_copied_before_it_is_packed_and_labels_do_not_copy_it() {
    disklessset_tests::need!(need::root(), need::tool("setfattr"), need::tool("getfattr"));
    let small = Small::new();
    let noise = format!("of={}", small.tree.join("srv/noise"));
    let _ = small.root.tool("dd", &["if=/dev/urandom", &noise, "bs=1M", "count=200"]).run().expect_done();
    label_by_hand(&small);
    let area = small.mnt("web").parent().unwrap().to_owned();
    let create = small.create("web", &["--selinux"]).start();
    let (running, _) = create.wait_until(|| small.root.tool_at_work("mksquashfs"));
    // What is shown there is another file system.
    let size = small.root.tool("du", &["--one-file-system", "-sm", area.as_str()]).run().expect_done().stdout;
    let mebibytes: u64 = size.split_whitespace().next().unwrap().parse().unwrap();
    assert!(mebibytes <= 2, "{size}");
    let _ = running.wait().expect_done();
    assert!(!area.exists());
    let labelled = small.unpacked("web").join("srv/noise");
    let get = ["-n", "security.selinux", "--only-values", labelled.as_str()];
    assert_eq!(small.root.tool("getfattr", &get).run().expect_done().stdout.trim(), "of_mine");
    assert_eq!(labelled.metadata().unwrap().len(), 200 << 20);
}

#[test]
fn with_a_given_date_the_same_tree_archive_and_layout_give_the_same_bytes_again() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let small = Small::new();
    let layout = oci::layout(&small);
    let archive = small.root.beside().join("tree.tar");
    let _ = small
        .root
        .tool("tar", &["-cf", archive.as_str(), "-C", small.tree.as_str(), "."])
        .run()
        .expect_done();
    let run = script(&small, "echo x >/etc/by-script\n");
    let elsewhere = small.root.beside().join("elsewhere");
    let _ = small.root.tool("cp", &["-aT", small.tree.as_str(), elsewhere.as_str()]).run().expect_done();
    let made = |source: &str, date: &str| {
        let more = ["--run", run.as_str()];
        let create = small.create_from("web", source, &more).env("SOURCE_DATE_EPOCH", date);
        let _ = create.run().expect_done();
        let bytes = std::fs::read(small.squashfs("web")).unwrap();
        let _ = small.run(&["remove", "web", "--yes"]).expect_done();
        bytes
    };
    let date = "1700000000";
    let first = made(&format!("tree:{}", small.tree), date);
    let of_an_archive = made(&format!("tar:{archive}"), date);
    let of_a_layout = made(&format!("oci:{layout}"), date);
    // Later, in another directory.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(made(&format!("tree:{elsewhere}"), date) == first);
    assert!(made(&format!("tar:{archive}"), date) == of_an_archive);
    assert!(made(&format!("oci:{layout}"), date) == of_a_layout);
    assert!(made(&format!("tree:{}", small.tree), "1700086400") != first, "the day stands in it");
    let refused = small.create("web", &[]).env("SOURCE_DATE_EPOCH", "tomorrow").run();
    let _ = refused.expect_refusal(&[2]).expect_said("SOURCE_DATE_EPOCH is \"tomorrow\"");
}
