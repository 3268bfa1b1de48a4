//! A package repository made in the test, of real RPMs: a small OS tree in one, and the packages of the sets, each with a file
//! that says that it was installed.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::symlink;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::loop_disk::tool;
use disklessset_tests::need::{self, Verdict};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Program;

use super::small::{Small, put};

/// Packages that installations ask for by name, and some that `@core` brings.
const PACKAGES: [&str; 32] = [
    "systemd",
    "systemd-udev",
    "util-linux",
    "kmod",
    "shadow-utils",
    "NetworkManager",
    "openssh-server",
    "iproute",
    "procps-ng",
    "dnf",
    "yum",
    "glibc-minimal-langpack",
    "glibc-langpack-de",
    "cracklib-dicts",
    "diffutils",
    "vim-minimal",
    "selinux-policy-targeted",
    "selinux-policy-devel",
    "policycoreutils",
    "kernel",
    "dracut",
    "dracut-network",
    "dracut-live",
    "nfs-utils",
    "curl",
    "ca-certificates",
    "iputils",
    "device-mapper",
    "zstd",
    "linux-firmware",
    "dhcp-client",
    "extra",
];

/// The group `@core`.
const CORE: [&str; 4] = ["vim-minimal", "glibc-langpack-de", "cracklib-dicts", "diffutils"];

/// Makes links as the distribution's `filesystem` package does, uses `/dev/null` as scripts do, and tells.
const SCRIPT: &str = "echo noise >/dev/null\n\
     test -c /dev/null && test -e /proc/self/status && echo \"$SYSTEMD_OFFLINE $KERNEL_INSTALL_BYPASS\" >/etc/by-scriptlet";

/// The test has dnf install groups of packages, as all sets of packages are. Debian 13's dnf 4.23 dies of any group: under its Python 3.13
/// the library that reads groups ends in a segmentation fault, whoever starts dnf.
#[track_caller]
pub(crate) fn groups_of_dnf() -> Verdict {
    let place = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    let file = place.join("groups.xml");
    put(&file, COMPS.as_bytes(), 0o644);
    tool("createrepo_c", &["-q", "-g", file.as_str(), place.as_str()]).unwrap();
    let (root, repo) =
        (format!("--installroot={place}/root"), format!("--repofrompath=groups,file://{place}"));
    let asked = tool("dnf", &["-q", &root, "--releasever=9", "--setopt=reposdir=/", &repo, "group", "list"]);
    match asked {
        Err(error) if error.to_string().contains("SIGSEGV") => {
            need::skip("dnf of this system crashes when it is asked for a group of packages")
        }
        _ => Verdict::Go,
    }
}

/// One group of nothing.
const COMPS: &str =
    "<?xml version=\"1.0\"?><comps><group><id>core</id><name>Core</name><packagelist/></group></comps>";

/// A root with a registered kernel, and a repository beside it.
pub(crate) struct World {
    pub(crate) small: Small,
    pub(super) repo: Utf8PathBuf,
}

impl World {
    /// The repository; nothing in it is signed.
    #[track_caller]
    pub(crate) fn new() -> Self {
        let small = Small::new();
        put(&small.tree.join("usr/lib/os-release"), b"ID=rocky\nNAME=\"Test Linux\"\n", 0o644);
        symlink("../usr/lib/os-release", small.tree.join("etc/os-release")).unwrap();
        let tree = small.root.beside().join("tree-of-package");
        std::fs::rename(&small.tree, &tree).unwrap();
        let world = Self { repo: small.root.beside().join("repo"), small };
        world.build_tree(&tree);
        world
    }

    /// Packs the tree, and all packages with it.
    #[track_caller]
    pub(crate) fn build_tree(&self, tree: &Utf8Path) {
        self.add_tree(tree, &format!("{}\n%post\n{SCRIPT}\n", markers()));
        self.index();
    }

    /// Puts a program of the server with its libraries into the tree.
    #[track_caller]
    pub(super) fn lend(&self, tree: &Utf8Path, program: &str) {
        let libraries = self.small.root.tool("ldd", &[program]).run().expect_done().stdout;
        let files = libraries.split_whitespace().filter(|word| word.starts_with('/')).chain([program]);
        for file in files {
            let target = tree.join(file.trim_start_matches('/'));
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            std::fs::copy(file, target).unwrap();
        }
    }

    /// Makes the package `os-tree` of a tree; more sections of its spec may follow.
    #[track_caller]
    pub(super) fn add_tree(&self, tree: &Utf8Path, more: &str) {
        let top = tree.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned());
        let files: String = top.map(|name| format!("/{name}\n")).collect();
        self.add(&format!(
            "Name: os-tree\nVersion: 1\nRelease: 1\nSummary: A tree\nLicense: none\nAutoReqProv: no\nProvides: system-release, /bin/sh\n\
             %description\nA tree\n%install\nmkdir -p %{{buildroot}}\ncp -a {tree}/. %{{buildroot}}/\n\
             mkdir -p %{{buildroot}}/installed\n\
             for name in {names}; do echo $name >%{{buildroot}}/installed/$name; done\n\
             %files\n{files}{more}",
            names = PACKAGES.join(" "),
        ));
    }

    /// Builds packages of a spec.
    #[track_caller]
    pub(super) fn add(&self, spec: &str) {
        let beside = self.small.root.beside();
        let file = beside.join("packages.spec");
        put(&file, spec.as_bytes(), 0o644);
        let define = |text: String| ["--define".to_owned(), text];
        let options = [
            define(format!("_topdir {beside}/rpmbuild")),
            define(format!("_tmppath {beside}/tmp")),
            define(format!("_rpmdir {}", self.repo)),
            define(format!("_dbpath {beside}/rpmdb")),
            // The files are as they are wanted.
            define("__os_install_post %{nil}".to_owned()),
            define("_build_id_links none".to_owned()),
            define("debug_package %{nil}".to_owned()),
            // The tree is large: its compression is not what is tested.
            define("_binary_payload w1.gzdio".to_owned()),
        ];
        let build =
            self.small.root.tool("rpmbuild", &options.concat()).args(["-bb", "--quiet", file.as_str()]);
        let _ = build.limit(std::time::Duration::from_secs(300)).run().expect_done();
    }

    /// Makes the index of the repository anew.
    #[track_caller]
    pub(super) fn index(&self) {
        let group = |name: &&str| format!("<packagereq type=\"mandatory\">{name}</packagereq>");
        let groups = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<comps><group><id>core</id><name>Core</name><description/>\
             <default>false</default><uservisible>true</uservisible><packagelist>{}</packagelist></group></comps>\n",
            CORE.iter().map(group).collect::<String>()
        );
        let file = self.small.root.beside().join("comps.xml");
        put(&file, groups.as_bytes(), 0o644);
        let _ = self
            .small
            .root
            .tool("createrepo_c", &["--quiet", "-g", file.as_str(), self.repo.as_str()])
            .run()
            .expect_done();
    }

    /// A creation from the repository, release 9, for a small set unless `more` says otherwise.
    pub(crate) fn create(&self, name: &str, more: &[&str]) -> Program {
        self.create_without_trust(name, &[&["--unsigned"], more].concat())
    }

    /// The same that says nothing about signatures.
    pub(super) fn create_without_trust(&self, name: &str, more: &[&str]) -> Program {
        let repo = format!("file://{}", self.repo);
        let own = ["--repo", &repo, "--release", "9"];
        self.small.create_from(name, "dnf", &[&own[..], more].concat())
    }

    /// A creation for another kernel.
    pub(crate) fn create_with_kernel(&self, kernel: &str, name: &str, more: &[&str]) -> Program {
        let repo = format!("file://{}", self.repo);
        let args = ["livenet", "create", name, "--kernel", kernel, "--source", "dnf", "--repo", &repo];
        let own = ["--release", "9", "--unsigned"];
        self.small.root.disklessset(&[&args[..], &own, more].concat())
    }

    /// The packages that left their mark in a tree.
    pub(super) fn installed(tree: &Utf8Path) -> Vec<String> {
        let entries = tree.join("installed").read_dir_utf8().unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_owned()).collect();
        names.sort();
        names
    }

    /// Makes a creation fail and sees that nothing is left of it.
    #[track_caller]
    pub(super) fn fails(&self, create: Program, code: i32, said: &[&str]) {
        let before = Snapshot::of(&self.small.root);
        let failed = create.run().expect_code(code);
        let _ = said.iter().fold(failed, |failed, text| failed.expect_said(text));
        before.assert_same_as_now(&self.small.root);
    }
}

/// Sections for the packages: each owns its file and needs the tree.
fn markers() -> String {
    let of = |name: &&str| {
        format!(
            "%package -n {name}\nSummary: x\nRequires: os-tree\n%description -n {name}\nx\n%files -n {name}\n/installed/{name}\n"
        )
    };
    PACKAGES.iter().map(of).collect()
}
