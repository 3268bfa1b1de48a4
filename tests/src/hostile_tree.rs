//! A tree with everything that copies lose: what an OS tree has, what it may have, and what nobody expects.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, lchown, symlink};
use std::path::Path;

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, FileType, IFlags, Mode, OFlags, Timespec, Timestamps, XattrFlags, makedev};

use crate::loop_disk::tool;

/// Owners that no account has.
const OWNER: (u32, u32) = (4_000_000_001, 3_999_999_999);
/// Data of one kind of sparse file lies here.
const FAR: u64 = 300 << 20;

/// Fills a directory that is there and empty. As root, with `setfacl` and `setcap`; entries that take back-up space are few: it needs
/// some 20 MB.
///
/// # Panics
/// When something cannot be made.
#[track_caller]
pub fn fill(tree: &Utf8Path) {
    files(tree);
    sparse(tree);
    special(tree);
    links(tree);
    extended(tree);
    directories(tree);
    names(tree);
    times(tree);
    // Nothing can be changed after these.
    flags(tree);
}

fn put(path: &Utf8Path, bytes: &[u8], mode: u32) {
    let _ = std::fs::create_dir_all(path.parent().unwrap());
    std::io::Write::write_all(&mut std::fs::File::create_new(path).unwrap(), bytes).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

fn files(tree: &Utf8Path) {
    put(&tree.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n", 0o644);
    put(&tree.join("etc/shadow"), b"root:*:::::::\n", 0o000);
    put(&tree.join("etc/empty"), b"", 0o640);
    put(&tree.join("usr/bin/su"), &noise(70_001), 0o4755);
    put(&tree.join("usr/bin/wall"), &noise(4096), 0o2755);
    put(&tree.join("usr/bin/all-bits"), b"#!/bin/sh\n", 0o7777);
    put(&tree.join("usr/lib/large"), &noise(9_000_001), 0o755);
    // A set-id bit must survive a change of owner.
    let foreign = tree.join("usr/bin/foreign");
    put(&foreign, &noise(5000), 0o755);
    lchown(&foreign, Some(OWNER.0), Some(OWNER.1)).unwrap();
    std::fs::set_permissions(&foreign, PermissionsExt::from_mode(0o6755)).unwrap();
    put(&tree.join("home/user/file"), b"mine", 0o600);
    lchown(tree.join("home/user/file"), Some(1000), Some(100)).unwrap();
    lchown(tree.join("home/user"), Some(1000), Some(100)).unwrap();
}

fn sparse(tree: &Utf8Path) {
    use std::os::unix::fs::FileExt;
    std::fs::create_dir_all(tree.join("var/holes")).unwrap();
    let make = |name: &str, length: u64, data: &[u64]| {
        let file = std::fs::File::create_new(tree.join("var/holes").join(name)).unwrap();
        file.set_len(length).unwrap();
        for at in data {
            file.write_all_at(&noise(8192), *at).unwrap();
        }
        file.sync_all().unwrap();
    };
    make("only-a-hole", 1 << 40, &[]);
    make("hole-first", FAR + 8192, &[FAR]);
    make("hole-last", FAR, &[0]);
    make("hole-between", FAR + 8192, &[0, 100 << 20, FAR]);
    make("odd-end", (FAR) + 12_345, &[1 << 20]);
}

fn special(tree: &Utf8Path) {
    let dev = tree.join("dev");
    std::fs::create_dir(&dev).unwrap();
    for (name, kind, device, mode) in [
        ("null", FileType::CharacterDevice, makedev(1, 3), 0o666),
        ("disk", FileType::BlockDevice, makedev(259, 70_000), 0o660),
        ("fifo", FileType::Fifo, 0, 0o622),
        ("socket", FileType::Socket, 0, 0o4777),
    ] {
        let path = dev.join(name);
        rustix::fs::mknodat(CWD, path.as_std_path(), kind, Mode::from_raw_mode(0o600), device).unwrap();
        lchown(&path, Some(7), Some(6)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        set(&path, c"trusted.kind", name.as_bytes());
    }
}

fn links(tree: &Utf8Path) {
    for (name, to) in [
        ("etc/link", "passwd"),
        ("etc/dangling", "/no/such/place"),
        ("etc/out", "../../../../../../etc/hostname"),
        ("etc/itself", "itself"),
        ("etc/to-directory", "../usr"),
    ] {
        symlink(to, tree.join(name)).unwrap();
    }
    let odd = OsStr::from_bytes(b"not\xffutf8\n");
    symlink(odd, tree.join("etc/odd-target")).unwrap();
    symlink("x".repeat(1000), tree.join("etc/long-target")).unwrap();
    lchown(tree.join("etc/dangling"), Some(OWNER.0), Some(OWNER.1)).unwrap();
    set(&tree.join("etc/dangling"), c"trusted.of-a-link", b"yes");

    let again = |from: &str, to: &str| {
        std::fs::create_dir_all(tree.join(to).parent().unwrap()).unwrap();
        std::fs::hard_link(tree.join(from), tree.join(to)).unwrap();
    };
    again("usr/bin/su", "usr/bin/su-again");
    again("usr/bin/su", "sbin/deep/down/su");
    again("etc/dangling", "var/dangling-again");
    again("dev/fifo", "var/fifo-again");
    again("var/holes/hole-between", "home/hole-again");
    for number in 0..300 {
        again("etc/empty", &format!("var/many/{}/{number}", number % 7));
    }
}

fn set(path: &Utf8Path, name: &CStr, value: &[u8]) {
    rustix::fs::lsetxattr(path.as_std_path(), name, value, XattrFlags::empty())
        .unwrap_or_else(|cause| panic!("cannot set {name:?} of {path}: {cause}"));
}

fn extended(tree: &Utf8Path) {
    let plain = tree.join("etc/attributes");
    put(&plain, b"attributes", 0o644);
    set(&plain, c"user.text", b"some text");
    set(&plain, c"user.empty", b"");
    set(&plain, c"user.large", &noise(2500));
    set(&plain, c"trusted.root", b"\0\xff\n");
    set(&plain, c"security.own", b"labelled");
    set(&tree.join("etc"), c"user.of-a-directory", b"yes");
    let ping = tree.join("usr/bin/ping");
    put(&ping, &noise(3000), 0o755);
    tool("setcap", &["cap_net_raw,cap_net_admin+ep", ping.as_str()]).unwrap();
    // Capabilities must survive a change of owner.
    let owned = tree.join("usr/bin/ping-of-another");
    put(&owned, &noise(3000), 0o750);
    lchown(&owned, Some(12), Some(34)).unwrap();
    tool("setcap", &["cap_setuid=ei", owned.as_str()]).unwrap();
    let shared = tree.join("var/shared");
    std::fs::create_dir(&shared).unwrap();
    put(&shared.join("before"), b"before the default", 0o640);
    tool("setfacl", &["-m", "u:12345:rwx,g:54321:r-x,m::rwx", shared.as_str()]).unwrap();
    tool("setfacl", &["-d", "-m", "u:12345:rwx,g::r-x,o::---", shared.as_str()]).unwrap();
    put(&shared.join("after"), b"has what it inherited", 0o660);
    // A copy must not inherit what the original has not.
    tool("setfacl", &["-b", shared.join("before").as_str()]).unwrap();
    std::fs::create_dir(shared.join("below")).unwrap();
    tool("setfacl", &["-b", "-k", shared.join("below").as_str()]).unwrap();
    put(&shared.join("below/plain"), b"plain", 0o604);
}

fn directories(tree: &Utf8Path) {
    for (name, mode) in [("tmp", 0o1777), ("var/closed", 0o000), ("var/mail", 0o2775), ("srv", 0o755)] {
        std::fs::create_dir(tree.join(name)).unwrap();
        std::fs::set_permissions(tree.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    lchown(tree.join("var/mail"), Some(0), Some(OWNER.1)).unwrap();
    std::fs::set_permissions(tree.join("var/mail"), PermissionsExt::from_mode(0o2775)).unwrap();
    for number in 0..2000 {
        put(&tree.join(format!("var/wide/{number:04}")), number.to_string().as_bytes(), 0o644);
    }
    for number in 0..400 {
        std::fs::create_dir(tree.join(format!("var/wide/directory{number:04}"))).unwrap();
    }
    // Longer than any path that the kernel takes, and with more levels than anybody keeps open.
    let name = CString::new("d".repeat(60)).unwrap();
    let mut here: OwnedFd =
        rustix::fs::open(tree.as_std_path(), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    for level in 0..150 {
        rustix::fs::mkdirat(&here, &name, Mode::from_raw_mode(0o700 | (level % 8))).unwrap();
        let below = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        here = rustix::fs::openat(&here, &name, below, Mode::empty()).unwrap();
        rustix::fs::mkdirat(&here, "aside", Mode::from_raw_mode(0o711)).unwrap();
        let made = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY;
        let file = rustix::fs::openat(&here, "file", made, Mode::from_raw_mode(0o644)).unwrap();
        rustix::io::write(&file, level.to_string().as_bytes()).unwrap();
    }
}

fn names(tree: &Utf8Path) {
    let directory = tree.join("var/names");
    std::fs::create_dir(&directory).unwrap();
    let long = "n".repeat(255);
    let names: [&[u8]; 8] =
        [b"not\xffutf8", b"new\nline", b"-rf", b" ", b"\\", b"*", b"...", long.as_bytes()];
    for name in names {
        let path = directory.as_std_path().join(OsStr::from_bytes(name));
        std::fs::create_dir(&path).unwrap();
        std::fs::File::create_new(path.join(OsStr::from_bytes(name))).unwrap();
    }
}

/// Times before 1970 and after 2038, with nanoseconds; of directories too, after all is in them.
fn times(tree: &Utf8Path) {
    let set = |path: &Path, seconds: i64, nanoseconds: i64| {
        let time = |more| Timespec { tv_sec: seconds + more, tv_nsec: nanoseconds };
        let times = Timestamps { last_access: time(1), last_modification: time(0) };
        rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    };
    for (number, name) in [
        "etc/passwd",
        "etc/dangling",
        "etc",
        "usr/bin",
        "dev/null",
        "dev/fifo",
        "usr/bin/su",
        "tmp",
        "var/wide",
        "",
    ]
    .into_iter()
    .enumerate()
    {
        set(tree.join(name).as_std_path(), 1_000_000_000 + number as i64, 123_456_789);
    }
    set(tree.join("etc/empty").as_std_path(), -86_400, 1);
    set(tree.join("srv").as_std_path(), 4_000_000_000, 999_999_999);
    let top = std::fs::File::open(tree).unwrap();
    rustix::fs::fchown(&top, Some(rustix::fs::Uid::from_raw(3)), Some(rustix::fs::Gid::from_raw(4))).unwrap();
    std::fs::set_permissions(tree, PermissionsExt::from_mode(0o2751)).unwrap();
}

fn flags(tree: &Utf8Path) {
    put(&tree.join("var/kept/immutable"), b"for ever", 0o644);
    put(&tree.join("var/kept/log"), b"only more", 0o644);
    put(&tree.join("var/kept/several"), b"with several names", 0o644);
    std::fs::hard_link(tree.join("var/kept/several"), tree.join("var/kept/names")).unwrap();
    put(&tree.join("var/kept/directory/inside"), b"in an immutable directory", 0o644);
    std::fs::create_dir(tree.join("var/kept/directory/below")).unwrap();
    set_flags(tree, IFlags::IMMUTABLE);
}

const FLAGGED: [(&str, IFlags); 4] = [
    ("var/kept/immutable", IFlags::IMMUTABLE),
    ("var/kept/log", IFlags::APPEND),
    ("var/kept/several", IFlags::IMMUTABLE),
    ("var/kept/directory", IFlags::IMMUTABLE),
];

fn set_flags(tree: &Utf8Path, which: IFlags) {
    for (name, flag) in FLAGGED {
        let file = std::fs::File::open(tree.join(name)).unwrap();
        let has = rustix::fs::ioctl_getflags(&file).unwrap() - (IFlags::IMMUTABLE | IFlags::APPEND);
        let flag = if which.is_empty() { which } else { flag };
        rustix::fs::ioctl_setflags(&file, has | flag).unwrap();
    }
}

/// Takes the immutable and append-only flags off the tree or its copy, so that it can be removed or changed.
///
/// # Panics
/// When that fails.
pub fn unlock(tree: &Utf8Path) {
    set_flags(tree, IFlags::empty());
}
