//! A small OS tree with everything in it that copying and packing could lose, and a kernel to boot it with.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{KernelVersion, testing::TestHost};
use std::{
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    },
    process::Command,
};

/// A file capability as the kernel keeps it (cap_net_raw, permitted and effective).
const CAPABILITY: &str = "cap_net_raw=ep";

/// The tree and the kernel.
pub(super) struct Sample {
    pub(super) tree: Utf8PathBuf,
    pub(super) version: KernelVersion,
    /// Whether images are made from an archive of the tree.
    pub(super) from_archive: bool,
}

fn run(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

fn put(path: &Utf8Path, text: &str, mode: u32) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

impl Sample {
    pub(super) fn make(test: &TestHost) -> Self {
        let tree = test.root().join("source tree");
        let at = |path: &str| tree.join(path);
        for directory in
            ["boot", "dev", "etc", "proc", "root", "run", "srv", "sys", "tmp", "usr/bin", "var/log"]
        {
            std::fs::create_dir_all(at(directory)).unwrap();
        }
        symlink("usr/bin", at("bin")).unwrap();
        put(&at("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n", 0o644);
        put(&at("etc/shadow"), "root:!locked:19000:0:99999:7:::\n", 0o640);
        put(&at("etc/machine-id"), "0123\n", 0o444);
        put(&at("etc/ssh/ssh_host_rsa_key"), "secret", 0o600);
        put(&at("etc/gone"), "to be removed", 0o644);
        put(&at("boot/vmlinuz"), "kernel", 0o600);
        put(&at("usr/bin/setuid"), "#!/bin/sh\n", 0o4755);
        put(&at("usr/bin/ping"), "#!/bin/sh\n", 0o755);
        run("setcap", &[CAPABILITY, at("usr/bin/ping").as_str()]);
        put(&at("srv/with acl"), "x", 0o640);
        acl(&at("srv/with acl"));
        put(&at("srv/first"), "linked", 0o604);
        std::fs::hard_link(at("srv/first"), at("srv/second")).unwrap();
        std::os::unix::fs::chown(at("srv/first"), Some(12_345), Some(54_321)).unwrap();
        symlink("/no/where", at("srv/dangling")).unwrap();
        put(&at("srv/.hidden"), "x", 0o600);
        std::fs::create_dir(tree.as_std_path().join(OsStr::from_bytes(b"srv/caf\xe9"))).unwrap();
        run("mkfifo", &[at("srv/fifo").as_str()]);
        drop(std::os::unix::net::UnixListener::bind(at("srv/socket")).unwrap());
        run("mknod", &[at("srv/null").as_str(), "c", "1", "3"]);
        std::fs::File::create(at("srv/sparse")).unwrap().set_len(8 << 20).unwrap();
        program(&tree, "/bin/sh", "sh");

        let version = KernelVersion::parse("6.1.0-test").unwrap();
        put(&test.places().kernels.join("initramfs-kernel-6.1.0-test"), "", 0o644);
        std::fs::File::create(test.places().kernels.join("initramfs-kernel-6.1.0-test"))
            .and_then(|mut file| std::io::Write::write_all(&mut file, &initramfs()))
            .unwrap();
        let modules = test.root().join("modules/6.1.0-test");
        put(&modules.join("modules.dep"), "", 0o644);
        test.set_kernel_modules(&version, &modules);
        Self { tree, version, from_archive: false }
    }

    /// Fails when an unpacked or mounted tree lacks anything but the ACL.
    pub(super) fn must_be_in(&self, tree: &Utf8Path) {
        let at = |path: &str| tree.join(path);
        let meta = |path: &str| at(path).symlink_metadata().unwrap_or_else(|cause| panic!("{path}: {cause}"));
        assert_eq!(meta("usr/bin/setuid").mode() & 0o7777, 0o4755);
        let capability = run("getcap", &[at("usr/bin/ping").as_str()]);
        assert!(capability.trim_end().ends_with(CAPABILITY), "{capability:?}");
        let (first, second) = (meta("srv/first"), meta("srv/second"));
        assert_eq!((first.uid(), first.gid(), first.mode() & 0o7777), (12_345, 54_321, 0o604));
        assert_eq!((first.ino(), first.nlink()), (second.ino(), 2));
        assert_eq!(std::fs::read_link(at("srv/dangling")).unwrap().to_str(), Some("/no/where"));
        assert!(meta("srv/.hidden").is_file());
        assert!(tree.as_std_path().join(OsStr::from_bytes(b"srv/caf\xe9")).is_dir());
        assert!(meta("srv/fifo").file_type().is_fifo());
        // tar archives have no place for sockets, which are of no use in an image anyway.
        assert!(
            at("srv/socket").symlink_metadata().is_ok_and(|m| m.file_type().is_socket()) || self.from_archive
        );
        assert!(meta("srv/null").file_type().is_char_device() && meta("srv/null").rdev() == 0x103);
        let sparse = meta("srv/sparse");
        assert_eq!(sparse.len(), 8 << 20);
        let source = self.tree.join("srv/first").metadata().unwrap();
        assert_eq!(first.mtime(), source.mtime());
    }
}

/// An ACL entry for user 7, set as the kernel wants it: version 2, then tag, permissions and id of each entry.
fn acl(file: &Utf8Path) {
    let entry = |tag: u16, permissions: u16, id: u32| {
        [tag.to_le_bytes().as_slice(), &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let nobody = u32::MAX;
    let entries = [
        entry(1, 6, nobody),
        entry(2, 4, 7),
        entry(4, 4, nobody),
        entry(0x10, 4, nobody),
        entry(0x20, 0, nobody),
    ];
    let value = [2u32.to_le_bytes().to_vec(), entries.concat()].concat();
    rustix::fs::setxattr(
        file.as_std_path(),
        "system.posix_acl_access",
        &value,
        rustix::fs::XattrFlags::empty(),
    )
    .unwrap();
}

/// A program of the server with the libraries it needs.
fn program(tree: &Utf8Path, file: &str, name: &str) {
    std::fs::copy(file, tree.join("usr/bin").join(name)).unwrap();
    for word in run("ldd", &[file]).split_whitespace().filter(|word| word.starts_with('/')) {
        let target = tree.join(word.trim_start_matches('/'));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(word, target).unwrap();
    }
}

/// An uncompressed archive with the list of dracut modules alone.
fn initramfs() -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in [("usr/lib/dracut/modules.txt", "base\noverlayfs\n"), ("TRAILER!!!", "")] {
        out.extend(b"070701");
        for index in 0..13 {
            let value = match index {
                6 => text.len(),
                11 => name.len() + 1,
                _ => 0,
            };
            out.extend(format!("{value:08x}").bytes());
        }
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(text.bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}
