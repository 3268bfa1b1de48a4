use super::*;
use std::io::Read;
use std::os::unix::fs::symlink;

fn tree() -> (tempfile::TempDir, OwnedFd) {
    let dir = tempfile::tempdir().unwrap();
    let place = |name: &str| dir.path().join("tree").join(name);
    std::fs::create_dir_all(place("usr/lib")).unwrap();
    for (file, text) in [("usr/lib/file", "inside"), ("top", "top")] {
        std::io::Write::write_all(&mut std::fs::File::create(place(file)).unwrap(), text.as_bytes()).unwrap();
    }
    for (aim, name) in [
        ("/usr/lib", "lib"),
        ("../../../../top", "usr/up"),
        ("a", "b"),
        ("b", "a"),
        ("/etc/passwd", "server"),
        ("nowhere", "dangling"),
    ] {
        symlink(aim, place(name)).unwrap();
    }
    let root = rustix::fs::open(place(""), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    (dir, root)
}

fn contents(opened: Result<OwnedFd>) -> Result<String> {
    let mut text = String::new();
    let read = std::fs::File::from(opened?).read_to_string(&mut text);
    read.map(|_| text).map_err(|cause| Errno::from_io_error(&cause).unwrap())
}

#[test]
fn a_walk_finds_what_the_kernel_finds() {
    let (_dir, root) = tree();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    for path in [
        "top",
        "/top",
        "lib/file",
        "usr/../lib/file",
        "usr/up",
        "../../top",
        "a",
        "server",
        "dangling",
        "top/x",
        "usr/lib",
        "lib",
        "",
        ".",
        "lib/",
        "nowhere",
        "usr/nowhere/x",
        "./usr/./lib//file",
    ] {
        for (links, mounts) in [(Links::Inside, Mounts::Refused), (Links::Refused, Mounts::Entered)] {
            for more in [OFlags::empty(), OFlags::DIRECTORY, OFlags::NOFOLLOW] {
                let path = Path::new(path);
                let kernel = contents(inside(&root, path, flags | more, links, mounts));
                let walked = contents(walking::inside(
                    root.as_fd(),
                    path,
                    flags | more | OFlags::CLOEXEC,
                    links,
                    mounts,
                ));
                assert_eq!(walked, kernel, "{path:?}, {links:?}, {more:?}");
            }
        }
    }
    let system = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let version = |mounts| {
        let path = Path::new("proc/version");
        walking::inside(system.as_fd(), path, flags, Links::Inside, mounts)
    };
    assert_eq!(version(Mounts::Refused).unwrap_err(), Errno::XDEV);
    assert!(contents(version(Mounts::Entered)).unwrap().starts_with("Linux"));
}

#[test]
fn a_look_at_a_child_refuses_what_the_kernel_refuses() {
    let (_dir, root) = tree();
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let further =
        [c"usr/lib", c"usr/lib/file", c"lib/file", c"usr/nowhere", c"top/x", c"usr/up", c"usr/../../x"];
    for name in [c"top", c"usr", c"lib", c"nowhere", c"..", c"a"].into_iter().chain(further) {
        let (kernel, looked) = (child(&root, name, flags), walking::child(root.as_fd(), name, flags));
        assert_eq!(looked.map(drop), kernel.map(drop), "{name:?}");
    }
    let system = rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
    let away = walking::child(system.as_fd(), c"proc", flags | OFlags::DIRECTORY);
    assert_eq!(away.unwrap_err(), Errno::XDEV);
}
