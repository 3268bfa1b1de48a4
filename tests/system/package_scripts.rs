//! Given packages whose scripts mean harm or fail: nothing but the tree changes, and what failed is said.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use super::dnf_world::World;
use super::small::{Small, put};

const CONTENT: &str = "PRECIOUS-CONTENT-OF-A-DISK";

/// A file behind a loop device, as a disk of the server's is.
struct Disk<'a> {
    root: &'a TestRoot,
    file: Utf8PathBuf,
    device: String,
}

impl<'a> Disk<'a> {
    #[track_caller]
    fn attach(root: &'a TestRoot) -> Self {
        let file = root.beside().join("disk");
        put(&file, CONTENT.repeat(40_000).as_bytes(), 0o600);
        let attached = root.tool("losetup", &["--find", "--show", file.as_str()]).run().expect_done();
        Self { root, file, device: attached.stdout.trim().to_owned() }
    }

    #[track_caller]
    fn assert_untouched(&self) {
        let now = std::fs::read_to_string(&self.file).unwrap();
        assert!(now == CONTENT.repeat(40_000), "a disk of the server was written");
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = self.root.tool("losetup", &["--detach", &self.device]).run();
    }
}

/// What a script of a package tries, with a shell alone and with the programs that it brings along. What it was able to do is in
/// `etc/did`.
fn hostile(device: &str, word: &str) -> String {
    let number = device.trim_start_matches("/dev/loop");
    format!(
        "exec 2>/dev/null\n\
         did() {{ echo \"$1\" >>/etc/did; }}\n\
         echo tried >/etc/tried\n\
         echo left >/dev/shm/{word}\n\
         echo WRITTEN >{device}\n\
         for place in /dev /tmp /etc; do\n\
         mknod $place/{word} b 7 {number}\n\
         test -b $place/{word} && echo WRITTEN >>$place/{word} && did disk\n\
         rm -f $place/{word}\n\
         done\n\
         mount -t tmpfs none /tmp && did mount\n\
         echo h >/proc/sysrq-trigger && did sysrq\n\
         echo 0 >/proc/sys/kernel/panic_on_oops && did sysctl\n\
         kill -9 {us} && did kill\n\
         test -e /run/{word} && did run\n\
         kill -TERM 1\n\
         exit 0\n",
        us = std::process::id(),
    )
}

/// Whatever looks as if it had been done, seen from the server.
#[track_caller]
fn assert_server_is_as_before(disk: &Disk<'_>, word: &str, tree: &Utf8Path) {
    disk.assert_untouched();
    for place in ["/dev/shm", "/dev", "/tmp", "/etc", "/run"] {
        assert!(Utf8Path::new(place).join(word).symlink_metadata().is_err(), "left in {place}");
    }
    assert!(tree.join("etc/tried").exists(), "the script did not run");
    assert_eq!(std::fs::read_to_string(tree.join("etc/did")).unwrap_or_default(), "", "it did so");
    for empty in ["proc", "sys", "dev"] {
        assert_eq!(tree.join(empty).read_dir_utf8().unwrap().count(), 0, "{empty} is not empty");
    }
}

fn word(of: &str) -> String {
    format!("planted-{of}-{}", std::process::id())
}

#[test]
fn case_37_scripts_of_packages_that_dnf_installs_do_not_reach_the_server() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::tool("losetup")
    );
    let world = World::new();
    let disk = Disk::attach(&world.small.root);
    let tree = world.small.root.beside().join("tree-of-package");
    for program in ["/usr/bin/mknod", "/usr/bin/mount", "/usr/bin/rm"] {
        world.lend(&tree, program);
    }
    world.build_tree(&tree);
    let word = word("dnf");
    let script = hostile(&disk.device, &word);
    world.add(&format!(
        "Name: hostile\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nRequires: os-tree\n%description\nx\n%post\n{script}\n\
         %posttrans\n{script}\n%files\n"
    ));
    // As packages of daemons in a jail do.
    world.add(
        "Name: jail\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nRequires: os-tree\n%description\nx\n%post\n\
         mknod /srv/null c 1 3\n%files\n",
    );
    world.index();
    let more = ["--type", "core", "--package", "hostile", "--package", "jail"];
    let _ = world.create("web", &more).run().expect_done();
    let made = world.small.unpacked("web");
    assert_server_is_as_before(&disk, &word, &made);
    use std::os::unix::fs::FileTypeExt;
    assert!(made.join("srv/null").symlink_metadata().unwrap().file_type().is_char_device());
}

#[test]
fn case_37_the_scripts_of_a_user_and_of_exec_do_not_reach_the_server() {
    disklessset_tests::need!(need::root(), need::tool("losetup"), need::tool("mknod"));
    let small = Small::new();
    let disk = Disk::attach(&small.root);
    for program in ["/usr/bin/mknod", "/usr/bin/mount", "/usr/bin/rm"] {
        lend(&small, program);
    }
    let word = word("run");
    let script = small.root.beside().join("script");
    put(&script, format!("#!/bin/sh\n{}", hostile(&disk.device, &word)).as_bytes(), 0o600);
    let _ = small.create("web", &["--run", script.as_str()]).run().expect_done();
    assert_server_is_as_before(&disk, &word, &small.unpacked("web"));
    let again = hostile(&disk.device, &word);
    let _ = small.run(&["livenet", "exec", "web", "--", "sh", "-c", &again]).expect_done();
    assert_server_is_as_before(&disk, &word, &small.unpacked("web"));
}

fn lend(small: &Small, program: &str) {
    let libraries = small.root.tool("ldd", &[program]).run().expect_done().stdout;
    let files = libraries.split_whitespace().filter(|word| word.starts_with('/')).chain([program]);
    for file in files {
        let target = small.tree.join(file.trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(file, target).unwrap();
    }
}

#[test]
fn a_script_of_a_package_that_fails_is_told() {
    disklessset_tests::need!(
        need::root(),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c")
    );
    let world = World::new();
    world.add(
        "Name: badpost\nVersion: 1\nRelease: 1\nSummary: x\nLicense: none\nRequires: os-tree\n%description\nx\n%post\nexit 3\n%files\n",
    );
    world.index();
    let made = world.create("web", &["--type", "core", "--package", "badpost"]).run().expect_done();
    let _ = made.expect_said("a script of a package failed").expect_said("badpost-1-1");
    let made = world.create("good", &["--type", "core"]).run().expect_done();
    assert!(!made.stderr.contains("a script of a package failed"), "{made}");
}

/// As a rootless container's tree is: whoever has that number on the nodes would be root there.
#[test]
fn a_tree_of_another_user_is_refused() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let archive = small.root.beside().join("a.tar");
    let chown = |what: &str| {
        let path = small.tree.join(what);
        let _ = small.root.tool("chown", &["-h", "1000:1000", path.as_str()]).run().expect_done();
    };
    // The root directory alone is given to root: see imported_trees.
    for what in ["usr/bin", "etc/shadow"] {
        chown(what);
        let source = format!("tree:{}", small.tree);
        let args = ["livenet", "create", "web", "--kernel", super::small::KERNEL, "--source", &source];
        small.refused(&args, 5, "belongs to user 1000");
        let _ = small
            .root
            .tool("tar", &["-C", small.tree.as_str(), "-cf", archive.as_str(), "."])
            .run()
            .expect_done();
        let source = format!("tar:{archive}");
        let args = ["livenet", "create", "web", "--kernel", super::small::KERNEL, "--source", &source];
        small.refused(&args, 5, "belongs to user 1000");
        let _ = small.root.tool("chown", &["-h", "0:0", small.tree.join(what).as_str()]).run().expect_done();
    }
    let _ = small.create("web", &[]).run().expect_done();
}
