#![allow(clippy::disallowed_methods, reason = "tests put files where the code under test finds them")]

use super::*;
use crate::system::test_support::has_tool;

struct World {
    layout: Layout,
    _dir: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout::builder().root(dir.path().to_str().unwrap()).build().unwrap();
        Self { layout, _dir: dir }
    }

    fn overlay(&self, node: &str) -> PersistentOverlay {
        let golden = self.layout.nfs_golden_dir().join("el9-gpu");
        let own = golden.join("overlays").join(node);
        PersistentOverlay {
            lower: golden.join("image"),
            upper: own.join("upper"),
            work: own.join("work"),
            target: golden.join("nodes").join(node),
        }
    }

    fn units(&self) -> Utf8PathBuf {
        self.layout.inside(UNITS.into())
    }

    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for directory in [self.units(), self.units().join("multi-user.target.wants")] {
            let entries = directory.read_dir_utf8().unwrap().map(Result::unwrap);
            names.extend(entries.filter(|e| !e.file_type().unwrap().is_dir()).map(|e| e.path().to_string()));
        }
        names
    }
}

#[test]
fn units_come_and_go_and_name_no_root() {
    let world = World::new();
    let overlay = world.overlay("c-1");
    for _ in 0..2 {
        put_all(&world.layout, &[&overlay], &|_| {}).1.unwrap();
        assert_eq!(world.names().len(), 2);
    }
    let name = r"diskless-images-nfsimages-golden-el9\x2dgpu-nodes-c\x2d1.mount";
    let text = std::fs::read_to_string(world.units().join("multi-user.target.wants").join(name)).unwrap();
    assert!(text.contains("\nWhere=/diskless/images/nfsimages/golden/el9-gpu/nodes/c-1\n"), "{text}");
    assert!(!text.contains(world.layout.root().as_str()), "{text}");
    for _ in 0..2 {
        take_all(&world.layout, [overlay.target.as_path()]).unwrap();
        assert_eq!(world.names(), Vec::<String>::new());
    }
}

#[test]
fn a_unit_of_others_is_neither_replaced_nor_removed() {
    let world = World::new();
    let overlay = world.overlay("c1");
    put_all(&world.layout, &[&overlay], &|_| {}).1.unwrap();
    let file = world.units().join(r"diskless-images-nfsimages-golden-el9\x2dgpu-nodes-c1.mount");
    std::fs::write(&file, "[Mount]\n").unwrap();
    assert!(matches!(put_all(&world.layout, &[&overlay], &|_| {}).1, Err(UnitError::Foreign { .. })));
    take_all(&world.layout, [overlay.target.as_path()]).unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "[Mount]\n");
}

#[test]
fn systemd_finds_no_fault_in_a_unit_and_takes_it_as_enabled() {
    let world = World::new();
    let overlay = world.overlay("c-1");
    put_all(&world.layout, &[&overlay], &|_| {}).1.unwrap();
    let name = r"diskless-images-nfsimages-golden-el9\x2dgpu-nodes-c\x2d1.mount";
    let file = world.units().join(name);
    let run = |program: &str, arguments: &[&str]| {
        let tool = Tool::new(program).args(arguments.iter().copied()).isolation(Isolation::None);
        tool.capture_stdout(65536).run()
    };
    let test = "systemd_finds_no_fault_in_a_unit_and_takes_it_as_enabled";
    if !has_tool(test, "systemd-analyze") || !has_tool(test, "systemctl") {
        return;
    }
    run("systemd-analyze", &["verify", "--recursive-errors=no", file.as_str()]).unwrap();
    let root = format!("--root={}", world.layout.root());
    let enabled = run("systemctl", &[root.as_str(), "is-enabled", name]).unwrap();
    assert_eq!(String::from_utf8_lossy(&enabled.stdout).trim(), "enabled");
    // A fault would have been found.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("Where=", "Where=/elsewhere")).unwrap();
    assert!(run("systemd-analyze", &["verify", "--recursive-errors=no", file.as_str()]).is_err());
}
