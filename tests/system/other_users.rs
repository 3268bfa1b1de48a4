//! Another local user beside every action: he gets nothing, stops nothing, plants nothing.

use std::fs::{File, FileTimes, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::small::{KERNEL, kernels, make_tree, register_kernel};

const NOBODY: [&str; 3] = ["--reuid=65534", "--regid=65534", "--clear-groups"];

/// Looks again and again for what is his to misuse in everything that he can reach below a directory, and tells of it in a file: setuid
/// programs, secrets that can be read, and directories of OS trees that he can sit in, which he does.
const TRIES: &str = r#"
echo begun >> "$2"
while :; do
  find "$1" -perm -4000 -type f 2>/dev/null | sed 's/^/runs /' >> "$2"
  find "$1" \( -name shadow -o -name '*.console' -o -name '*.log' \) -readable 2>/dev/null | sed 's/^/reads /' >> "$2"
  for place in "$1"/tmp/disklessset-check-*; do
    cd "$place" 2>/dev/null && { echo "sits in $place" >> "$2"; exec sleep 300; }
  done
  for place in mnt packed inner tree packing changes; do
    cd "$1/var/tmp/diskless/workdir/web/$place" 2>/dev/null && { echo "sits in $place" >> "$2"; exec sleep 300; }
  done
  for place in "$1/diskless/images/nfsimages/staging/st" "$1/diskless/images/nfsimages/golden/g/nodes/c1"; do
    cd "$place" 2>/dev/null && { echo "sits in $place" >> "$2"; exec sleep 300; }
  done
  ln -s "$3" "$1/var/tmp/diskless" 2>/dev/null
  mkdir "$1/var/tmp/diskless" "$1/var/tmp/diskless/workdir" 2>/dev/null
  echo round >> "$2"
done
"#;

/// The other user at it, beside some commands.
struct Beside<'a> {
    root: &'a TestRoot,
    notes: Utf8PathBuf,
    precious: Utf8PathBuf,
}

impl<'a> Beside<'a> {
    fn of(root: &'a TestRoot) -> Self {
        open_to_all(&root.beside().join("his"));
        let precious = root.beside().join("precious");
        std::fs::create_dir(&precious).unwrap();
        Self { root, notes: root.beside().join("his/notes"), precious }
    }

    /// He tries what he can below a place while `work` is done; what he was able to do.
    #[track_caller]
    fn tries(&self, below: &Utf8Path, work: impl FnOnce()) -> Vec<String> {
        let script = ["sh", "-c", TRIES, "sh", below.as_str(), self.notes.as_str(), self.precious.as_str()];
        let started = self.root.tool("setpriv", &[&NOBODY[..], &script].concat()).start();
        let read = || std::fs::read_to_string(&self.notes).unwrap_or_default();
        let (beside, ()) = started.wait_until(|| read().contains("round").then_some(()));
        work();
        beside.kill_nine();
        self.root.end_processes();
        let said = read();
        said.lines().filter(|line| !["begun", "round"].contains(line)).map(str::to_owned).collect()
    }
}

/// A root with a `/var/tmp` that is open to all, a kernel, and a tree with a setuid program and a secret.
fn shared_root(modules: &[&str]) -> (TestRoot, Utf8PathBuf) {
    let root = TestRoot::with_modules(modules);
    open_to_all(&root.path().join("var/tmp"));
    let tree = root.beside().join("home/source/tree");
    std::fs::create_dir_all(tree.parent().unwrap()).unwrap();
    std::fs::set_permissions(tree.parent().unwrap(), Permissions::from_mode(0o700)).unwrap();
    make_tree(&root, &tree);
    std::fs::copy("/bin/sleep", tree.join("bin/as-root")).unwrap();
    std::fs::set_permissions(tree.join("bin/as-root"), Permissions::from_mode(0o4755)).unwrap();
    std::fs::set_permissions(tree.join("etc/shadow"), Permissions::from_mode(0o644)).unwrap();
    std::fs::create_dir_all(kernels(&root)).unwrap();
    register_kernel(&root, KERNEL);
    (root, tree)
}

fn open_to_all(path: &Utf8Path) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o1777)).unwrap();
}

fn done(root: &TestRoot, command: &[&str]) {
    let _ = root.disklessset(command).run().expect_done();
}

#[test]
fn case_32_another_user_beside_every_action_gets_nothing_and_stops_nothing() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"), need::tool("mksquashfs"));
    let (root, tree) = shared_root(&["livenet", "nfs"]);
    let precious = root.beside().join("precious");
    open_to_all(&root.beside().join("his"));
    std::fs::create_dir(&precious).unwrap();
    let notes = root.beside().join("his/notes");
    let tries = |below: &Utf8Path, notes: &Utf8Path| {
        let script = ["sh", "-c", TRIES, "sh", below.as_str(), notes.as_str(), precious.as_str()];
        root.tool("setpriv", &[&NOBODY[..], &script].concat())
    };
    let read = |notes: &Utf8Path| std::fs::read_to_string(notes).unwrap_or_default();

    // That he succeeds where he may shows that the tries are real ones.
    let open = root.beside().join("open");
    std::fs::create_dir_all(open.join("var/tmp/diskless/workdir/web")).unwrap();
    make_tree(&root, &open.join("var/tmp/diskless/workdir/web/mnt"));
    std::fs::copy(tree.join("bin/as-root"), open.join("as-root")).unwrap();
    std::fs::set_permissions(open.join("as-root"), Permissions::from_mode(0o4755)).unwrap();
    let control = root.beside().join("his/control");
    let controlling = tries(&open, &control).start();
    let (controlling, ()) = controlling.wait_until(|| {
        (read(&control).contains("runs ") && read(&control).contains("sits in mnt")).then_some(())
    });
    controlling.kill_nine();

    let beside = tries(&root.path(), &notes).start();
    let (beside, ()) = beside.wait_until(|| read(&notes).contains("round").then_some(()));
    let source = format!("tree:{tree}");
    for command in [
        &["livenet", "create", "web", "--kernel", KERNEL, "--source", &source][..],
        &["livenet", "mount", "web"],
        &["livenet", "exec", "web", "--", "sh", "-c", "echo edited > /etc/motd"],
        &["livenet", "unmount", "web"],
        &["clone", "web", "copy"],
        &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source],
        &["nfs", "create-golden", "g", "--from", "st"],
        &["nfs", "nodes", "add", "g", "c[1-2]"],
        &["nfs", "exec", "st", "--", "sh", "-c", "true"],
        &["nfs", "nodes", "remove", "g", "c2", "--yes"],
        &["remove", "copy", "--yes"],
        &["remove", "web", "--yes"],
        &["remove", "g", "--yes"],
        &["remove", "st", "--yes"],
    ] {
        done(&root, command);
    }
    beside.kill_nine();
    root.end_processes();
    let said = read(&notes);
    let successes: Vec<&str> = said.lines().filter(|line| !["begun", "round"].contains(line)).collect();
    assert!(successes.is_empty(), "another user: {successes:?}");
    assert_eq!(precious.read_dir().unwrap().count(), 0, "a planted link was followed");
}

/// What holds trees, kernels and consoles for a moment: additions of kernels with a dracut of the tree, overlays, boot proofs, checks.
#[test]
fn another_user_beside_kernels_overlays_and_proofs_gets_nothing_and_stops_nothing() {
    disklessset_tests::need!(
        need::root(),
        need::tool("setpriv"),
        need::tool("mksquashfs"),
        need::tool("busybox"),
        need::tool("qemu-system-x86_64")
    );
    let (root, tree) = shared_root(&["livenet", "nfs"]);
    let source = format!("tree:{tree}");
    done(&root, &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source]);
    done(&root, &["nfs", "create-golden", "g", "--from", "st"]);
    done(&root, &["livenet", "create", "web", "--kernel", KERNEL, "--source", &source]);
    let own = root.beside().join("home/own");
    let with_kernel = super::hostile_trees::tree_with_dracut(&root, &own, "sleep 1; cp /good $out");
    let modules = with_kernel.join("usr/lib/modules").join(super::hostile_trees::VERSION);
    std::fs::copy(tree.join("bin/as-root"), modules.join("as-root")).unwrap();
    std::fs::set_permissions(modules.join("as-root"), Permissions::from_mode(0o4755)).unwrap();
    let beside = Beside::of(&root);
    let successes = beside.tries(&root.path(), || {
        for command in [
            &["kernel", "add", "--from-tree", with_kernel.as_str()][..],
            &["nfs", "nodes", "add", "g", "c1", "--method", "overlay"],
            &["nfs", "exec", "g", "--node", "c1", "--", "sh", "-c", "true"],
            &["nfs", "export", "g", "--per-node"],
            &["verify"],
            &["nfs", "unexport", "g"],
            &["clone", "st", "st2"],
            &["kernel", "remove", super::hostile_trees::VERSION, "--yes"],
            &["remove", "g", "--yes"],
        ] {
            done(&root, command);
        }
        // Neither comes up: there is no kernel. What is tried is there for as long as they try.
        for name in ["web", "st2"] {
            let proof = root.disklessset(&["prove", name, "--timeout", "4"]).run();
            let _ = proof.expect_code(1).expect_said("does not boot");
        }
    });
    assert!(successes.is_empty(), "another user: {successes:?}");
    assert_eq!(beside.precious.read_dir().unwrap().count(), 0, "a planted link was followed");
    let console = root.path().join("var/log/disklessset/web.console").metadata().unwrap();
    assert_eq!(console.permissions().mode() & 0o7777, 0o640);
}

#[test]
fn another_user_beside_a_check_of_a_module_does_not_come_into_its_throw_away_root() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("setpriv"), need::tool("mksquashfs"));
    let (root, _) = shared_root(&["demo"]);
    let beside = Beside::of(&root);
    let tmp = root.beside().join("tmp");
    open_to_all(&tmp);
    let successes = beside.tries(&root.beside(), || {
        let file = disklessset_tests::run::built_module("demo");
        done(&root, &["module", "check", file.as_str()]);
    });
    let in_the_root: Vec<&String> = successes.iter().filter(|line| line.contains("check-")).collect();
    assert!(in_the_root.is_empty(), "another user: {in_the_root:?}");
}

#[test]
fn case_32_what_another_user_planted_is_moved_aside_with_a_line_and_nothing_stops() {
    disklessset_tests::need!(need::root());
    let (root, _) = shared_root(&["demo"]);
    let precious = root.beside().join("precious");
    std::fs::create_dir(&precious).unwrap();
    let place = root.path().join("var/tmp/diskless");
    let plants: [(&str, &dyn Fn()); 4] = [
        ("a link", &|| symlink(&precious, &place).unwrap()),
        ("a directory", &|| std::fs::create_dir(&place).unwrap()),
        ("a file", &|| drop(File::create(&place).unwrap())),
        ("a link", &|| symlink("nowhere", &place).unwrap()),
    ];
    for (number, (what, plant)) in plants.into_iter().enumerate() {
        let _ = std::fs::remove_dir_all(&place);
        plant();
        lchown(&place, Some(65534), Some(65534)).unwrap();
        let name = format!("d{number}");
        let created = root.disklessset(&["demo", "create", &name]).run().expect_done();
        let _ = created.expect_said(&format!("{place} was {what} of another user (uid 65534)"));
        done(&root, &["remove", &name, "--yes"]);
    }
    assert_eq!(precious.read_dir().unwrap().count(), 0);
}

/// A root may be a place where others make things, too: what they put on the way to files of root is not gone through.
#[test]
fn what_another_user_planted_in_a_shared_root_is_not_written_through() {
    disklessset_tests::need!(need::root());
    let (root, tree) = shared_root(&["nfs", "demo"]);
    open_to_all(&root.path());
    let precious = root.beside().join("precious");
    std::fs::create_dir(&precious).unwrap();
    for (planted, number) in ["etc/exports.d", "run", "var/log"].iter().zip(1..) {
        let place = root.path().join(planted);
        if place.symlink_metadata().is_ok() {
            std::fs::rename(&place, root.beside().join(format!("before-{number}"))).unwrap();
        }
        open_to_all(place.parent().unwrap());
        symlink(&precious, &place).unwrap();
        lchown(&place, Some(65534), Some(65534)).unwrap();
    }
    let source = format!("tree:{tree}");
    // Readers make nothing, and go nowhere by these ways.
    let _ = root.disklessset(&["list"]).run();
    let _ = root.disklessset(&["prove", "nope"]).run();
    done(&root, &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source]);
    done(&root, &["nfs", "export", "st", "--client", "192.0.2.1"]);
    done(&root, &["nfs", "unexport", "st"]);
    done(&root, &["remove", "st", "--yes"]);
    assert_eq!(precious.read_dir().unwrap().count(), 0, "a planted link was followed");
}

#[test]
fn open_directories_of_older_versions_are_closed_before_anything_is_done() {
    disklessset_tests::need!(need::root());
    let (root, _) = shared_root(&["demo"]);
    let of_old =
        ["var/tmp/diskless/workdir", "diskless/images/nfsimages/staging", "diskless/images/nfsimages/golden"];
    for place in of_old {
        std::fs::create_dir_all(root.path().join(place)).unwrap();
    }
    done(&root, &["demo", "create", "a"]);
    for place in of_old {
        let mode = root.path().join(place).metadata().unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o700, "{place}");
    }
}

#[test]
fn a_check_by_another_user_says_what_it_cannot_see_and_advises_nothing() {
    disklessset_tests::need!(need::root(), need::tool("setpriv"));
    let (root, tree) = shared_root(&["nfs"]);
    let source = format!("tree:{tree}");
    done(&root, &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source]);
    done(&root, &["nfs", "create-golden", "g", "--from", "st"]);
    done(&root, &["nfs", "nodes", "add", "g", "c1"]);
    let record = root.image_dir("g").join("image_data.yml");
    std::fs::set_permissions(&record, Permissions::from_mode(0o600)).unwrap();
    for command in [&["verify", "st", "g"][..], &["show", "st"]] {
        let told = root.disklessset(command).behind("setpriv", &NOBODY).dir("/".into()).run().expect_done();
        let all = format!("{told}");
        assert!(all.contains("cannot tell") && all.contains("needs root"), "{all}");
        for lie in ["is not there", "have no trees", "make the image again", "disklessset clear"] {
            assert!(!all.contains(lie), "{all}");
        }
    }
}

/// `/var/tmp` is cleaned by age, and the changes of a mounted image lie there for as long as they take.
#[test]
fn old_changes_of_mounted_images_outlive_the_cleaning_of_temporary_files() {
    disklessset_tests::need!(need::root(), need::tool("systemd-tmpfiles"), need::tool("mksquashfs"));
    let (root, tree) = shared_root(&["livenet"]);
    let put = |path: &str, text: &str| {
        let file = root.path().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        super::small::put(&file, text.as_bytes(), 0o644);
        file
    };
    put("usr/lib/tmpfiles.d/tmp.conf", "q /var/tmp 1777 root root mM:30d\n");
    put("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    put("etc/group", "root:x:0:\n");
    let _ = put("usr/bin/systemd-tmpfiles", "");
    let source = format!("tree:{tree}");
    done(&root, &["livenet", "create", "web", "--kernel", KERNEL, "--source", &source]);
    let mount = || root.disklessset(&["livenet", "mount", "web"]).run().expect_done();
    let _ = mount().expect_said("put a line `x /var/tmp/diskless` into /etc/tmpfiles.d/disklessset.conf");
    done(&root, &["livenet", "unmount", "web", "--discard"]);

    let rules = include_str!("../../host/tmpfiles.d/disklessset.conf");
    let rules = put("etc/tmpfiles.d/disklessset.conf", rules);
    let told = format!("{}", mount());
    assert!(!told.contains("systemd-tmpfiles"), "{told}");
    let edit = root.path().join("var/tmp/diskless/workdir/web/mnt/etc/edit");
    let other = root.path().join("var/tmp/old");
    let age = |file: &Utf8Path| {
        let long_ago = SystemTime::now() - Duration::from_secs(90 * 86400);
        let open = File::options().create(true).append(true).open(file).unwrap();
        open.set_times(FileTimes::new().set_modified(long_ago).set_accessed(long_ago)).unwrap();
        chown(file, Some(0), Some(0)).unwrap();
    };
    let clean = || {
        let at = format!("--root={}", root.path());
        let _ = root.tool("systemd-tmpfiles", &[&at, "--clean"]).run().expect_done();
    };
    age(&edit);
    age(&other);
    clean();
    assert!(!other.exists(), "the cleaning cleans");
    assert!(edit.exists(), "an edit was cleaned away");
    done(&root, &["livenet", "unmount", "web"]);
    drop(std::fs::remove_file(rules));
}
