//! Given an image of real packages, made with all that a user can ask for: what is in it, what is not, and where nothing leaks.

use std::os::unix::fs::PermissionsExt;

use camino::Utf8Path;
use disklessset_tests::need;

use super::apt_tree::{KEY, PASSWORD, shared};

fn text(tree: &Utf8Path, file: &str) -> String {
    std::fs::read_to_string(tree.join(file)).unwrap_or_else(|cause| panic!("{file}: {cause}"))
}

#[test]
fn everything_asked_for_is_in_it_and_nothing_of_the_server_or_of_one_machine() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"));
    let shared = shared();
    let tree = shared.tree();
    assert!(tree.join("usr/bin/less").exists() && tree.join("usr/sbin/sshd").exists());
    assert_eq!(text(tree, "etc/by-script"), "from-script\n");
    assert_eq!(text(tree, "root/.ssh/authorized_keys"), KEY);
    let mode = |file: &str| tree.join(file).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("root/.ssh"), mode("root/.ssh/authorized_keys")), (0o700, 0o600));
    assert_eq!((mode(""), mode("etc"), mode("etc/passwd"), mode("tmp")), (0o755, 0o755, 0o644, 0o1777));

    assert_eq!(text(tree, "etc/machine-id"), "");
    let hostname = std::fs::read_to_string(tree.join("etc/hostname")).unwrap_or_default();
    assert_eq!(hostname.trim(), "", "a host name of one machine");
    let names = |dir: &str| -> Vec<String> {
        let entries = tree.join(dir).read_dir_utf8().map(|found| found.flatten().collect()).unwrap_or(vec![]);
        entries.iter().map(|entry| entry.file_name().to_owned()).collect()
    };
    let keys: Vec<_> = names("etc/ssh").into_iter().filter(|name| name.starts_with("ssh_host_")).collect();
    assert!(keys.is_empty(), "{keys:?}");
    let packages: Vec<_> =
        names("var/cache/apt/archives").into_iter().filter(|name| name.ends_with(".deb")).collect();
    assert!(packages.is_empty(), "{packages:?}");
    let lists: Vec<_> =
        names("var/lib/apt/lists").into_iter().filter(|name| name.contains("_dists_")).collect();
    assert!(lists.is_empty(), "{lists:?}");
    let script: Vec<_> = names("").into_iter().filter(|name| name.contains("disklessset")).collect();
    assert!(script.is_empty(), "{script:?} is left of the script");
    for place in ["tmp", "var/tmp", "proc", "sys"] {
        assert!(names(place).is_empty(), "{place}: {:?}", names(place));
    }

    let release = text(tree, "etc/os-release");
    let kernels = names("usr/lib/modules");
    assert_eq!(kernels.len(), 1, "{kernels:?}");
    assert!(release.contains("DISKLESSSET_IMAGE=\"base\"") && release.contains(&kernels[0]), "{release}");
    assert!(release.contains("ID=debian"), "the distribution's own lines are gone: {release}");
    let boot = std::fs::read_to_string(shared.root.image_dir("base").join("boot.ipxe")).unwrap();
    for part in [
        "audit=0 panic=7",
        "root=live:${diskless-base}/oci/blobs/sha256/",
        "rd.live.overlay.overlayfs=1",
        "${next-server}",
        &kernels[0],
    ] {
        assert!(boot.contains(part), "{part:?} is not in {boot}");
    }
}

#[test]
fn the_password_opens_root_s_account_and_stands_nowhere() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"));
    let shared = shared();
    let shadow = text(shared.tree(), "etc/shadow");
    let hash = shadow.lines().find_map(|line| line.strip_prefix("root:")).unwrap().split(':').next().unwrap();
    assert!(hash.starts_with("$6$"), "{hash}");
    // Another program's opinion: crypt(3) through perl, which Debian always has.
    let same = "print crypt($ARGV[0], $ARGV[1])";
    let crypted = shared.root.tool("perl", &["-e", same, PASSWORD, hash]).run().expect_done().stdout;
    assert_eq!(crypted, hash, "the hash is not of this password");

    assert!(shared.leaks.is_empty(), "seen by everybody on the machine: {:?}", shared.leaks);
    assert!(!shared.printed.contains(PASSWORD), "printed");
    let record = std::fs::read_to_string(shared.root.image_dir("base").join("image_data.yml")).unwrap();
    assert!(!record.contains("$6$"), "the hash is in the record: {record}");
    // Everything below the root (records, logs, journals, boot files), and the whole tree of the image.
    for place in [shared.root.path(), shared.tree().to_owned()] {
        let grep = shared.root.tool("grep", &["-rlF", "--", PASSWORD, place.as_str()]).run();
        assert_eq!(grep.status.code(), Some(1), "{}", grep.stdout);
    }
}

#[test]
fn the_image_is_whole_and_served_as_it_should_be() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"));
    let shared = shared();
    let _ = shared.root.disklessset(&["verify", "base"]).run().expect_done();
    let dir = shared.root.image_dir("base");
    let kernels = super::small::kernels(&shared.root);
    for place in [&dir, &kernels] {
        for file in place.read_dir_utf8().unwrap().flatten() {
            let mode = file.metadata().unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, 0o644, "{}", file.path());
        }
        for above in place.ancestors().take_while(|above| *above != shared.root.path()) {
            assert_eq!(above.metadata().unwrap().permissions().mode() & 0o7777, 0o755, "{above}");
        }
    }
}
