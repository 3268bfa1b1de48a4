use super::*;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

struct Site {
    _outer: tempfile::TempDir,
    root: Utf8PathBuf,
    tree: ServedTree,
}

fn site() -> Site {
    let outer = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(outer.path()).unwrap().join("html");
    std::fs::create_dir_all(root.join("a/b")).unwrap();
    for d in ["", "a", "a/b"] {
        set_permissions(root.join(d), Permissions::from_mode(0o755)).unwrap();
    }
    put(&root.join("a/b/file"), "content", 0o644);
    let tree = ServedTree::new(&root).unwrap();
    Site { _outer: outer, root, tree }
}

#[allow(clippy::disallowed_methods, reason = "a test makes its own files")]
fn put(path: &Utf8Path, content: &str, mode: u32) {
    std::fs::write(path, content).unwrap();
    set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_readable_file_is_opened() {
    let site = site();
    let (_, meta) = site.tree.open(Utf8Path::new("a/b/file")).unwrap();
    assert_eq!(meta.len(), 7);
}

#[test]
fn what_a_web_server_could_not_read_is_refused_with_its_mode() {
    let site = site();
    put(&site.root.join("a/b/initramfs"), "x", 0o600);
    let error = site.tree.open(Utf8Path::new("a/b/initramfs")).unwrap_err();
    assert!(matches!(error, OpenError::Mode { .. }), "{error}");
    assert!(error.to_string().contains("mode 0600 of a/b/initramfs"), "{error}");

    set_permissions(site.root.join("a"), Permissions::from_mode(0o700)).unwrap();
    let error = site.tree.open(Utf8Path::new("a/b/file")).unwrap_err();
    assert!(error.to_string().contains("mode 0700 of a keeps"), "{error}");
}

#[test]
fn a_root_nobody_may_enter_is_named() {
    let site = site();
    set_permissions(&site.root, Permissions::from_mode(0o750)).unwrap();
    let error = site.tree.open(Utf8Path::new("a/b/file")).unwrap_err();
    assert!(error.to_string().contains(site.root.as_str()), "{error}");
}

#[test]
fn links_stay_inside() {
    let site = site();
    put(&site.root.join("../secret"), "s", 0o644);
    symlink("../secret", site.root.join("out")).unwrap();
    symlink("a/b", site.root.join("in")).unwrap();
    assert!(site.tree.open(Utf8Path::new("in/file")).is_ok());
    let error = site.tree.open(Utf8Path::new("out")).unwrap_err();
    assert!(matches!(error, OpenError::Outside { .. }), "{error}");
}

#[test]
fn records_are_hidden_even_through_a_link() {
    let site = site();
    put(&site.root.join("a/image_data.yml"), "password: x", 0o644);
    symlink("image_data.yml", site.root.join("a/innocent")).unwrap();
    for name in ["a/image_data.yml", "a/innocent"] {
        let error = site.tree.open(Utf8Path::new(name)).unwrap_err();
        assert!(matches!(error, OpenError::Hidden { .. }), "{name}: {error}");
    }
}

#[test]
fn a_fifo_is_not_there() {
    let site = site();
    nix::unistd::mkfifo(
        site.root.join("a/fifo").as_std_path(),
        nix::sys::stat::Mode::from_bits_truncate(0o644),
    )
    .unwrap();
    let error = site.tree.open(Utf8Path::new("a/fifo")).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    let error = site.tree.open(Utf8Path::new("a/none")).unwrap_err();
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
}
