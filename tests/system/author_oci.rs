//! Given a module of another author whose class keeps an image as its OCI layout has it.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8PathBuf;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::run::Outcome;
use disklessset_tests::{authors, need};
use serde_json::Value;

use super::small::{KERNEL, Small, put, register_kernel};

struct World {
    small: Small,
    layout: Utf8PathBuf,
}

impl World {
    fn new() -> Self {
        authors::build();
        let small = Small::new();
        small.root.drop_in("oci");
        let layout = small.root.beside().join("layout");
        let world = Self { small, layout };
        let image = world.image();
        world.umoci(&["init", "--layout", world.layout.as_str()]);
        world.umoci(&["new", "--image", &image]);
        let tree = world.small.tree.clone();
        world.umoci(&["insert", "--image", &image, tree.as_str(), "/"]);
        world.label("1.0");
        world
    }

    fn image(&self) -> String {
        format!("{}:v1", self.layout)
    }

    fn umoci(&self, args: &[&str]) {
        let _ = self.small.root.tool("umoci", args).run().expect_done();
    }

    fn label(&self, version: &str) {
        let version = format!("org.opencontainers.image.version={version}");
        self.umoci(&[
            "config",
            "--image",
            &self.image(),
            "--config.label",
            "org.opencontainers.image.title=Node of the site",
            "--config.label",
            &version,
            "--config.env",
            "TOKEN=hunter2",
            "--config.entrypoint",
            "/sbin/init",
        ]);
    }

    /// Puts a file into the next state of the layout's image.
    fn add(&self, path: &str, text: &str) {
        let file = self.small.root.beside().join("added");
        put(&file, text.as_bytes(), 0o644);
        self.umoci(&["insert", "--image", &self.image(), file.as_str(), path]);
    }

    fn create(&self, name: &str) -> Outcome {
        let password = self.small.root.beside().join("password");
        put(&password, b"of-the-site\n", 0o600);
        let create = ["oci", "create", name, "--kernel", KERNEL, "--layout", self.layout.as_str()];
        self.small.run(&[&create[..], &["--reference", "v1", "--password-file", password.as_str()]].concat())
    }

    fn shown(&self, name: &str) -> Value {
        self.small.run(&["show", name, "--format", "json"]).expect_done().json()
    }
}

/// A fact by its name, wherever `show` puts it.
fn fact<'v>(shown: &'v Value, name: &str) -> Option<&'v Value> {
    match shown {
        Value::Object(fields) => {
            fields.get(name).or_else(|| fields.values().find_map(|value| fact(value, name)))
        }
        _ => None,
    }
}

fn text(shown: &Value, name: &str) -> String {
    fact(shown, name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn roots_line(tree: &camino::Utf8Path) -> String {
    let shadow = std::fs::read_to_string(tree.join("etc/shadow")).unwrap();
    shadow.lines().find(|line| line.starts_with("root:")).unwrap().to_owned()
}

#[test]
fn labels_are_attributes_and_an_update_takes_over_what_the_layout_became() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let world = World::new();
    let before = Snapshot::of(&world.small.root);
    let _ = world.create("web").expect_done();
    let record = world.small.record("web");
    for line in ["oci_title: Node of the site\n", "oci_version: '1.0'\n", "oci_digest: sha256:"] {
        assert!(record.contains(line), "no {line:?} in {record}");
    }
    assert!(!record.contains("hunter2"), "no environment in the record: {record}");
    let shown = world.shown("web");
    assert_eq!(text(&shown, "layout_state"), "unchanged");
    assert_eq!(fact(&shown, "entrypoint").unwrap(), &serde_json::json!(["/sbin/init"]));
    assert!(fact(&shown, "env").unwrap().to_string().contains("TOKEN=hunter2"));
    let first = world.small.unpacked("web");
    let password = roots_line(&first);
    assert!(password.starts_with("root:$6$"), "{password}");

    let _ = world.small.run(&["verify", "web"]).expect_done();
    let made = Snapshot::of(&world.small.root);
    let update = ["oci", "update", "web"];
    let _ = world.small.run(&update).expect_done();
    made.assert_same_as_now(&world.small.root);

    world.add("/etc/site", "next\n");
    world.label("2.0");
    assert!(text(&world.shown("web"), "layout_state").contains("disklessset oci update web"));
    let _ = world.small.run(&update).expect_done();
    let second = world.small.unpacked("web");
    assert_eq!(std::fs::read_to_string(second.join("etc/site")).unwrap(), "next\n");
    assert_eq!(roots_line(&second), password, "nobody told the password again");
    let shown = world.shown("web");
    assert_eq!(
        (text(&shown, "layout_state"), text(&shown, "oci_version")),
        ("unchanged".into(), "2.0".into())
    );

    let _ = world.small.run(&["clone", "web", "copy"]).expect_done();
    register_kernel(&world.small.root, "6.2.0");
    let _ = world.small.run(&["kernel", "set", "copy", "6.2.0"]).expect_done();
    let boot = std::fs::read_to_string(world.small.root.image_dir("copy").join("boot.ipxe")).unwrap();
    assert!(
        boot.contains("vmlinuz-6.2.0") && boot.contains("root=live:${diskless-base}/oci/blobs/sha256/"),
        "{boot}"
    );
    let _ = world.small.run(&["oci", "update", "copy", "--again"]).expect_done();
    let boot = std::fs::read_to_string(world.small.root.image_dir("copy").join("boot.ipxe")).unwrap();
    assert!(boot.contains("vmlinuz-6.2.0"), "an update keeps the kernel: {boot}");
    for name in ["web", "copy"] {
        let _ = world.small.run(&["remove", name, "--yes"]).expect_done();
    }
    let _ = world.small.run(&["kernel", "remove", "6.2.0", "--yes"]).expect_done();
    let _ = std::fs::remove_dir_all(first.parent().unwrap());
    let _ = std::fs::remove_dir_all(second.parent().unwrap());
    before.assert_same_as_now(&world.small.root);
}

#[test]
fn the_host_gets_the_tree_of_an_image_to_take_its_kernel() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let world = World::new();
    let _ = world.create("kept").expect_done();
    let _ = world.small.create_from("flat", &format!("oci:{}:v1", world.layout), &[]).run().expect_done();
    let before = Snapshot::of(&world.small.root);
    // The small tree has no kernel to take: that is found out in the tree, for both classes alike.
    let said = |name: &str| {
        let add = world.small.run(&["kernel", "add", "--from-image", name]).expect_refusal(&[1, 2, 5]);
        add.stderr.replace(name, "NAME").replace("workdir/NAME/mnt", "workdir/NAME/tree")
    };
    assert_eq!(said("kept"), said("flat"));
    before.assert_same_as_now(&world.small.root);
    Snapshot::assert_nothing_held(&world.small.root);
}

#[test]
fn a_killed_update_leaves_the_old_image_in_service() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let world = World::new();
    let _ = world.create("web").expect_done();
    let noise = world.small.root.beside().join("noise");
    let mut random = std::io::Read::take(std::fs::File::open("/dev/urandom").unwrap(), 64 << 20);
    std::io::copy(&mut random, &mut std::fs::File::create(&noise).unwrap()).unwrap();
    world.umoci(&["insert", "--image", &world.image(), noise.as_str(), "/srv/noise"]);
    let before = Snapshot::of(&world.small.root);
    let update = world.small.root.disklessset(&["oci", "update", "web"]).start();
    let (update, _) = update.wait_until(|| world.small.root.tool_at_work("mksquashfs"));
    update.kill_nine();
    assert_eq!(world.small.root.status("web").as_deref(), Some("CREATED"));
    let _ = world.small.run(&["clean", "--yes"]).expect_done();
    world.small.root.wait_for_orphans("an update");
    before.assert_same_as_now(&world.small.root);
    let _ = world.small.run(&["oci", "update", "web"]).expect_done();
    assert!(world.small.unpacked("web").join("srv/noise").exists());
}

#[test]
fn a_layout_that_is_gone_or_damaged_leaves_the_old_image_in_service() {
    disklessset_tests::need!(need::root(), need::tool("umoci"));
    let world = World::new();
    let _ = world.create("web").expect_done();
    let away = world.small.root.beside().join("away");
    std::fs::rename(&world.layout, &away).unwrap();
    assert!(text(&world.shown("web"), "layout_state").contains("No such file"));
    world.small.refused(&["oci", "update", "web"], 5, "No such file");
    std::fs::rename(&away, &world.layout).unwrap();
    world.add("/etc/site", "next\n");
    let index = std::fs::read_to_string(world.layout.join("index.json")).unwrap();
    put(&world.layout.join("index.json"), index.replace("sha256:", "sha256:0").as_bytes(), 0o644);
    let before = Snapshot::of(&world.small.root);
    let _ = world.small.run(&["oci", "update", "web"]).expect_refusal(&[1, 5]);
    before.assert_same_as_now(&world.small.root);
    // Editing is for the layout: no action of the class does.
    let _ = world.small.run(&["oci", "mount", "web"]).expect_code(2);
}

#[test]
fn module_check_finds_nothing_wrong_with_it() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("umoci"));
    let world = World::new();
    let file = world.small.root.modules_dir().join("oci_module.so");
    let (layout, kernel) = (format!("oci_layout={}", world.layout), format!("kernel={KERNEL}"));
    let set = ["--set", &layout, "--set", "oci_reference=v1", "--set", &kernel, "--set", "again=true"];
    let check = [&["module", "check", file.as_str(), "--format", "json"][..], &set].concat();
    let checked = world.small.root.disklessset(&check).limit(std::time::Duration::from_secs(600)).run();
    let checked = checked.expect_done().json();
    let findings = checked["findings"].as_array().unwrap();
    for subject in [
        "create of OciImage",
        "clone of OciImage",
        "action update of OciImage",
        "kill and clean: create of OciImage",
    ] {
        let found = |finding: &&Value| finding["subject"] == subject && finding["outcome"] == "ok";
        assert!(findings.iter().any(|finding| found(&finding)), "{subject}: {checked:#}");
    }
    Snapshot::assert_nothing_held(&world.small.root);
}
