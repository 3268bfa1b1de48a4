//! Given trees and OCI images whose authors mean harm: what is taken from them is theirs, and nothing of the server.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::os::unix::fs::{PermissionsExt, symlink};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

use super::cpio::cpio;
use super::kernels::real_kernel;
use super::small::{Small, kernels, make_tree, put};

pub(super) const VERSION: &str = "6.1.0-evil";

/// An initramfs as dracut makes them: whole, and large enough.
fn initramfs() -> Vec<u8> {
    cpio(&[
        ("usr/lib/dracut/modules.txt", &b"base\ndmsquash-live\nlivenet\n"[..]),
        ("init", &[b'#'; 1_200_000]),
    ])
}

/// A tree with a kernel and a dracut of its own, which does `evil` when it is to make an initramfs, at `$out`.
pub(super) fn tree_with_dracut(root: &TestRoot, tree: &Utf8Path, evil: &str) -> Utf8PathBuf {
    make_tree(root, tree);
    std::fs::copy("/bin/busybox", tree.join("usr/bin/busybox")).unwrap();
    for applet in ["rm", "ln", "cp", "mkdir", "dirname", "mknod"] {
        symlink("busybox", tree.join("usr/bin").join(applet)).unwrap();
    }
    std::fs::remove_dir_all(tree.join("usr/lib/modules")).unwrap();
    put(&tree.join("usr/lib/modules").join(VERSION).join("modules.dep"), b"kernel/own.ko:\n", 0o644);
    put(&tree.join("usr/lib/modules").join(VERSION).join("kernel/own.ko"), b"own", 0o644);
    put(&tree.join("boot").join(format!("vmlinuz-{VERSION}")), b"the kernel of the tree", 0o644);
    put(&tree.join("good"), &initramfs(), 0o644);
    let script = format!(
        "#!/bin/sh\nout=\ncase \"$*\" in *--list-modules*) echo base dmsquash-live livenet; exit 0;; esac\n\
         for word; do out=$word; done\n{evil}\n"
    );
    put(&tree.join("usr/bin/dracut"), script.as_bytes(), 0o755);
    tree.to_owned()
}

/// Files of the server that a link may lead to: one with a secret, and one that would pass for an initramfs.
fn secrets(root: &TestRoot) -> (Utf8PathBuf, Utf8PathBuf) {
    let (secret, whole) = (root.beside().join("secret/file"), root.beside().join("secret/whole"));
    put(&secret, b"SECRET-OF-THE-SERVER", 0o600);
    put(&whole, &initramfs(), 0o600);
    (secret, whole)
}

/// Nothing that nodes may fetch, and nothing that is kept of kernels, has the secret in it or leads to it.
#[track_caller]
fn assert_no_secret(root: &TestRoot) {
    for place in [kernels(root), root.path().join("var/lib/diskless")] {
        let found = root.tool("grep", &["-r", "-l", "SECRET-OF-THE-SERVER", place.as_str()]).run();
        assert_eq!(found.stdout, "", "{found}");
    }
}

#[test]
fn a_dracut_of_a_tree_that_swaps_its_kernel_for_links_gives_away_nothing() {
    disklessset_tests::need!(need::root(), need::tool("busybox"));
    let small = Small::new();
    let root = &small.root;
    let (secret, _) = secrets(root);
    let at = secret.parent().unwrap();
    let evil = format!(
        "rm -rf /boot/vmlinuz-{VERSION} /usr/lib/modules/{VERSION}\n\
         ln -s {secret} /boot/vmlinuz-{VERSION}\nln -s {at} /usr/lib/modules/{VERSION}\n\
         here=$(dirname $out); ln -s {secret} $here/vmlinuz; ln -s {secret} $here/../vmlinuz\n\
         mkdir $here/sums; ln -s {secret} $here/SHA256SUMS\ncp /good $out"
    );
    let tree = tree_with_dracut(root, &root.beside().join("evil"), &evil);
    let _ = root.disklessset(&["kernel", "add", "--from-tree", tree.as_str()]).run().expect_done();
    let published = std::fs::read_to_string(kernels(root).join(format!("vmlinuz-{VERSION}"))).unwrap();
    assert_eq!(published, "the kernel of the tree");
    let kept =
        root.path().join("var/lib/diskless/kernel-modules").join(VERSION).join("lib/modules").join(VERSION);
    assert_eq!(std::fs::read_to_string(kept.join("kernel/own.ko")).unwrap(), "own");
    assert_no_secret(root);
    let _ = root.disklessset(&["verify"]).run().expect_done();
    Snapshot::assert_nothing_held(root);
}

#[test]
fn what_a_dracut_of_a_tree_leaves_for_an_initramfs_is_a_file_of_its_own_or_none() {
    disklessset_tests::need!(need::root(), need::tool("busybox"));
    for evil in [
        "ln -s WHOLE $out",
        "ln -s ../../../../../../../../../../../../WHOLE $out",
        "mkdir $out; cp /good $out/initramfs",
        "cp /good $out; ln $out $out.more",
        "mknod $out b 7 0; true",
        "true",
    ] {
        let small = Small::new();
        let root = &small.root;
        let (_, whole) = secrets(root);
        let tree =
            tree_with_dracut(root, &root.beside().join("evil"), &evil.replace("WHOLE", whole.as_str()));
        let before = Snapshot::of(root);
        let add = root.disklessset(&["kernel", "add", "--from-tree", tree.as_str()]).run();
        let _ = add.expect_code(1).expect_said("dracut made no initramfs");
        assert_eq!(whole.metadata().unwrap().permissions().mode() & 0o7777, 0o600, "{evil}");
        before.assert_same_as_now(root);
    }
}

/// Names in an archive are what `tar` is told to write, whatever they are of.
fn layer(root: &TestRoot, number: usize, name: &str, of: &Utf8Path) -> Utf8PathBuf {
    let file = root.beside().join(format!("layer-{number}.tar"));
    let renamed = format!("s|^.*$|{name}|");
    let tar = ["--create", "--absolute-names", "--file", file.as_str(), "--transform", &renamed, of.as_str()];
    let _ = root.tool("tar", &tar).run().expect_done();
    file
}

#[test]
fn a_hostile_oci_image_reaches_nothing_of_the_server() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let small = Small::new();
    let root = &small.root;
    let layout = root.beside().join("layout");
    let umoci = |args: &[&str]| root.tool("umoci", args).run().expect_done();
    let _ = umoci(&["init", "--layout", layout.as_str()]);
    let base = format!("{layout}:base");
    let _ = umoci(&["new", "--image", &base]);
    let _ = umoci(&["insert", "--image", &base, small.tree.as_str(), "/"]);
    let victim = root.beside().join("victim");
    put(&victim.join("file"), b"keep", 0o600);
    let source = root.beside().join("planted");
    put(&source, b"PLANTED", 0o4755);
    let to_victim = root.beside().join("to-victim");
    symlink(&victim, &to_victim).unwrap();
    let climbing = format!("../../../../../../../../../..{victim}/planted");
    let absolute = format!("{victim}/planted");
    let whiteout = format!("../../../../../../../../../..{victim}/.wh.file");
    // Each image: layers of one member each, and whether it can be made all the same.
    let images: [(&str, &[(&str, &Utf8Path)]); 7] = [
        ("climbs", &[(&climbing, &source)]),
        ("absolute", &[(&absolute, &source)]),
        ("through", &[("srv/way", &to_victim), ("srv/way/planted", &source)]),
        ("whiteout", &[(&whiteout, &source)]),
        ("through-whiteout", &[("srv/way", &to_victim), ("srv/way/.wh.file", &source)]),
        ("opaque", &[("srv/way", &to_victim), ("srv/way/.wh..wh..opq", &source)]),
        ("dots", &[("srv/.wh...", &source)]),
    ];
    for (tag, layers) in images {
        let image = format!("{layout}:{tag}");
        let _ = umoci(&["tag", "--image", &base, tag]);
        for (number, (name, of)) in layers.iter().enumerate() {
            let file = layer(root, number, name, of);
            let _ = umoci(&["raw", "add-layer", "--image", &image, file.as_str()]);
        }
        let before = Snapshot::of(root);
        let made = small.create_from("web", &format!("oci:{layout}:{tag}"), &[]).run();
        if made.status.success() {
            let _ = root.disklessset(&["remove", "web", "--yes"]).run().expect_done();
        } else {
            let _ = made.expect_refusal(&[1, 2, 5]);
            before.assert_same_as_now(root);
        }
        let left: Vec<_> =
            victim.read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
        assert_eq!(left, ["file"], "{tag}");
        assert_eq!(std::fs::read_to_string(victim.join("file")).unwrap(), "keep", "{tag}");
        Snapshot::assert_nothing_held(root);
    }
}

/// A driver as the server's dracut takes it, but for one line of what it says of itself.
fn poisoned(driver: &Utf8Path, line: &str) {
    let mut bytes = std::fs::read(driver).unwrap();
    let begins = b"description=";
    let at = bytes.windows(begins.len()).position(|found| found == begins).unwrap();
    let length = bytes[at..].iter().position(|byte| *byte == 0).unwrap();
    assert!(line.len() <= length, "{line:?} is longer than {length} bytes");
    bytes[at..at + length].fill(0);
    bytes[at..at + line.len()].copy_from_slice(line.as_bytes());
    put(driver, &bytes, 0o644);
}

#[test]
fn modules_that_name_files_of_the_server_bring_none_into_an_initramfs() {
    disklessset_tests::need!(need::root(), need::tool("dracut"), need::full());
    let (version, vmlinuz, from) = real_kernel();
    let small = Small::new();
    let root = &small.root;
    // Directories that an initramfs has, too: there a name that climbs is the same in both.
    let secrets = ["/etc", "/root"].map(|place| {
        let secret = tempfile::Builder::new().prefix("s").tempfile_in(place).unwrap();
        std::io::Write::write_all(&mut secret.as_file(), b"SECRET-OF-THE-SERVER").unwrap();
        secret
    });
    let modules = root.beside().join("modules").join(&version);
    std::fs::create_dir_all(modules.parent().unwrap()).unwrap();
    let _ = root.tool("cp", &["-a", from.as_str(), modules.as_str()]).run().expect_done();
    for (driver, secret) in
        ["kernel/fs/squashfs/squashfs.ko", "kernel/fs/erofs/erofs.ko"].iter().zip(&secrets)
    {
        let climbing = format!("firmware=../../..{}", secret.path().to_str().unwrap());
        poisoned(&modules.join(driver), &climbing);
    }
    let add = ["kernel", "add", "--vmlinuz", vmlinuz.as_str(), "--modules", modules.as_str()];
    let _ = small.run(&add).expect_done();
    let make =
        root.disklessset(&["kernel", "initramfs", &version]).limit(std::time::Duration::from_secs(240));
    let _ = make.run().expect_done();
    let made = kernels(root).join(format!("initramfs-kernel-{version}"));
    let mut files = 0;
    let found = made.exists().then(|| {
        disklessset_system::initramfs::search(&made, &mut |name, _, content| {
            files += 1;
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            let has = bytes.windows(20).any(|part| part == b"SECRET-OF-THE-SERVER");
            Ok(has.then(|| String::from_utf8_lossy(name).into_owned()))
        })
        .unwrap()
    });
    assert_eq!(found.flatten(), None, "a file of the server is in the initramfs");
    assert!(files > 500, "an initramfs was made, of {files} files");
}
