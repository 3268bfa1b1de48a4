//! That the comparison of trees sees every attribute that changes.

use super::*;

/// A change, the path it changes, and what the comparison has to say of it.
type Change = (&'static str, &'static str, fn(&Utf8Path));

fn set_times(path: &Utf8Path, accessed: i64, modified: i64) {
    let time = |tv_nsec| Timespec { tv_sec: 1_000_000_000, tv_nsec };
    let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
    rustix::fs::utimensat(CWD, path.as_std_path(), &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

/// One change of each kind. The comparison names the attribute after the path, so that a change that is seen for another is not
/// taken for seen.
const CHANGES: &[Change] = &[
    ("etc/passwd", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o4644)).unwrap()),
    ("usr/bin/su", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o0755)).unwrap()),
    ("tmp", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap()),
    ("", "mode", |path| std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap()),
    ("etc/passwd", "owner", |path| lchown(path, Some(1), None).unwrap()),
    ("etc/link", "owner", |path| lchown(path, None, Some(1)).unwrap()),
    ("dev/null", "owner", |path| lchown(path, Some(1), None).unwrap()),
    ("etc/passwd", "size", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(3).unwrap();
    }),
    ("etc/shadow", "accessed", |path| set_times(path, 5, 7)),
    ("etc/shadow", "modified", |path| set_times(path, 5, 8)),
    ("usr", "modified", |path| set_times(path, 5, 8)),
    ("etc/dangling", "modified", |path| set_times(path, 5, 8)),
    ("usr/lib/large", "digest", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(b"?", 8_999_999).unwrap();
    }),
    ("var/holes/hole-last", "data", |path| {
        std::fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(&[0; 4096], 65_536).unwrap();
    }),
    ("etc/link", "target", |path| {
        std::fs::remove_file(path).unwrap();
        symlink("shadow", path).unwrap();
    }),
    ("dev/null", "device", |path| {
        std::fs::remove_file(path).unwrap();
        tool("mknod", &[path.as_str(), "c", "1", "5"]).unwrap();
    }),
    ("dev/disk", "kind", |path| {
        std::fs::remove_file(path).unwrap();
        tool("mknod", &[path.as_str(), "c", "1", "5"]).unwrap();
    }),
    ("etc/attributes", "attribute user.text", |path| set_attribute(path, c"user.text", b"other")),
    ("etc/attributes", "attribute user.empty", |path| {
        rustix::fs::lremovexattr(path.as_std_path(), c"user.empty").unwrap();
    }),
    ("etc/attributes", "attribute security.own", |path| set_attribute(path, c"security.own", b"other")),
    ("etc", "attribute user.new", |path| set_attribute(path, c"user.new", b"")),
    ("etc/dangling", "attribute trusted.of-a-link", |path| set_attribute(path, c"trusted.of-a-link", b"no")),
    ("usr/bin/ping", "attribute security.capability", |path| {
        tool("setcap", &["cap_net_raw+ep", path.as_str()]).map(drop).unwrap();
    }),
    ("var/shared/after", "attribute system.posix_acl_access", |path| {
        tool("setfacl", &["-m", "u:12345:r--", path.as_str()]).map(drop).unwrap();
    }),
    ("var/shared", "attribute system.posix_acl_default", |path| {
        tool("setfacl", &["-k", path.as_str()]).map(drop).unwrap();
    }),
    ("usr/bin/su-again", "names", |path| {
        std::fs::copy(path, path.with_extension("new")).unwrap();
        std::fs::rename(path.with_extension("new"), path).unwrap();
    }),
    // Another of its names, the first, becomes a file of its own.
    ("usr/bin/su", "same_as", |path| {
        let other = path.parent().unwrap().join("../../sbin/deep/down/su");
        std::fs::copy(path, other.with_extension("new")).unwrap();
        std::fs::rename(other.with_extension("new"), other).unwrap();
    }),
    ("etc/empty", "immutable", |path| set_flag(path, IFlags::IMMUTABLE)),
    ("srv", "append_only", |path| set_flag(path, IFlags::APPEND)),
    ("tmp", "missing", |path| std::fs::remove_dir(path).unwrap()),
    ("var/new", "added", |path| std::fs::create_dir(path).unwrap()),
];

#[test]
fn the_comparison_sees_every_attribute_that_changes() {
    need!(need::full(), needs());
    let root = TestRoot::bare();
    let (disk, test) = (disk(&root, Disk::Ext4), TestHost::new());
    let tree = hostile(&disk, &test);
    let mut before = TreeFacts::of(&tree).unwrap();
    same(&before, &TreeFacts::of(&tree).unwrap(), "looking twice");
    assert!(before.entries.len() > 3000);
    for (path, what, change) in CHANGES {
        let place = if path.is_empty() { tree.clone() } else { tree.join(path) };
        change(&place);
        let after = TreeFacts::of(&tree).unwrap();
        let differences = before.differences(&after);
        let expected = format!("{path:?}: {what}");
        assert!(
            differences.iter().any(|line| line.starts_with(&expected)),
            "{expected} was not seen in {differences:?}"
        );
        before = after;
    }
}
