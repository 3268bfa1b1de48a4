use super::*;
use rustix::fs::IFlags;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

fn tree() -> (tempfile::TempDir, TreeFiles, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    std::fs::create_dir_all(path.join("tree/etc")).unwrap();
    let files = TreeFiles::open(&path.join("tree")).unwrap();
    (dir, files, path)
}

fn put(path: &Utf8Path, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn an_unchangeable_file_is_replaced_and_removed_like_any_other() {
    let (_dir, files, base) = tree();
    let names = ["etc/resolv.conf", "etc/log"].map(|name| base.join("tree").join(name));
    for (path, flag) in names.iter().zip([IFlags::IMMUTABLE, IFlags::APPEND]) {
        put(path, "old");
        let file = std::fs::File::open(path).unwrap();
        let set =
            rustix::fs::ioctl_getflags(&file).and_then(|has| rustix::fs::ioctl_setflags(&file, has | flag));
        if set.is_err() {
            // Not root, or a file system without such flags.
            let said = "SKIPPED, files cannot be made unchangeable here\n";
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            return;
        }
    }
    files.replace("etc/resolv.conf", b"new", NewFile::of_root(0o644)).unwrap();
    assert_eq!(files.read("etc/resolv.conf").unwrap().unwrap(), b"new");
    files.remove("etc/log").unwrap();
    assert!(!files.exists("etc/log"));
}

#[test]
fn a_replaced_file_keeps_mode_and_owner() {
    let (_dir, files, base) = tree();
    let shadow = base.join("tree/etc/shadow");
    put(&shadow, "old");
    std::fs::set_permissions(&shadow, std::fs::Permissions::from_mode(0o640)).unwrap();
    files.replace("etc/shadow", b"new", NewFile::of_root(0o600)).unwrap();
    assert_eq!(std::fs::read_to_string(&shadow).unwrap(), "new");
    assert_eq!(shadow.metadata().unwrap().mode() & 0o7777, 0o640);
    assert_eq!(std::fs::read_dir(base.join("tree/etc")).unwrap().count(), 1, "nothing left aside");
}

#[test]
fn links_that_lead_out_are_harmless() {
    let (_dir, files, base) = tree();
    let canary = base.join("canary");
    std::fs::create_dir(&canary).unwrap();
    put(&canary.join("shadow"), "precious");
    // A file that is an absolute link, a directory that is one, and one that climbs.
    symlink(canary.join("shadow"), base.join("tree/etc/shadow")).unwrap();
    symlink(&canary, base.join("tree/abs")).unwrap();
    symlink("../../canary", base.join("tree/etc/up")).unwrap();
    for file in ["etc/shadow", "abs/shadow", "etc/up/shadow", "../canary/shadow"] {
        assert_eq!(files.read(file).unwrap(), None, "{file}");
        let _ = files.replace(file, b"evil", NewFile::of_root(0o600));
        let _ = files.remove(file);
    }
    for directory in ["abs", "etc/up", "../canary"] {
        let _ = files.empty_directory(directory);
        let _ = files.make_directory(&format!("{directory}/made"), 0o755);
    }
    assert_eq!(std::fs::read_to_string(canary.join("shadow")).unwrap(), "precious");
    assert_eq!(std::fs::read_dir(&canary).unwrap().count(), 1);
}

#[test]
fn a_link_onto_itself_and_a_fifo_are_errors_not_traps() {
    let (_dir, files, base) = tree();
    symlink("/etc/shadow", base.join("tree/etc/shadow")).unwrap();
    assert!(files.read("etc/shadow").is_err(), "resolves to itself inside the tree");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        base.join("tree/etc/passwd").as_std_path(),
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(files.read("etc/passwd").is_err());
}

#[test]
fn links_inside_the_tree_work_as_on_the_node() {
    let (_dir, files, base) = tree();
    std::fs::create_dir_all(base.join("tree/usr/lib")).unwrap();
    put(&base.join("tree/usr/lib/os-release"), "ID=x\n");
    symlink("/usr/lib/os-release", base.join("tree/etc/os-release")).unwrap();
    assert_eq!(files.read_text("etc/os-release").unwrap().unwrap(), "ID=x\n");
    files.replace("etc/os-release", b"ID=y\n", NewFile::of_root(0o644)).unwrap();
    assert_eq!(std::fs::read_to_string(base.join("tree/usr/lib/os-release")).unwrap(), "ID=x\n");
    assert!(!base.join("tree/etc/os-release").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn emptying_keeps_what_it_says_and_follows_nothing() {
    let (_dir, files, base) = tree();
    let canary = base.join("canary");
    std::fs::create_dir(&canary).unwrap();
    put(&canary.join("f"), "precious");
    std::fs::create_dir_all(base.join("tree/var/log/a/b")).unwrap();
    put(&base.join("tree/var/log/a/b/x.log"), "x");
    symlink(&canary, base.join("tree/var/log/out")).unwrap();
    files.empty_of_files("var/log").unwrap();
    assert!(base.join("tree/var/log/a/b").is_dir());
    assert!(!base.join("tree/var/log/a/b/x.log").exists());
    files.empty_directory("var/log").unwrap();
    assert_eq!(std::fs::read_dir(base.join("tree/var/log")).unwrap().count(), 0);
    assert!(canary.join("f").exists());
}
