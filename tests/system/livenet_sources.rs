//! Given an OS tree of the user's, well-meant or hostile: its image has all of it, and nothing outside it is touched.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};

use camino::Utf8Path;
use disklessset_tests::canary::Canary;
use disklessset_tests::loop_disk::{Disk, LoopDisk, tool};
use disklessset_tests::mounted::Mounted;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::small::{KERNEL, Small, put};

/// Everything copying and packing could lose.
pub(super) fn add_oddities(small: &Small) {
    let at = |path: &str| small.tree.join(path);
    put(&at("usr/bin/setuid"), b"x", 0o4755);
    put(&at("usr/bin/ping"), b"x", 0o755);
    let _ = small.root.tool("setcap", &["cap_net_raw=ep", at("usr/bin/ping").as_str()]).run().expect_done();
    put(&at("srv/with acl"), b"x", 0o640);
    let _ = small.root.tool("setfacl", &["-m", "u:7:r", at("srv/with acl").as_str()]).run().expect_done();
    put(&at("srv/user attribute"), b"x", 0o644);
    let attribute = ["-n", "user.note", "-v", "kept", at("srv/user attribute").as_str()].map(str::to_owned);
    let _ = small.root.tool("setfattr", &attribute).run().expect_done();
    put(&at("srv/first"), b"linked", 0o604);
    std::fs::hard_link(at("srv/first"), at("srv/second")).unwrap();
    std::os::unix::fs::chown(at("srv/first"), Some(12_345), Some(54_321)).unwrap();
    symlink("/no/where", at("srv/dangling")).unwrap();
    put(&at("srv/-rf"), b"x", 0o600);
    put(&at("srv/new\nline"), b"x", 0o600);
    std::fs::create_dir(small.tree.as_std_path().join(OsStr::from_bytes(b"srv/caf\xe9"))).unwrap();
    let _ = small.root.tool("mkfifo", &[at("srv/fifo").as_str()]).run().expect_done();
    let _ = small.root.tool("mknod", &[at("srv/null").as_str(), "c", "1", "3"]).run().expect_done();
    std::fs::File::create(at("srv/sparse")).unwrap().set_len(64 << 20).unwrap();
    let _ = small.root.tool("mknod", &[at("srv/disk").as_str(), "b", "259", "70000"]).run().expect_done();
    // Any file but a directory can have several names, in parts of the tree that are packed and in those that are not.
    for name in SEVERAL_NAMES {
        std::fs::hard_link(at(&format!("srv/{name}")), at(&format!("etc/{name}-again"))).unwrap();
    }
    std::fs::create_dir_all(at("boot/grub")).unwrap();
    std::fs::hard_link(at("srv/-rf"), at("boot/grub/again")).unwrap();
    symlink("x".repeat(200), at("srv/long")).unwrap();
}

const SEVERAL_NAMES: [&str; 4] = ["dangling", "fifo", "null", "disk"];

pub(super) fn must_have_oddities(small: &Small, tree: &Utf8Path) {
    let meta =
        |path: &str| tree.join(path).symlink_metadata().unwrap_or_else(|cause| panic!("{path}: {cause}"));
    assert_eq!(meta("usr/bin/setuid").mode() & 0o7777, 0o4755);
    let ping = tree.join("usr/bin/ping");
    let capability = small.root.tool("getcap", &[ping.as_str()]).run().expect_done().stdout;
    assert!(capability.contains("cap_net_raw=ep"), "{capability:?}");
    let noted = tree.join("srv/user attribute");
    let note = small.root.tool("getfattr", &["-d", noted.as_str()]).run().expect_done().stdout;
    assert!(note.contains("user.note=\"kept\""), "{note:?}");
    let (first, second) = (meta("srv/first"), meta("srv/second"));
    assert_eq!((first.uid(), first.gid(), first.mode() & 0o7777), (12_345, 54_321, 0o604));
    assert_eq!((first.ino(), first.nlink()), (second.ino(), 2));
    assert_eq!(first.mtime(), small.tree.join("srv/first").metadata().unwrap().mtime());
    assert_eq!(std::fs::read_link(tree.join("srv/dangling")).unwrap().to_str(), Some("/no/where"));
    assert!(meta("srv/-rf").is_file() && meta("srv/new\nline").is_file());
    assert!(tree.as_std_path().join(OsStr::from_bytes(b"srv/caf\xe9")).is_dir());
    assert!(meta("srv/fifo").file_type().is_fifo());
    assert!(meta("srv/null").file_type().is_char_device() && meta("srv/null").rdev() == 0x103);
    assert_eq!(meta("srv/sparse").len(), 64 << 20);
    assert!(meta("srv/disk").file_type().is_block_device());
    for name in SEVERAL_NAMES {
        let (one, other) = (meta(&format!("srv/{name}")), meta(&format!("etc/{name}-again")));
        assert_eq!((one.mode(), one.rdev(), one.len()), (other.mode(), other.rdev(), other.len()), "{name}");
    }
    assert_eq!(std::fs::read_link(tree.join("etc/dangling-again")).unwrap().to_str(), Some("/no/where"));
    assert_eq!(std::fs::read_link(tree.join("srv/long")).unwrap().as_os_str().len(), 200);
}

#[test]
fn all_of_a_tree_is_in_its_image_and_the_tree_stays_as_it_was() {
    disklessset_tests::need!(
        need::root(),
        need::tool("setcap"),
        need::tool("setfacl"),
        need::tool("setfattr")
    );
    let small = Small::new();
    add_oddities(&small);
    // No archive has sockets.
    let socket = |tree: &Utf8Path, name: &str| tree.join("srv").join(name);
    drop(std::os::unix::net::UnixListener::bind(socket(&small.tree, "socket")).unwrap());
    std::fs::hard_link(socket(&small.tree, "socket"), socket(&small.tree, "socket-again")).unwrap();
    let before = Canary::watch(&small.tree);
    let created = small.create("web", &[]).run().expect_done();
    assert!(created.stderr.contains("access control list") || created.stderr.contains("ACL"), "{created}");
    let made = small.unpacked("web");
    must_have_oddities(&small, &made);
    // Nor does tar keep that a FIFO has several names, and packers write a link once for each.
    for name in SEVERAL_NAMES {
        let found = made.join("srv").join(name).symlink_metadata().unwrap();
        assert!(found.nlink() == 2 || found.is_symlink(), "{name}");
    }
    let found = socket(&made, "socket-again").metadata().unwrap();
    assert!(found.file_type().is_socket() && found.nlink() == 2);
    before.assert_untouched();
    // Zeros take no room.
    assert!(small.squashfs("web").metadata().unwrap().len() < 20 << 20);
}

#[test]
fn edits_with_links_of_several_names_are_packed_in_both_layouts() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    for layout in ["flat", "classic"] {
        let mnt = small.mounted(layout, &["--layout", layout]);
        symlink("x".repeat(300), mnt.join("etc/link")).unwrap();
        for number in 0..2000 {
            std::fs::hard_link(mnt.join("etc/link"), mnt.join(format!("srv/{number}"))).unwrap();
        }
        let _ = small.run(&["livenet", "unmount", layout]).expect_done();
        let tree = small.unpacked(layout);
        for name in ["etc/link", "srv/0", "srv/1999"] {
            assert_eq!(
                std::fs::read_link(tree.join(name)).unwrap().as_os_str().len(),
                300,
                "{layout} {name}"
            );
        }
    }
}

#[test]
fn all_of_an_archive_is_in_its_image() {
    disklessset_tests::need!(
        need::root(),
        need::tool("setcap"),
        need::tool("setfacl"),
        need::tool("setfattr")
    );
    let small = Small::new();
    add_oddities(&small);
    let archive = small.root.beside().join("tree: of mine.tar.zst");
    let pack = ["--xattrs", "--xattrs-include=*", "--acls", "--sparse", "--zstd", "--force-local", "-cf"];
    let pack = [&pack[..], &[archive.as_str(), "-C", small.tree.as_str(), "."]].concat();
    let _ = small.root.tool("tar", &pack).run().expect_done();
    let _ = small.create_from("web", &format!("tar:{archive}"), &[]).run().expect_done();
    must_have_oddities(&small, &small.unpacked("web"));
}

#[test]
fn links_out_of_a_tree_lead_nowhere() {
    disklessset_tests::need!(need::root());
    for link in
        ["etc/shadow", "etc/machine-id", "etc/os-release", "etc/hostname", "root", "proc", "boot", "srv"]
    {
        let small = Small::new();
        let canary = Canary::plant(&small.root.beside().join("canary"));
        let place = small.tree.join(link);
        match place.symlink_metadata() {
            Ok(found) if found.is_dir() => std::fs::remove_dir_all(&place).unwrap(),
            Ok(_) => std::fs::remove_file(&place).unwrap(),
            Err(_) => {}
        }
        let target = canary.path().join(if link.contains('/') { "precious" } else { "deep" });
        symlink(&target, &place).unwrap();
        let key = small.root.beside().join("key.pub");
        put(&key, KEY.as_bytes(), 0o644);
        let script = small.root.beside().join("script");
        put(&script, b"echo x >/etc/by-script\n", 0o644);
        let before = Snapshot::of(&small.root);
        let more = ["--ssh-pub-key", key.as_str(), "--run", script.as_str(), "--password-file", "-"];
        let created = small.create("web", &more).stdin("clear-secret\n").run();
        canary.assert_untouched();
        if created.status.success() {
            let tree = small.unpacked("web");
            let kept = std::fs::read_link(tree.join(link)).is_ok_and(|kept| kept == target.as_std_path());
            let replaced = tree.join(link).symlink_metadata().is_ok_and(|found| !found.is_symlink());
            assert!(kept || replaced || !tree.join(link).exists(), "{link}: neither kept nor made anew");
            let exec = small.run(&["livenet", "exec", "web", "--", "/bin/sh", "-c", "echo x >/etc/by-exec"]);
            drop(exec);
            let _ = small.run(&["livenet", "mount", "web"]);
            canary.assert_untouched();
            let _ = small.run(&["livenet", "unmount", "web"]);
            canary.assert_untouched();
        } else {
            let _ = created.expect_refusal(&[1, 2, 5]);
            before.assert_same_as_now(&small.root);
        }
        canary.assert_untouched();
    }
}

/// A public key nobody has the private one of.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP7Bh0QdaGTwBDNXu9kGZPvTDO2u1v0bYfRZ2Q2Jb8rJ test@example\n";

#[test]
fn an_archive_that_leads_out_of_itself_is_refused_and_leaves_nothing() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let canary = Canary::plant(&small.root.beside().join("canary"));
    let archive = small.root.beside().join("evil.tar");
    // A link to the canary, and then a member below that link.
    let stage = small.root.beside().join("stage");
    put(&stage.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
    symlink(canary.path(), stage.join("out")).unwrap();
    let pack = |args: &[&str]| small.root.tool("tar", args).run().expect_done();
    let _ = pack(&["-cf", archive.as_str(), "-C", stage.as_str(), "."]);
    std::fs::remove_file(stage.join("out")).unwrap();
    put(&stage.join("out/precious"), b"overwritten", 0o644);
    let _ = pack(&["-rf", archive.as_str(), "-C", stage.as_str(), "./out/precious"]);
    let rename = "--transform=s,^etc/passwd$,../../../../../../escaped,";
    let _ = pack(&["-rPf", archive.as_str(), "-C", stage.as_str(), rename, "etc/passwd"]);
    let before = Snapshot::of(&small.root);
    let created = small.create_from("web", &format!("tar:{archive}"), &[]).run();
    canary.assert_untouched();
    let _ = created.expect_refusal(&[1, 2, 5]);
    before.assert_same_as_now(&small.root);
}

#[test]
fn what_is_no_tree_is_refused_before_anything_is_made() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let empty = small.root.beside().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let missing = small.root.beside().join("missing");
    for source in
        [format!("tree:{empty}"), format!("tree:{missing}"), format!("tar:{missing}"), "zip:/x".into()]
    {
        let create = ["livenet", "create", "web", "--kernel", KERNEL, "--source", &source];
        small.refused(&create, 2, "");
    }
    let whole = format!("tree:{}", small.tree);
    let before = Snapshot::of(&small.root);
    let unknown = small.run(&["livenet", "create", "web", "--kernel", "9.9.9", "--source", &whole]);
    let _ = unknown.expect_code(3).expect_said("9.9.9");
    before.assert_same_as_now(&small.root);
}

#[test]
fn modes_hashes_and_passwords_are_what_they_should_be_whatever_the_umask() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let password = small.root.beside().join("password");
    put(&password, b"clear-secret\n", 0o600);
    let create = small.create("web", &["--password-file", password.as_str()]);
    let _ = create.behind("sh", &["-c", "umask 077; exec \"$0\" \"$@\""]).run().expect_done();
    let dir = small.root.image_dir("web");
    let mode = |path: &Utf8Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    for parent in dir.ancestors().take_while(|parent| *parent != small.root.path()) {
        assert_eq!(mode(parent), 0o755, "{parent}");
    }
    for file in ["squashfs.img", "boot.ipxe", "image_data.yml"] {
        assert_eq!(mode(&dir.join(file)), 0o644, "{file}");
    }
    let record = small.record("web");
    assert!(!record.contains("$6$") && !record.contains("clear-secret"), "{record}");
    let tree = small.unpacked("web");
    assert_eq!(mode(&tree), 0o755, "the umask shaped the root directory of nodes");
    assert_eq!(mode(&tree.join("etc/shadow")) & 0o007, 0, "everybody may read the hash");
}

#[test]
fn a_tree_on_btrfs_is_taken_by_a_snapshot_that_is_gone_afterwards() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.btrfs"), need::tool("btrfs"));
    if !std::fs::read_to_string("/proc/filesystems").unwrap().contains("\tbtrfs\n") {
        let _ = need::skip("this kernel does not know btrfs");
        return;
    }
    let small = Small::new();
    let disk = LoopDisk::new(&small.root.beside(), Disk::Btrfs, 1000).unwrap();
    let tree = disk.path().join("tree");
    tool("btrfs", &["subvolume", "create", tree.as_str()]).unwrap();
    tool("cp", &["-aT", small.tree.as_str(), tree.as_str()]).unwrap();
    std::fs::create_dir(disk.path().join("work")).unwrap();
    let work = small.root.path().join("var/tmp/diskless/workdir");
    let mounted = Mounted::bind(&disk.path().join("work"), &work);
    let args = ["-i", "livenet", "create", "web", "--kernel", KERNEL, "--source", &format!("tree:{tree}")];
    let created = small.root.disklessset(&args).run().expect_done();
    assert!(created.stderr.contains("is taken by snapshot: "), "{created}");
    // Where trees of packages are kept is a standing directory.
    let is_left = |name: &std::ffi::OsStr| name != ".bases";
    let areas = std::fs::read_dir(mounted.at()).unwrap().map(|area| area.unwrap().file_name());
    assert_eq!(areas.filter(|name| is_left(name)).count(), 0);
    let left = tool("btrfs", &["subvolume", "list", disk.path().as_str()]).unwrap();
    assert_eq!(left.lines().count(), 1, "{left}");
    drop(mounted);
    drop(disk);
    assert!(small.unpacked("web").join("etc/passwd").exists());
}
