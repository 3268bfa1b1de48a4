//! A site of 1.x, in each state that 1.x can leave: everything is managed, edits are kept, hints work, and 1.x destroys nothing
//! when it is run again.

use super::small::{KERNEL, Small, put};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::{
    need,
    residue::Snapshot,
    root::TestRoot,
    run::{Program, Running},
};
use std::time::{Duration, SystemTime};

const IMAGES: &str = "/var/www/html/preboot_execution_environment/diskless/images";

/// The record of a classic image as 1.x writes it.
fn record(name: &str, mounted: &str) -> String {
    format!(
        "image_data:\n    \n    name: {name}\n    IMAGE_DIRECTORY: {IMAGES}/{name}/\n    password: $6$salt$hash\n    \
         kernel: vmlinuz-{KERNEL}\n    image: initramfs-kernel-{KERNEL}\n    livenet_type: Type.CORE\n    livenet_size: 100\n    \
         selinux: False\n    optimize: False\n    is_mounted: {mounted}\n    \
         WORKING_DIRECTORY: /var/tmp/diskless/workdir/{name}/\n    \
         MOUNT_DIRECTORY: /var/tmp/diskless/workdir/{name}/mnt/\n    image_class: LivenetImage\n    creation_date: 2022-05-01"
    )
}

/// A site of 1.x.
pub(crate) struct Site(pub(crate) Small);

impl Site {
    pub(crate) fn new() -> Self {
        Self(Small::new())
    }

    /// A classic image packed with gzip, and its record.
    pub(crate) fn image(&self, name: &str, mounted: &str) {
        let (root, work) = (&self.0.root, self.0.root.beside().join(format!("of-1x-{name}")));
        let inner = work.join("LiveOS/rootfs.img");
        std::fs::create_dir_all(inner.parent().unwrap()).unwrap();
        std::fs::File::create(&inner).unwrap().set_len(100 << 20).unwrap();
        let _ = root
            .tool("mkfs.ext4", &["-q", "-F", "-d", self.0.tree.as_str(), inner.as_str()])
            .run()
            .expect_done();
        std::fs::create_dir_all(root.image_dir(name)).unwrap();
        let squashfs = self.0.squashfs(name);
        let _ = root
            .tool(
                "mksquashfs",
                &[work.as_str(), squashfs.as_str(), "-comp", "gzip", "-quiet", "-no-progress"],
            )
            .run()
            .expect_done();
        put(&root.image_dir(name).join("image_data.yml"), record(name, mounted).as_bytes(), 0o644);
        put(&root.image_dir(name).join("boot.ipxe"), b"#!ipxe\necho of 1.x\n", 0o644);
        std::fs::remove_dir_all(work).unwrap();
    }

    pub(super) fn area(&self, name: &str) -> Utf8PathBuf {
        self.0.root.path().join("var/tmp/diskless/workdir").join(name)
    }

    /// Mounts an image as 1.x does, and edits it.
    pub(crate) fn mount(&self, name: &str) {
        let (root, area) = (&self.0.root, self.area(name));
        std::fs::create_dir_all(area.join("mnt")).unwrap();
        let (unpacked, squashfs) = (area.join("squashfs-root"), self.0.squashfs(name));
        let done = |tool: &str, args: &[&str]| drop(root.tool(tool, args).run().expect_done());
        done("unsquashfs", &["-q", "-n", "-d", unpacked.as_str(), squashfs.as_str()]);
        let mnt = area.join("mnt");
        done("mount", &["-o", "loop", unpacked.join("LiveOS/rootfs.img").as_str(), mnt.as_str()]);
        for name in ["proc", "sys"] {
            done("mount", &["--bind", &format!("/{name}"), mnt.join(name).as_str()]);
        }
        put(&mnt.join("etc/edit"), name.as_bytes(), 0o644);
    }

    /// Takes the mounts away and nothing else, as a reboot does.
    pub(crate) fn reboot(&self, name: &str) {
        for place in ["mnt/proc", "mnt/sys", "mnt"] {
            let _ = self.0.root.tool("umount", &[self.area(name).join(place).as_str()]).run().expect_done();
        }
    }

    /// Asserts that the edits are in the image and nothing is left of its mount.
    #[track_caller]
    pub(super) fn must_be_packed(&self, name: &str) {
        assert_eq!(std::fs::read_to_string(self.0.unpacked(name).join("etc/edit")).unwrap(), name);
        assert!(!self.area(name).exists() && !self.0.squashfs(name).with_extension("img.bkp").exists());
        assert!(self.0.record(name).contains("is_mounted: false"), "{}", self.0.record(name));
        Snapshot::assert_nothing_held(&self.0.root);
    }
}

#[test]
fn a_refused_command_changes_nothing_that_nodes_boot() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    site.image("a", "False");
    let of = |file: &str| std::fs::read_to_string(site.0.root.image_dir("a").join(file)).unwrap();
    let before = (of("boot.ipxe"), of("image_data.yml"));
    for (command, code) in [
        (&["livenet", "unmount", "a"][..], 5),
        (&["livenet", "exec", "a", "--", "false"], 127),
        (&["livenet", "resize", "a", "50001M"], 2),
        (&["livenet", "mount", "a", "--no-such-option"], 2),
        (&["kernel", "set", "a", "9.9.9"], 3),
    ] {
        let _ = site.0.run(command).expect_code(code);
        assert_eq!((of("boot.ipxe"), of("image_data.yml")), before, "{command:?}");
    }
}

/// What 1.x takes from a record, as its YAML reader has it.
fn read_by_1x(root: &TestRoot, name: &str) -> serde_json::Value {
    let text = std::fs::read_to_string(root.image_dir(name).join("image_data.yml")).unwrap();
    let document: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    serde_json::to_value(&document["image_data"]).unwrap()
}

#[test]
fn case_38_clones_can_be_read_by_1x_which_finds_their_own_directories() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    site.image("a", "False");
    let _ = site.0.run(&["clone", "a", "copy"]).expect_done();
    let _ = site.0.create("ours", &[]).run().expect_done();
    for name in ["copy", "ours"] {
        let read = read_by_1x(&site.0.root, name);
        assert_eq!(read["IMAGE_DIRECTORY"], format!("{IMAGES}/{name}/"));
        assert_eq!(read["WORKING_DIRECTORY"], format!("/var/tmp/diskless/workdir/{name}/"));
        assert_eq!(read["MOUNT_DIRECTORY"], format!("/var/tmp/diskless/workdir/{name}/mnt/"));
        for flag in ["is_mounted", "selinux", "optimize"] {
            assert_eq!(read[flag], false, "as text it is true for 1.x: {read}");
        }
        assert!(read["livenet_size"].is_u64(), "{read}");
        assert_eq!(read["image"], format!("initramfs-kernel-{KERNEL}"));
    }
}

#[test]
fn a_clone_of_a_demo_image_never_names_the_directory_of_its_source() {
    let root = TestRoot::with_modules(&["demo"]);
    let text = format!(
        "image_data:\n    \n    name: d\n    IMAGE_DIRECTORY: {IMAGES}/d/\n    my_message: hi\n    image_class: DemoImage\n    \
         creation_date: 2022-05-01"
    );
    put(&root.image_dir("d").join("image_data.yml"), text.as_bytes(), 0o644);
    put(&root.path().join("diskless/demo_directory_d/x"), b"", 0o644);
    put(&root.path().join("diskless/demo_file_to_remove_d.txt"), b"", 0o644);
    put(&root.path().join("diskless/demo_directory_of_others/x"), b"", 0o644);
    let _ = root.disklessset(&["clone", "d", "e"]).run().expect_done();
    assert_eq!(read_by_1x(&root, "e")["IMAGE_DIRECTORY"], format!("{IMAGES}/e/"));
    // What 1.x keeps of it elsewhere goes with it.
    let _ = root.disklessset(&["remove", "d", "--yes"]).run().expect_done();
    let left: Vec<String> = root
        .path()
        .join("diskless")
        .read_dir_utf8()
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_owned())
        .filter(|name| name.starts_with("demo_"))
        .collect();
    assert_eq!(left, ["demo_directory_of_others"]);
}

/// A process that lives for some minutes.
fn living(root: &TestRoot, name: &str) -> Running {
    let file = root.beside().join(name);
    std::fs::copy(need::find_tool("sleep").expect("coreutils"), &file).unwrap();
    let running = Program::new(file, &root.beside(), root.beside().as_str()).args(["300"]).start();
    let line = format!("/proc/{}/cmdline", running.pid());
    let started = format!("/{name}\0300\0");
    running
        .wait_until(|| {
            std::fs::read_to_string(&line).is_ok_and(|line| line.ends_with(&started)).then_some(())
        })
        .0
}

fn register(root: &TestRoot, pid: u32) {
    put(
        &root.installations_file(),
        format!("x:\n  image_class: DemoImage\n  pid: {pid}\n").as_bytes(),
        0o644,
    );
}

#[test]
fn case_38_a_creation_under_way_is_known_by_when_its_process_began_whatever_its_name() {
    let root = TestRoot::with_modules(&["demo"]);
    let script = living(&root, "a-script-of-the-site");
    register(&root, script.pid());
    assert_eq!(root.status("x").as_deref(), Some("IN_CREATION"), "no directory yet");
    std::fs::create_dir_all(root.image_dir("x")).unwrap();
    assert_eq!(root.status("x").as_deref(), Some("IN_CREATION"));
    // Who it is, is told: 1.x at its menu looks the same.
    for command in [&["list"][..], &["clean"]] {
        let told = root.disklessset(command).run().expect_done();
        assert!(format!("{told}").contains("a-script-of-the-site 300"), "{told}");
    }
    let busy = root.disklessset(&["clean", "x"]).run().expect_code(4);
    assert!(busy.stderr.contains("end it, then disklessset clean x"), "{busy}");
    script.kill_nine();
    // What the hint names works.
    let _ = root.disklessset(&["clean", "x"]).run().expect_done();
    assert_eq!(root.status("x"), None);

    // Whoever has the pid by now and began later is another.
    let later = living(&root, "sleeper");
    std::fs::File::options()
        .write(true)
        .open({
            register(&root, later.pid());
            root.installations_file()
        })
        .unwrap()
        .set_modified(SystemTime::now() - Duration::from_secs(600))
        .unwrap();
    assert_eq!(root.status("x").as_deref(), Some("CORRUPTED"));
    later.kill_nine();
}

#[test]
fn its_configuration_hides_no_modules() {
    let root = TestRoot::with_modules(&["demo"]);
    let place = "/lib/python3.6/site-packages/diskless/modules";
    let config = format!("modules_path: '{place}'\nimages_directory: '{IMAGES}/'\n");
    put(&root.path().join("etc/disklessset/diskless_parameters.yml"), config.as_bytes(), 0o644);
    let own = |to: &Utf8Path| {
        std::fs::create_dir_all(to).unwrap();
        for file in root.modules_dir().read_dir_utf8().unwrap().flatten() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    };
    own(&root.path().join("usr/lib/disklessset/modules.d"));
    let python = root.path().join(place.trim_start_matches('/'));
    put(&python.join("demo_module.py"), b"# python\n", 0o644);
    let listed = || {
        let program =
            Program::new(disklessset_tests::run::disklessset(), &root.beside(), root.beside().as_str());
        program.args(["--root", root.path().as_str(), "module", "list"]).run().expect_done()
    };
    let told = listed();
    assert!(told.stdout.contains("demo") && told.stderr.contains("take modules_path out of"), "{told}");
    // 1.x is removed, its configuration is not.
    std::fs::remove_dir_all(root.path().join("lib")).unwrap();
    assert!(listed().stdout.contains("demo"));
}

#[test]
fn verify_finds_nothing_wrong_with_what_1x_left() {
    disklessset_tests::need!(need::root(), need::tool("mkfs.ext4"));
    let site = Site::new();
    site.image("a", "False");
    let told = site.0.run(&["verify", "a", "--format", "json"]);
    let document = told.json();
    let images = document["verified"].as_array().unwrap();
    assert!(
        images.iter().filter(|found| found["kind"] == "image").all(|found| found["problem"].is_null()),
        "{document:#}"
    );
}

#[test]
fn the_menu_asks_as_its_hands_expect_and_cleans_whatever_is_chosen() {
    disklessset_tests::need!(need::root());
    let small = Small::new();
    let menu = |answers: &str| {
        let none: [&str; 0] = [];
        small.root.disklessset(&none).stdin(answers).run()
    };
    // Name, kernel, password; the source is asked for late, and a wrong one or a missing key file at once again.
    let typed = "1\n1\n1\nweb\n1\nrootpw\nrootpw\n3\n\n/no/such/key\n\n\n\nno\nno\nrootpw\ntree:/\nno\n10\n";
    let told = menu(typed);
    assert!(told.stdout.contains("cannot read the public key /no/such/key"), "{told}");
    assert!(
        told.stdout.contains("\"rootpw\" is no source") && told.stdout.contains("source: tree:/"),
        "{told}"
    );
    assert!(told.stdout.contains("password-file: (hidden)") || told.stdout.contains("(hidden)"), "{told}");
    assert_eq!(small.root.status("web"), None);
    // A clone is confirmed, and lists lead back.
    let _ = small.create("web", &[]).run().expect_done();
    let _ = menu("4\n1\ncopy\nno\n3\n2\n10\n").expect_done();
    assert_eq!(small.root.status("copy"), None);
    let _ = menu("4\n1\ncopy\nyes\n10\n").expect_done();
    assert_eq!(small.root.status("copy").as_deref(), Some("CREATED"));
    // The cleaning comes with every entry but the last resort.
    for (entry, cleans) in [("2", true), ("7", true), ("9\n4", false)] {
        put(&small.root.installations_file(), b"gone:\n  image_class: LivenetImage\n  pid: 4194000\n", 0o644);
        let told = menu(&format!("{entry}\n10\n"));
        let cleaned = small.root.status("gone").is_none();
        assert_eq!(cleaned, cleans, "entry {entry}: {told}");
    }
}
