//! `diff`: two real images that differ in every way, told for people and for programs, with nothing changed
//! by it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use rustix::fs::XattrFlags;

use super::small::{Small, make_tree, put};

/// Revision 2, effective, with `cap_net_raw` permitted.
const NET_RAW: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
const VIM: &str = "Package: vim\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:9.0\n";

/// Images `a` and `b`, of which `b` was edited before it was made, and once more since.
fn pair() -> Small {
    let small = Small::new();
    let tree = small.tree.clone();
    put(&tree.join("var/lib/dpkg/status"), VIM.as_bytes(), 0o644);
    put(&tree.join("usr/bin/ping"), b"ping", 0o755);
    put(&tree.join("usr/bin/vim"), b"old", 0o755);
    let _ = small.create("a", &[]).run().expect_done();
    put(&tree.join("var/lib/dpkg/status"), VIM.replace("9.0", "9.1").as_bytes(), 0o644);
    put(&tree.join("var/lib/dpkg/info/vim.list"), b"/bin/vim\n", 0o644);
    put(&tree.join("usr/bin/vim"), b"new", 0o755);
    put(&tree.join("etc/passwd"), b"root:x:0:0:root:/root:/bin/sh\nana:x:9:9::/:/bin/sh\n", 0o644);
    std::fs::remove_file(tree.join("etc/gone")).unwrap();
    symlink("usr/lib", tree.join("lib-link")).unwrap();
    chown(tree.join("srv"), Some(7), Some(8)).unwrap();
    let ping = tree.join("usr/bin/ping");
    std::fs::set_permissions(&ping, Permissions::from_mode(0o4755)).unwrap();
    let name = c"security.capability";
    rustix::fs::setxattr(ping.as_std_path(), name, &NET_RAW, XattrFlags::empty()).unwrap();
    for number in 0..30 {
        put(&tree.join(format!("opt/tool/{number}")), b"", 0o644);
        put(&tree.join(format!("etc/many/{number}")), b"", 0o644);
    }
    let _ = small.create("b", &[]).run().expect_done();
    let exec = ["livenet", "exec", "b", "--", "sh", "-c", "echo welcome >/etc/motd"];
    let _ = small.run(&exec).expect_done();
    small
}

#[test]
fn diff_tells_what_differs_and_changes_nothing() {
    disklessset_tests::need!(need::root());
    let small = pair();
    let before = Snapshot::of(&small.root);
    let told = small.run(&["diff", "a", "b"]).expect_done().stdout;
    for line in [
        "packages: 0 added, 0 removed, 1 changed",
        "  ~ vim 2:9.0 -> 2:9.1 (amd64)",
        "  ~ /usr/bin/ping: mode 0755 -> 4755, capabilities none -> cap_net_raw=ep",
        "  ~ /etc/passwd: content, 30 -> 51 bytes",
        "  ~ /srv: owner 0 -> 7, group 0 -> 8",
        "  + /etc/motd",
        "  - /etc/gone",
        "  + /lib-link: link",
        "  + /opt: directory, with 31 files in it",
        "  + /etc/many: directory, with 30 files in it",
        "  1 file of packages that differ: vim 1",
    ] {
        assert!(told.lines().any(|one| one == line), "{line:?} in\n{told}");
    }
    assert!(!told.contains("/opt/tool/7") && !told.contains("/usr/bin/vim"), "{told}");
    let all = small.run(&["diff", "a", "b", "--files"]).expect_done().stdout;
    assert!(all.contains("  + /opt/tool/7\n") && all.contains("  ~ /usr/bin/vim: content\n"), "{all}");
    before.assert_same_as_now(&small.root);
}

#[test]
fn diff_gives_programs_all_and_ends_as_it_was_asked_to() {
    disklessset_tests::need!(need::root());
    let small = pair();
    let _ = small.run(&["clone", "a", "c"]).expect_done();
    let json = small.run(&["--format", "json", "diff", "b", "a"]).expect_done().json();
    let found = &json["diff"];
    assert_eq!(
        (&json["format"], &found["differs"], &found["complete"]),
        (&1.into(), &true.into(), &true.into())
    );
    assert_eq!(found["images"], serde_json::json!(["b", "a"]));
    let changed = &found["packages"]["changed"][0];
    assert_eq!((&changed["old"], &changed["new"]), (&"2:9.1".into(), &"2:9.0".into()));
    let files = found["files"].as_array().unwrap();
    let file = |path: &str| files.iter().find(|file| file["path"] == path).cloned().unwrap_or_default();
    assert_eq!(
        file("/opt/tool/7"),
        serde_json::json!({"path": "/opt/tool/7", "change": "removed", "type": "file"})
    );
    assert_eq!(file("/usr/bin/vim")["package"], "vim");
    let ping = serde_json::json!([
        {"what": "mode", "old": "4755", "new": "0755"},
        {"what": "capabilities", "old": "cap_net_raw=ep", "new": null},
    ]);
    assert_eq!(file("/usr/bin/ping")["differs"], ping);

    let _ = small.run(&["diff", "a", "b", "--exit-code"]).expect_code(1);
    let told = small.run(&["--format", "json", "diff", "a", "c", "--exit-code"]);
    let files = told.json()["diff"]["files"].clone();
    let names: Vec<&str> = files.as_array().unwrap().iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(names, [""; 0], "a clone has the same tree: {told}");
    small.refused(&["diff", "a", "a"], 2, "cannot be compared with itself");
    small.refused(&["diff", "a", "nope"], 3, "there is no image nope");
    let _ = small.root.drop_in("demo");
    let _ = small.run(&["demo", "create", "hello"]).expect_done();
    small.refused(&["diff", "hello", "a"], 2, "image hello is a DemoImage and has no OS tree");
    small.refused(&["diff", "a", "hello"], 2, "image hello is a DemoImage and has no OS tree");
}

/// Puts the server's rpm with what it needs into a tree, or one that does nothing but fail.
fn with_rpm(small: &Small, tree: &Utf8Path) {
    let libraries = small.root.tool("ldd", &["/usr/bin/rpm"]).run().expect_done().stdout;
    for file in libraries.split_whitespace().filter(|word| word.starts_with('/')).chain(["/usr/bin/rpm"]) {
        let target = tree.join(file.trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
    let _ = small.root.tool("cp", &["-a", "/usr/lib/rpm", tree.join("usr/lib").as_str()]).run().expect_done();
}

/// Installs a package of this version into the database of a tree.
fn install(small: &Small, tree: &Utf8Path, version: &str) {
    let beside = small.root.beside().join(format!("rpm-{version}"));
    let spec = format!(
        "Name: tool\nVersion: {version}\nRelease: 1\nEpoch: 3\nSummary: a tool\nLicense: none\n\
         BuildArch: noarch\n\
         %description\na tool\n%install\nmkdir -p %{{buildroot}}/usr/share/tool\n\
         echo {version} >%{{buildroot}}/usr/share/tool/data\n%files\n/usr/share/tool/data\n"
    );
    put(&beside.join("tool.spec"), spec.as_bytes(), 0o644);
    let defined = ["_topdir", "_tmppath", "_rpmdir", "_dbpath"]
        .map(|name| format!("--define={name} {beside}/{}", name.trim_start_matches('_')));
    let spec = beside.join("tool.spec");
    let build = small.root.tool("rpmbuild", &defined).args(["-bb", "--quiet", spec.as_str()]);
    let _ = build.run().expect_done();
    let package = beside.join(format!("rpmdir/noarch/tool-{version}-1.noarch.rpm"));
    let place = format!("--dbpath={tree}/var/lib/rpm");
    let root = format!("--relocate=/usr={tree}/usr");
    let install = ["--install", "--nodeps", "--noscripts", "--badreloc", "--justdb", "--force"];
    let _ = small.root.tool("rpm", &[&place, &root]).args(install).args([package.as_str()]).run();
    put(&tree.join("usr/share/tool/data"), version.as_bytes(), 0o644);
}

#[test]
fn diff_reads_the_database_of_rpm_with_the_rpm_of_the_tree_or_the_servers() {
    disklessset_tests::need!(need::root(), need::tool("rpm"), need::tool("rpmbuild"));
    let small = Small::new();
    let old = small.tree.clone();
    let new = small.root.beside().join("another tree");
    make_tree(&small.root, &new);
    install(&small, &old, "1.0");
    install(&small, &new, "2.0");
    // The second has an rpm of its own, the first has none.
    with_rpm(&small, &new);
    let _ = small.create("a", &[]).run().expect_done();
    let _ = small.create_from("b", &format!("tree:{new}"), &[]).run().expect_done();
    let before = Snapshot::of(&small.root);
    let told = small.run(&["diff", "a", "b"]).expect_done().stdout;
    assert!(told.contains("  ~ tool 3:1.0-1 -> 3:2.0-1 (noarch)\n"), "{told}");
    before.assert_same_as_now(&small.root);

    // A database that is none: its packages are not said to be removed.
    let database = new.join("var/lib/rpm/rpmdb.sqlite");
    assert!(database.is_file());
    put(&database, &[7; 8192], 0o644);
    let _ = small.create_from("c", &format!("tree:{new}"), &[]).run().expect_done();
    let told = small.run(&["diff", "a", "c", "--exit-code"]).expect_code(1).stdout;
    let said =
        told.lines().any(|line| line.starts_with("packages of c cannot be read: the rpm of the tree: "));
    assert!(said && !told.contains("1 removed, 0 changed"), "{told}");
}

#[test]
fn diff_runs_the_rpm_of_a_tree_where_it_can_change_nothing() {
    disklessset_tests::need!(need::root(), need::tool("rpm"), need::tool("rpmbuild"));
    let small = Small::new();
    let tree = small.tree.clone();
    install(&small, &tree, "1.0");
    let _ = small.create("a", &[]).run().expect_done();
    let script = "#!/bin/sh\necho x >/etc/written\necho x >/etc/passwd\necho '@package other noarch 9'\n";
    put(&tree.join("usr/bin/rpm"), script.as_bytes(), 0o755);
    let _ = small.create("b", &[]).run().expect_done();
    let told = small.run(&["diff", "a", "b"]).expect_done().stdout;
    assert!(told.contains("  + other 9 (noarch)\n  - tool 3:1.0-1 (noarch)\n"), "its own is asked: {told}");
    assert!(!told.contains("/etc/written") && !told.contains("/etc/passwd"), "{told}");
}

/// More files than any image has, for time and memory.
const MANY: usize = 50_000;

#[test]
fn diff_of_many_files_takes_little_memory() {
    disklessset_tests::need!(need::root(), need::full());
    let small = Small::new();
    let _ = small.create("a", &[]).run().expect_done();
    for number in 0..MANY {
        let file = small.tree.join(format!("usr/many/{}/{number}", number % 100));
        put(&file, b"", 0o644);
    }
    let _ = small.create("b", &[]).run().expect_done();
    let program = small.root.disklessset(&["--format", "json", "diff", "a", "b"]);
    let told = program.behind("/usr/bin/time", &["-f", "peak %M"]).run().expect_done();
    let peak = told.stderr.lines().find_map(|line| line.strip_prefix("peak ")?.parse::<u64>().ok()).unwrap();
    assert!(told.stdout.matches("\"path\"").count() > MANY);
    assert!(peak < 64 << 10, "{peak} KiB");
}
