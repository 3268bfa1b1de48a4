//! Given the modules `zypper` and `pacman` of another author, and repositories made in the test: three classes that know nothing of them
//! make images of their packages.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod signed;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::facts::{FileFacts, files_below};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::{authors, need};

use super::small::{Small, put, register_kernel_with};

/// Has the driver that images on EROFS need.
const KERNEL: &str = "6.1.0-erofs";
/// What installations of the smallest set ask for by name.
const OF_OPENSUSE: &str = "filesystem aaa_base systemd udev util-linux shadow kmod openssh-server nfs-client";
const OF_ARCH: [&str; 3] = ["base", "openssh", "nfs-utils"];
/// Uses `/dev/null` and `/proc` as scripts of packages do, and tells.
const SCRIPT: &str =
    "echo noise >/dev/null && test -c /dev/null && test -e /proc/self/status && echo ok >/etc/by-scriptlet";
/// Where these package managers would leave something of theirs on the server.
const OF_SERVER: [&str; 6] = [
    "/var/cache/zypp",
    "/var/log/zypp",
    "/var/lib/zypp",
    "/var/lib/pacman",
    "/var/cache/pacman",
    "/root/.rpmdb",
];

struct World {
    small: Small,
    rpms: Utf8PathBuf,
    packages: Utf8PathBuf,
}

impl World {
    #[track_caller]
    fn new() -> Self {
        authors::build();
        let small = Small::new();
        for module in ["zypper", "pacman", "erofs", "nfs"] {
            small.root.drop_in(module);
        }
        register_kernel_with(&small.root, KERNEL, &["fs/erofs/erofs"]);
        put(&small.tree.join("usr/lib/modules").join(KERNEL).join("modules.dep"), b"", 0o644);
        let tree = small.root.beside().join("tree-of-package");
        std::fs::rename(&small.tree, &tree).unwrap();
        let world = Self {
            rpms: small.root.beside().join("rpms"),
            packages: small.root.beside().join("arch"),
            small,
        };
        world.make_rpms(&tree);
        world.make_packages(&tree);
        world
    }

    #[track_caller]
    fn tool(&self, name: &str, args: &[&str]) {
        let _ = self.small.root.tool(name, args).limit(Duration::from_secs(300)).run().expect_done();
    }

    #[track_caller]
    fn make_rpms(&self, tree: &Utf8Path) {
        let beside = self.small.root.beside();
        let files: String =
            tree.read_dir_utf8().unwrap().map(|entry| format!("/{}\n", entry.unwrap().file_name())).collect();
        let spec = format!(
            "Name: os-tree\nVersion: 1\nRelease: 1\nSummary: A tree\nLicense: none\nAutoReqProv: no\n\
             Provides: /bin/sh {OF_OPENSUSE}\n%description\nA tree\n%install\nmkdir -p %{{buildroot}}/installed\n\
             cp -a {tree}/. %{{buildroot}}/\necho x >%{{buildroot}}/installed/extra\n%files\n{files}%post\n{SCRIPT}\n\
             %package -n extra\nSummary: x\nRequires: os-tree\n%description -n extra\nx\n%files -n extra\n/installed/extra\n"
        );
        let file = beside.join("packages.spec");
        put(&file, spec.as_bytes(), 0o644);
        let rpmdir = format!("_rpmdir {}", self.rpms);
        let (top, temporary) = (format!("_topdir {beside}/rpmbuild"), format!("_tmppath {beside}/tmp"));
        let database = format!("_dbpath {beside}/rpmdb");
        let defines = [
            rpmdir.as_str(),
            &top,
            &temporary,
            &database,
            "__os_install_post %{nil}",
            "_build_id_links none",
            "debug_package %{nil}",
            "_binary_payload w1.gzdio",
        ];
        let defines: Vec<&str> = defines.iter().flat_map(|define| ["--define", define]).collect();
        self.tool("rpmbuild", &[&defines[..], &["-bb", "--quiet", file.as_str()]].concat());
        self.tool("createrepo_c", &["--quiet", self.rpms.as_str()]);
    }

    /// Packages and their index, which are archives with a list of what is in them.
    #[track_caller]
    fn make_packages(&self, tree: &Utf8Path) {
        let index = self.small.root.beside().join("index");
        std::fs::create_dir_all(&self.packages).unwrap();
        let extra = self.small.root.beside().join("extra-of-package");
        put(&extra.join("installed/extra"), b"x\n", 0o644);
        for (name, tree, provides) in [("os-tree", tree, &OF_ARCH[..]), ("extra", &extra, &[])] {
            let provided: String = provides.iter().map(|name| format!("provides = {name}\n")).collect();
            let facts = format!(
                "pkgname = {name}\npkgbase = {name}\npkgver = 1-1\npkgdesc = x\nbuilddate = 1\npackager = test\nsize = 1000\narch = any\nlicense = none\n{provided}"
            );
            put(&tree.join(".PKGINFO"), facts.as_bytes(), 0o644);
            put(&tree.join(".INSTALL"), format!("post_install() {{\n {SCRIPT}\n}}\n").as_bytes(), 0o644);
            let names = tree.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
            let names: Vec<String> = names.collect();
            let file = format!("{name}-1-1-any.pkg.tar.gz");
            let archive = self.packages.join(&file);
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.tool("tar", &[&["-C", tree.as_str(), "-czf", archive.as_str()][..], &names].concat());
            let sum = self.small.root.tool("sha256sum", &[archive.as_str()]).run().expect_done().stdout;
            let sum = sum.split(' ').next().unwrap();
            let size = std::fs::metadata(&archive).unwrap().len();
            let provided: String = provides.iter().map(|name| format!("{name}\n")).collect();
            let entry = format!(
                "%FILENAME%\n{file}\n\n%NAME%\n{name}\n\n%VERSION%\n1-1\n\n%CSIZE%\n{size}\n\n%ISIZE%\n1000\n\n%SHA256SUM%\n{sum}\n\n%ARCH%\nany\n\n%PROVIDES%\n{provided}\n"
            );
            put(&index.join(format!("{name}-1-1/desc")), entry.as_bytes(), 0o644);
        }
        let database = self.packages.join("core.db");
        self.tool("tar", &["-C", index.as_str(), "-czf", database.as_str(), "os-tree-1-1", "extra-1-1"]);
    }

    /// How a source is named with the repository of it.
    fn source(&self, name: &str) -> [String; 5] {
        let repository = match name {
            "zypper" => format!("file://{}", self.rpms),
            _ => format!("core=file://{}", self.packages),
        };
        let option = |option: &str| format!("--{name}-{option}");
        ["--source".to_owned(), name.to_owned(), option("repository"), repository, option("unsigned")]
    }

    fn create(&self, words: &[&str], source: &str, more: &[&str]) -> disklessset_tests::run::Program {
        let source = self.source(source);
        let source = source.iter().map(String::as_str);
        let args: Vec<&str> =
            words.iter().copied().chain(["--kernel", KERNEL, "--type", "core"]).chain(source).collect();
        let program = self.small.root.disklessset(&[&args[..], more].concat());
        program.limit(Duration::from_secs(300))
    }
}

fn of_server() -> BTreeMap<PathBuf, FileFacts> {
    let below = |dir: &&str| files_below(Utf8Path::new(dir)).unwrap().into_iter();
    let all = OF_SERVER.iter().filter(|dir| Utf8Path::new(dir).exists());
    all.flat_map(|dir| below(dir).map(move |(file, facts)| (PathBuf::from(dir).join(file), facts))).collect()
}

/// All that must be so of images from one of the sources.
#[track_caller]
fn three_classes_make_images(world: &World, source: &str, database: &str) {
    let small = &world.small;
    let server = of_server();
    let _ = world.create(&["livenet", "create", "web"], source, &["--package", "extra"]).run().expect_done();
    let tree = small.unpacked("web");
    let read = |file: &str| {
        std::fs::read_to_string(tree.join(file)).unwrap_or_else(|cause| panic!("{file}: {cause}"))
    };
    assert_eq!(read("etc/by-scriptlet"), "ok\n", "scripts of packages had no /dev and /proc");
    assert_eq!(read("installed/extra"), "x\n");
    assert!(tree.join(database).exists(), "no {database}");
    let work = small.root.path().join("var/tmp/diskless/workdir");
    let first = work.components().nth(1).unwrap();
    assert!(!tree.join(first.as_str()).join("wt").exists(), "a path of the server is in the tree");
    for empty in ["proc", "sys", "dev", "run", "tmp"] {
        let names: Vec<_> = tree.join(empty).read_dir_utf8().map(Iterator::collect).unwrap_or_default();
        assert!(names.is_empty(), "{empty}: {names:?}");
    }
    let record = small.record("web");
    assert!(record.contains(&format!("source: {source}\n")), "{record}");
    assert!(record.contains(&format!("{source}_unsigned: true\n")), "{record}");

    let _ = world.create(&["erofs", "create", "fast"], source, &[]).run().expect_done();
    let told = small.run(&["erofs", "exec", "fast", "--", "sh", "-c", "read x </etc/by-scriptlet; echo $x"]);
    assert_eq!(told.expect_done().stdout, "ok\n");
    let _ = world.create(&["nfs", "create-staging", "os"], source, &[]).run().expect_done();
    let staged = small.root.path().join("diskless/images/nfsimages/staging/os/etc/by-scriptlet");
    assert_eq!(std::fs::read_to_string(staged).unwrap(), "ok\n");
    let _ = small.run(&["verify", "web", "fast", "os"]).expect_done();
    assert_eq!(of_server(), server, "something was left on the server");
    let _ = small.run(&["remove", "web", "fast", "os", "--yes"]).expect_done();
    Snapshot::assert_nothing_held(&small.root);
}

#[test]
fn zypper_makes_the_trees_of_three_classes() {
    disklessset_tests::need!(
        need::root(),
        need::tool("zypper"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("pacman"),
        need::tool("mkfs.erofs")
    );
    three_classes_make_images(&World::new(), "zypper", "usr/lib/sysimage/rpm/rpmdb.sqlite");
}

#[test]
fn pacman_makes_the_trees_of_three_classes() {
    disklessset_tests::need!(
        need::root(),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("pacman"),
        need::tool("mkfs.erofs")
    );
    three_classes_make_images(&World::new(), "pacman", "var/lib/pacman/local/os-tree-1-1/desc");
}

#[test]
fn what_cannot_be_installed_is_told_and_nothing_is_left() {
    disklessset_tests::need!(
        need::root(),
        need::tool("zypper"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("pacman")
    );
    let world = World::new();
    let before = Snapshot::of(&world.small.root);
    for source in ["zypper", "pacman"] {
        let create = |more: &[&str]| world.create(&["livenet", "create", "web"], source, more).run();
        let missing = create(&["--package", "no-such-package"]).expect_code(1);
        let _ = missing.expect_said(&format!("cannot install the packages with {source}"));
        before.assert_same_as_now(&world.small.root);
        let _ = create(&["--repo", "file:///x"]).expect_code(2).expect_said("has parameters of its own");
    }
    let unsigned =
        ["livenet", "create", "web", "--kernel", KERNEL, "--source", "zypper", "--zypper-repository"];
    let rpms = format!("file://{}", world.rpms);
    let unsigned = [&unsigned[..], &[rpms.as_str()]].concat();
    for args in [unsigned.clone(), [&unsigned[..], &["--dry-run"]].concat()] {
        let _ = world.small.run(&args).expect_code(2).expect_said("zypper_signing_key: is needed");
    }
    let login = ["--zypper-repository", "https://me:hunter2@mirror.example/x", "--zypper-unsigned"];
    let told = world.small.run(&[&unsigned[..], &login].concat()).expect_code(2);
    assert!(!told.stderr.contains("hunter2"), "{told}");
    before.assert_same_as_now(&world.small.root);
}

#[test]
fn module_check_tries_a_source_with_values_that_are_given() {
    disklessset_tests::need!(
        need::root(),
        need::tool("zypper"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("pacman")
    );
    let world = World::new();
    for source in ["zypper", "pacman"] {
        let file = world.small.root.modules_dir().join(format!("{source}_module.so"));
        let repository = format!("{source}_repository={}", world.source(source)[3]);
        let unsigned = format!("{source}_unsigned=true");
        let check = ["module", "check", file.as_str(), "--set", &repository, "--set", &unsigned];
        let checked =
            world.small.root.disklessset(&check).limit(Duration::from_secs(200)).run().expect_done();
        for said in
            ["check of source", "wrong values of source", "tree of source", "stop when asked of source"]
        {
            assert!(checked.stdout.contains(&format!("{said} {source}")), "no {said:?} in {checked}");
        }
    }
}
