//! Given a package repository: images of it are made with dnf, on whatever kind of server.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use camino::Utf8Path;
use disklessset_tests::facts::{FileFacts, files_below};
use disklessset_tests::need;
use disklessset_tests::own_tmp::OwnTmp;
use disklessset_tests::residue::Snapshot;

use super::dnf_world::{World, groups_of_dnf};
use super::repo_server::{SECRET, Server};
use super::small::put;

/// Where dnf and rpm would leave something of theirs on the server.
const OF_SERVER: [&str; 6] =
    ["/root/.rpmdb", "/root/.cache", "/var/lib/dnf", "/var/cache/dnf", "/var/lib/rpm", "/var/log/dnf.log"];

fn of_server() -> BTreeMap<PathBuf, FileFacts> {
    let below = |dir: &&str| files_below(Utf8Path::new(dir)).unwrap().into_iter();
    OF_SERVER
        .iter()
        .flat_map(|dir| below(dir).map(move |(file, facts)| (PathBuf::from(dir).join(file), facts)))
        .collect()
}

#[test]
fn an_image_of_packages_has_its_tree_and_the_server_has_nothing_of_it() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    disklessset_tests::need!(groups_of_dnf());
    let world = World::new();
    let (server, tmp) = (of_server(), OwnTmp::beside(&world.small.root));
    let created = tmp.around(world.create("web", &[]).args(["-d"])).run().expect_done();
    assert!(created.stderr.contains("dnf: Complete!"), "what dnf says is shown live: {created}");
    assert_eq!(of_server(), server, "something was left on the server");
    assert_eq!(tmp.left(), BTreeSet::new());
    Snapshot::assert_nothing_held(&world.small.root);
    let log = world.small.run(&["log", "web"]).expect_done().stdout;
    assert!(log.contains("--setopt=module_platform_id=platform:el9"), "{log}");

    let tree = world.small.unpacked("web");
    let read = |file: &str| {
        std::fs::read_to_string(tree.join(file)).unwrap_or_else(|cause| panic!("{file}: {cause}"))
    };
    assert_eq!(read("etc/by-scriptlet"), "1 1\n", "scripts of packages had no /dev and /proc");
    assert!(read("etc/os-release").contains("DISKLESSSET_IMAGE=\"web\""));
    assert!(tree.join("var/lib/rpm/rpmdb.sqlite").is_file() && !tree.join("usr/lib/sysimage/rpm").exists());
    let names = |dir: &str| -> Vec<String> {
        let entries = tree.join(dir).read_dir_utf8().map(|all| all.flatten().collect()).unwrap_or(vec![]);
        entries.iter().map(|entry| entry.file_name().to_owned()).collect()
    };
    for empty in ["proc", "sys", "dev", "tmp", "var/tmp", "var/cache/dnf", "var/log", "etc/kernel/install.d"]
    {
        assert!(names(empty).is_empty(), "{empty}: {:?}", names(empty));
    }
    assert!(
        !tree.join("work").exists()
            && !tree.join(world.small.root.path().as_str().trim_start_matches('/')).exists()
    );
    let record = world.small.record("web");
    assert!(
        record.contains(&format!("file://{}", world.repo)) && record.contains("unsigned: true"),
        "{record}"
    );
    // The database is one that rpm reads.
    let query = ["--root", tree.as_str(), "--define", "_dbpath /var/lib/rpm", "--query", "os-tree"];
    assert_eq!(world.small.root.tool("rpm", &query).run().expect_done().stdout, "os-tree-1-1.x86_64\n");
}

#[test]
fn sets_and_what_is_left_out_are_what_they_were_in_1x() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    disklessset_tests::need!(groups_of_dnf());
    let world = World::new();
    let installed = |name: &str, more: &[&str]| {
        let _ = world.create(name, more).run().expect_done();
        World::installed(&world.small.unpacked(name))
    };
    let has = |names: &[String], name: &str| names.iter().any(|found| found == name);
    let core = installed("core", &["--type", "core"]);
    assert!(has(&core, "openssh-server") && has(&core, "procps-ng") && has(&core, "systemd"));
    assert!(!has(&core, "dnf") && !has(&core, "vim-minimal") && !has(&core, "kernel"), "{core:?}");
    let small = installed("small", &["--type", "small", "--package", "extra"]);
    assert!(
        has(&small, "dnf")
            && has(&small, "NetworkManager")
            && has(&small, "extra")
            && !has(&small, "vim-minimal")
    );
    let standard = installed("standard", &["--type", "standard"]);
    for name in ["vim-minimal", "diffutils", "glibc-langpack-de", "cracklib-dicts"] {
        assert!(has(&standard, name), "{name}: {standard:?}");
    }
    let optimized = installed("optimized", &["--type", "standard", "--optimize"]);
    assert!(has(&optimized, "vim-minimal"));
    for name in ["diffutils", "glibc-langpack-de", "cracklib-dicts"] {
        assert!(!has(&optimized, name), "{name}: {optimized:?}");
    }
    let secure = installed("secure", &["--type", "standard", "--optimize", "--selinux"]);
    for name in ["diffutils", "selinux-policy-targeted", "selinux-policy-devel", "policycoreutils"] {
        assert!(has(&secure, name), "{name}: {secure:?}");
    }
}

#[test]
fn the_database_of_packages_is_where_the_release_has_it() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    let repo = format!("file://{}", world.repo);
    for (release, place, other) in
        [("10", "usr/lib/sysimage/rpm", "var/lib/rpm"), ("8", "var/lib/rpm", "usr/lib/sysimage/rpm")]
    {
        let name = format!("web{release}");
        let more = ["--repo", &repo, "--release", release, "--unsigned", "--type", "core"];
        let _ = world.small.create_from(&name, "dnf", &more).run().expect_done();
        let tree = world.small.unpacked(&name);
        assert!(tree.join(place).join("rpmdb.sqlite").is_file(), "{release}");
        assert!(!tree.join(other).exists(), "{release}");
        let log = world.small.run(&["log", &name]).expect_done().stdout;
        assert!(log.contains(&format!("platform:el{release}")), "{log}");
    }
}

#[test]
fn a_file_of_repositories_and_a_mirror_are_sources_too() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    let file = world.small.root.beside().join("site.repo");
    let text = format!("[site]\nname=site\nbaseurl=file://{}\ngpgcheck=0\n", world.repo);
    put(&file, text.as_bytes(), 0o644);
    let own = ["--release", "9", "--type", "core", "--repo-file", file.as_str()];
    let refused = world.small.create_from("web", "dnf", &own);
    world.fails(refused, 2, &["site.repo", "does not check signatures", "--unsigned"]);
    let _ = world.small.create_from("web", "dnf", &[&own[..], &["--unsigned"]].concat()).run().expect_done();
    assert!(World::installed(&world.small.unpacked("web")).contains(&"openssh-server".to_owned()));

    // A mirror has the tree of its distribution.
    let mirror = world.small.root.beside().join("mirror");
    for part in ["BaseOS", "AppStream"] {
        let place = mirror.join("9").join(part).join("x86_64");
        std::fs::create_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&world.repo, place.join("os")).unwrap();
    }
    let mirror = format!("file://{mirror}");
    let more = ["--release", "9", "--type", "core", "--unsigned", "--mirror", &mirror];
    let _ = world.small.create_from("mirrored", "dnf", &more).run().expect_done();
    assert!(world.small.record("mirrored").contains(&mirror));
}

#[test]
fn a_tree_whose_rpm_keeps_another_database_gets_that_one() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    let tree = world.small.root.beside().join("tree-of-package");
    // The server's own rpm, which knows one kind of database only, told to keep it elsewhere.
    world.lend(&tree, "/usr/bin/rpm");
    let _ = world
        .small
        .root
        .tool("cp", &["-rL", "/usr/lib/rpm", tree.join("usr/lib/rpm").as_str()])
        .run()
        .expect_done();
    let own = b"%_dbpath /var/lib/own\n";
    put(&tree.join("usr/lib/rpm/macros.d/macros.own"), own, 0o644);
    world.build_tree(&tree);
    let server = Server::start(&world.repo);
    let repo = format!("http://bob:{SECRET}@{}/", server.address);
    let more = ["--release", "8", "--unsigned", "--type", "core", "--repo", &repo];
    let created = world.small.create_from("web", "dnf", &more).run().expect_done();
    assert!(!created.stderr.contains("does not read"), "{created}");
    let tree = world.small.unpacked("web");
    assert!(tree.join("var/lib/own/rpmdb.sqlite").is_file(), "no database of the tree's own");
    assert!(!tree.join("var/lib/rpm/rpmdb.sqlite").exists(), "two databases");
    let inside = [tree.as_str(), "/usr/bin/rpm", "--query", "os-tree", "openssh-server"];
    let seen = world.small.root.tool("chroot", &inside).run().expect_done().stdout;
    assert_eq!(seen.lines().count(), 2, "{seen}");
    assert!(!tree.join("var/cache/dnf").read_dir_utf8().is_ok_and(|mut left| left.next().is_some()));
}

#[test]
fn a_kernel_whose_modules_nobody_listed_has_them_listed() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("depmod")
    );
    let world = World::new();
    let tree = world.small.root.beside().join("tree-of-package");
    world.lend(&tree, "/usr/sbin/depmod");
    put(&tree.join("usr/lib/modules/9.9.9-test/modules.order"), b"", 0o644);
    std::os::unix::fs::symlink("../usr/lib/modules", tree.join("lib/modules"))
        .unwrap_or_else(|cause| panic!("{cause}"));
    world.build_tree(&tree);
    let _ = world.create("web", &["--type", "core"]).run().expect_done();
    assert!(world.small.unpacked("web").join("usr/lib/modules/9.9.9-test/modules.dep").is_file());
}

#[test]
fn an_nfs_image_of_packages_has_what_its_nodes_need_of_nfs() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    disklessset_tests::need!(groups_of_dnf());
    let world = World::new();
    let root = &world.small.root;
    let _ = root.drop_in("nfs");
    let repo = format!("file://{}", world.repo);
    let create = |name: &str, more: &[&str]| {
        let own = ["nfs", "create-staging", name, "--kernel", super::small::KERNEL, "--source", "dnf"];
        let from = ["--release", "9", "--repo", &repo, "--unsigned"];
        root.disklessset(&[&own[..], &from, more].concat()).run()
    };
    let _ = create("stage", &[]).expect_done();
    let before = Snapshot::of(root);
    let failed = create("other", &["--package", "no-such-package-anywhere"]).expect_code(1);
    let _ = failed.expect_said("Unable to find a match: no-such-package-anywhere");
    before.assert_same_as_now(root);

    let tree = root.path().join("diskless/images/nfsimages/staging/stage");
    let installed = World::installed(&tree);
    for name in ["nfs-utils", "vim-minimal", "NetworkManager"] {
        assert!(installed.iter().any(|found| found == name), "{name}: {installed:?}");
    }
    assert_eq!(std::fs::read_to_string(tree.join("etc/by-scriptlet")).unwrap(), "1 1\n");
    for empty in ["proc", "sys", "dev"] {
        assert_eq!(tree.join(empty).read_dir_utf8().unwrap().count(), 0, "{empty}");
    }
    Snapshot::assert_nothing_held(root);
}

#[test]
fn packages_are_named_in_all_ways_that_dnf_takes_and_never_by_file() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    disklessset_tests::need!(groups_of_dnf());
    let world = World::new();
    let mut spec = String::from(
        "Name: odd\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nAutoReqProv: no\n%description\nx\n%install\nmkdir -p %{buildroot}/odd\n",
    );
    let ways = [
        ("caret", "Version: 3.0^git1", "caret-3.0^git1"),
        ("capability", "Provides: perl(Foo::Bar) = 2", "perl(Foo::Bar) >= 1"),
        ("path", "", "/odd/path"),
        ("globbed", "", "glob?ed*"),
        ("machine", "", "machine.x86_64"),
    ];
    for (name, ..) in ways {
        spec.push_str(&format!("touch %{{buildroot}}/odd/{name}\n"));
    }
    for (name, says, _) in ways {
        spec.push_str(&format!(
            "%package -n {name}\nSummary: x\n{says}\nRequires: os-tree\n%description -n {name}\nx\n%files -n {name}\n/odd/{name}\n"
        ));
    }
    world.add(&spec);
    world.index();
    let packages: Vec<&str> = ways.iter().flat_map(|(_, _, given)| ["--package", *given]).collect();
    let _ = world.create("web", &packages).run().expect_done();
    let tree = world.small.unpacked("web");
    for (name, ..) in ways {
        assert!(tree.join("odd").join(name).is_file(), "{name} is not installed");
    }
    for file in
        [format!("{}/x.rpm", world.repo), "-x".to_owned(), "--nogpgcheck".to_owned(), "a;b".to_owned()]
    {
        world.fails(world.create("other", &[&format!("--package={file}")]), 2, &[]);
    }
}
