//! The class at work on a small real tree: copied, packed, mounted, edited, packed again. These tests need root, who alone can
//! mount; without root they say so and pass.
#![allow(clippy::disallowed_methods, reason = "tests look at results with the server's own tools")]

mod sample;
mod stepping;

use crate::LivenetImage;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Arguments, BootContext, Image, ImageClass, testing::is_root};
use sample::Sample;
use serde_json::{Value, json};
use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};
use stepping::Stepping;

/// Whether the test can run; says so when it cannot.
fn root(test: &str) -> bool {
    if !is_root() {
        eprintln!("SKIPPED {test}: it mounts, and only root can");
    }
    is_root()
}

fn arguments(value: Value) -> Arguments {
    serde_json::from_value(value).unwrap()
}

struct World {
    test: Stepping,
    sample: Sample,
}

impl World {
    fn new() -> Self {
        let test = Stepping::new();
        let sample = Sample::make(&test);
        Self { test, sample }
    }

    fn create(&self, name: &str, more: Value) -> Image {
        self.try_create(name, more).unwrap()
    }

    fn try_create(&self, name: &str, more: Value) -> disklessset_plugin_api::Result<Image> {
        let mut image = self.test.new_image(name, "LivenetImage");
        let mut all = json!({
            "kernel": self.sample.version.as_str(), "source": format!("tree:{}", self.sample.tree),
            "livenet_type": "CORE", "livenet_size": "auto", "password": "pw",
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let created =
            LivenetImage.create_new_image(&mut image, &arguments(all), &self.test.host("LivenetImage"));
        match created {
            Ok(()) => self.test.end_action().unwrap(),
            Err(_) => self.test.undo_everything().unwrap(),
        }
        created.map(|()| image)
    }

    fn act(&self, words: &str, image: &mut Image, value: Value) -> disklessset_plugin_api::Result<Value> {
        let done = LivenetImage.action(words, image, &arguments(value), &self.test.host("LivenetImage"));
        self.test.end_action().unwrap();
        done
    }

    fn mounted_tree(&self, image: &Image) -> Utf8PathBuf {
        self.test.places().work.join(image.name().as_str()).join("mnt")
    }

    /// The tree of an image, unpacked beside everything.
    fn unpack(&self, image: &Image) -> Utf8PathBuf {
        let out = self.test.root().join(format!("unpacked-{}", self.test.programs().len()));
        let unsquash = |file: &Utf8Path, to: &Utf8Path| {
            let done = Command::new("unsquashfs")
                .args(["-q", "-n", "-d", to.as_str(), file.as_str()])
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        };
        unsquash(&image.directory().join("squashfs.img"), &out);
        if !out.join("LiveOS").exists() {
            return out;
        }
        let tree = out.join("tree");
        let dump = format!("rdump / {tree}");
        std::fs::create_dir(&tree).unwrap();
        let done = Command::new("debugfs")
            .args(["-R", &dump, out.join("LiveOS/rootfs.img").as_str()])
            .output()
            .unwrap();
        assert!(done.status.success());
        tree
    }
}

fn touch(path: &Utf8Path, text: &str) {
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
}

fn file_bytes(image: &Image) -> Vec<u8> {
    std::fs::read(image.directory().join("squashfs.img")).unwrap()
}

#[test]
fn a_tree_becomes_an_image_and_nothing_of_it_is_lost() {
    if !root("a_tree_becomes_an_image_and_nothing_of_it_is_lost") {
        return;
    }
    let world = World::new();
    let image = world.create("web", json!({"kernel_parameters": "quiet"}));
    assert_eq!(image.text("layout").unwrap(), "flat");
    assert_eq!(image.text("kernel").unwrap(), "vmlinuz-6.1.0-test");
    assert_eq!(image.text("image").unwrap(), "initramfs-kernel-6.1.0-test");
    assert!(!image.flag("is_mounted") && image.get::<u64>("livenet_size").unwrap().unwrap() >= 128);
    assert!(
        image.attributes().values().all(|value| !value.to_string().contains("$6$")),
        "no hash in the record"
    );
    let mode = image.directory().join("squashfs.img").metadata().unwrap().mode() & 0o777;
    assert_eq!(mode, 0o644);

    let tree = world.unpack(&image);
    world.sample.must_be_in(&tree);
    let shadow = std::fs::read_to_string(tree.join("etc/shadow")).unwrap();
    assert!(shadow.starts_with("root:$6$"), "{shadow}");
    assert_eq!(std::fs::read_to_string(tree.join("etc/machine-id")).unwrap(), "");
    assert!(!tree.join("etc/ssh/ssh_host_rsa_key").exists());
    assert!(
        std::fs::read_to_string(tree.join("etc/os-release")).unwrap().contains("DISKLESSSET_IMAGE=\"web\"")
    );
    assert!(
        ["usr/lib", "lib"].iter().any(|lib| tree.join(lib).join("modules/6.1.0-test/modules.dep").exists()),
        "the kernel's modules came along"
    );
    assert!(tree.join("boot").is_dir() && !tree.join("boot/vmlinuz").exists());
    assert!(world.test.warnings().iter().any(|line| line.contains("1 files lose theirs")), "the ACL is told");
    assert!(world.test.open().is_empty(), "{:?}", world.test.open());
    assert_eq!(std::fs::read_dir(world.test.places().work).unwrap().count(), 0);
    // The tree it came from is as it was.
    assert_eq!(std::fs::read_to_string(world.sample.tree.join("etc/machine-id")).unwrap(), "0123\n");
}

#[test]
fn an_edit_is_packed_with_all_attributes_and_the_old_image_serves_until_then() {
    if !root("an_edit_is_packed_with_all_attributes_and_the_old_image_serves_until_then") {
        return;
    }
    for layout in ["flat", "classic"] {
        let world = World::new();
        let mut image = world.create("web", json!({"layout": layout}));
        let old = file_bytes(&image);
        let started = std::time::Instant::now();
        world.act("mount", &mut image, json!({})).unwrap();
        eprintln!("{layout}: mounted in {} ms", started.elapsed().as_millis());
        let mnt = world.mounted_tree(&image);
        assert!(image.flag("is_mounted") && mnt.join("proc/self").exists());
        let inventory = std::fs::read_to_string(mnt.parent().unwrap().join("inventory/host")).unwrap();
        assert_eq!(inventory, format!("{mnt} ansible_connection=chroot\n"));
        assert!(
            world.act("mount", &mut image, json!({})).unwrap_err().to_string().contains("mounted already")
        );

        touch(&mnt.join("etc/motd"), "edited");
        std::fs::set_permissions(mnt.join("etc/motd"), std::fs::Permissions::from_mode(0o751)).unwrap();
        std::fs::remove_file(mnt.join("etc/gone")).unwrap();
        touch(&mnt.join("etc/ssh/ssh_host_rsa_key"), "made by a package on the way");
        assert_eq!(file_bytes(&image), old, "the old image is in service");
        world.act("unmount", &mut image, json!({})).unwrap();

        assert!(!image.flag("is_mounted") && world.test.open().is_empty(), "{:?}", world.test.open());
        assert!(!mnt.parent().unwrap().exists());
        let tree = world.unpack(&image);
        assert_eq!(std::fs::read_to_string(tree.join("etc/motd")).unwrap(), "edited");
        assert!(!tree.join("etc/gone").exists() && !tree.join("etc/ssh/ssh_host_rsa_key").exists());
        if layout == "flat" {
            assert_eq!(tree.join("etc/motd").metadata().unwrap().mode() & 0o7777, 0o751);
            world.sample.must_be_in(&tree);
        } else {
            let size = |image: &Image| image.get::<u64>("livenet_size").unwrap().unwrap();
            let before = size(&image);
            world.act("resize", &mut image, json!({"livenet_size": format!("{}M", before + 100)})).unwrap();
            assert_eq!(size(&image), before + 100);
            let kept = file_bytes(&image);
            let least = world.act("resize", &mut image, json!({"livenet_size": "100M"}));
            if before > 150 {
                assert!(least.is_ok() || file_bytes(&image) == kept);
            }
            // All attributes again, as a node sees them: mounted.
            world.act("mount", &mut image, json!({})).unwrap();
            world.sample.must_be_in(&mnt);
            world.act("unmount", &mut image, json!({"discard": true})).unwrap();
        }
    }
}

#[test]
fn what_others_mounted_inside_is_named_and_neither_packed_nor_lost() {
    if !root("what_others_mounted_inside_is_named_and_neither_packed_nor_lost") {
        return;
    }
    let world = World::new();
    let mut image = world.create("web", json!({}));
    let precious = world.test.root().join("precious");
    std::fs::create_dir(&precious).unwrap();
    touch(&precious.join("data"), "precious");
    world.act("mount", &mut image, json!({})).unwrap();
    let inside = world.mounted_tree(&image).join("srv");
    touch(&world.mounted_tree(&image).join("etc/motd"), "edited");
    assert!(
        Command::new("mount")
            .args(["--bind", precious.as_str(), inside.as_str()])
            .status()
            .unwrap()
            .success()
    );
    let old = file_bytes(&image);
    for discard in [false, true] {
        let error = world.act("unmount", &mut image, json!({"discard": discard})).unwrap_err();
        assert!(error.to_string().contains(&format!("{inside} is mounted inside")), "{error}");
    }
    assert_eq!(file_bytes(&image), old);
    assert!(Command::new("umount").arg(inside.as_str()).status().unwrap().success());
    world.act("unmount", &mut image, json!({})).unwrap();
    assert_eq!(std::fs::read_to_string(precious.join("data")).unwrap(), "precious");
    let tree = world.unpack(&image);
    assert!(tree.join("etc/motd").exists() && !tree.join("srv/data").exists());
}

#[test]
fn a_busy_image_stays_mounted_with_its_changes() {
    if !root("a_busy_image_stays_mounted_with_its_changes") {
        return;
    }
    let world = World::new();
    let mut image = world.create("web", json!({}));
    world.act("mount", &mut image, json!({})).unwrap();
    let mnt = world.mounted_tree(&image);
    touch(&mnt.join("etc/motd"), "edited");
    let mut sitting = Command::new("sleep").arg("60").current_dir(mnt.join("etc")).spawn().unwrap();
    let old = file_bytes(&image);
    let error = world.act("unmount", &mut image, json!({})).unwrap_err();
    assert!(error.to_string().contains("busy"), "{error}");
    assert!(image.flag("is_mounted") && mnt.join("proc/self").exists(), "whoever is inside can go on");
    assert_eq!(std::fs::read_to_string(mnt.join("etc/motd")).unwrap(), "edited");
    assert_eq!(file_bytes(&image), old);
    sitting.kill().unwrap();
    sitting.wait().unwrap();
    world.act("unmount", &mut image, json!({})).unwrap();
    assert_eq!(std::fs::read_to_string(world.unpack(&image).join("etc/motd")).unwrap(), "edited");
}

#[test]
fn a_mount_lost_by_a_reboot_keeps_its_changes() {
    if !root("a_mount_lost_by_a_reboot_keeps_its_changes") {
        return;
    }
    for (again, edited) in [("unmount", true), ("mount", true), ("discard", false)] {
        let world = World::new();
        let mut image = world.create("web", json!({}));
        world.act("mount", &mut image, json!({})).unwrap();
        let mnt = world.mounted_tree(&image);
        touch(&mnt.join("etc/motd"), "edited");
        // What a reboot does: all mounts gone, nobody told.
        for target in ["mnt/dev", "mnt/sys", "mnt/proc", "mnt", "packed"] {
            let target = mnt.parent().unwrap().join(target);
            assert!(Command::new("umount").arg(target.as_str()).status().unwrap().success(), "{target}");
        }
        assert!(world.act("exec", &mut image, json!({"command": ["true"]})).is_err());
        if again == "mount" {
            world.act("mount", &mut image, json!({})).unwrap();
            assert_eq!(std::fs::read_to_string(mnt.join("etc/motd")).unwrap(), "edited");
        }
        world.act("unmount", &mut image, json!({"discard": again == "discard"})).unwrap();
        assert!(world.test.open().is_empty(), "{again}: {:?}", world.test.open());
        assert_eq!(world.unpack(&image).join("etc/motd").exists(), edited, "{again}");
    }
}

#[test]
fn a_command_inside_is_packed_when_it_ends_well_and_only_then() {
    if !root("a_command_inside_is_packed_when_it_ends_well_and_only_then") {
        return;
    }
    let world = World::new();
    let mut image = world.create("web", json!({}));
    let old = file_bytes(&image);
    let run = |image: &mut Image, words: &[&str]| world.act("exec", image, json!({"command": words}));

    let ended = run(&mut image, &["/bin/sh", "-c", "echo x > /etc/failed; exit 3"]).unwrap();
    assert_eq!(ended, json!({"exit_code": 3}));
    assert_eq!(file_bytes(&image), old);

    let done = run(&mut image, &["/bin/sh", "-c", "echo $0 $1", "a b", "c;d"]).unwrap();
    assert_eq!((done, world.test.output().as_str()), (Value::Null, "a b c;d\n"));
    assert_eq!(file_bytes(&image), old, "nothing changed, nothing packed");

    run(&mut image, &["/bin/sh", "-c", "echo x > /etc/done"]).unwrap();
    let tree = world.unpack(&image);
    assert!(tree.join("etc/done").exists() && !tree.join("etc/failed").exists());
    assert_eq!(std::fs::read_dir(world.test.places().work).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(world.test.places().images).unwrap().count(), 1, "nothing left aside");
}

#[test]
fn content_beyond_the_size_is_refused_and_the_old_image_stays() {
    if !root("content_beyond_the_size_is_refused_and_the_old_image_stays") {
        return;
    }
    let world = World::new();
    let mut image = world.create("web", json!({"livenet_size": "100M"}));
    let old = file_bytes(&image);
    world.act("mount", &mut image, json!({})).unwrap();
    let large = world.mounted_tree(&image).join("srv/large");
    std::fs::File::create(&large).unwrap().set_len(150 << 20).unwrap();
    let error = world.act("unmount", &mut image, json!({})).unwrap_err();
    assert!(error.to_string().contains("does not fit into 100M"), "{error}");
    assert!(
        large.exists() && world.mounted_tree(&image).join("proc/self").exists(),
        "still mounted, still there"
    );
    assert_eq!(file_bytes(&image), old);
    let error = world.act("resize", &mut image, json!({"livenet_size": "120M"})).unwrap_err();
    assert!(error.to_string().contains("does not fit into 120M"), "{error}");
    world.act("resize", &mut image, json!({"livenet_size": "200M"})).unwrap();
    world.act("unmount", &mut image, json!({})).unwrap();
    assert!(file_bytes(&image) != old);
    let packed = file_bytes(&image);
    assert!(world.act("resize", &mut image, json!({"livenet_size": "100M"})).is_err());
    world.act("resize", &mut image, json!({"livenet_size": "1G"})).unwrap();
    assert_eq!(image.get::<u64>("livenet_size").unwrap(), Some(1024));
    assert_eq!(file_bytes(&image), packed, "a flat image is not packed again");
}

#[test]
fn an_image_of_1x_is_mounted_resized_and_cloned() {
    if !root("an_image_of_1x_is_mounted_resized_and_cloned") {
        return;
    }
    let world = World::new();
    let made = world.create("made", json!({"layout": "classic"}));
    let mut image = world.test.new_image("old", "LivenetImage");
    std::fs::copy(made.directory().join("squashfs.img"), image.directory().join("squashfs.img")).unwrap();
    for (name, value) in [
        ("kernel", "vmlinuz-4.18.0"),
        ("image", "initramfs-kernel-4.18.0"),
        ("livenet_type", "Type.CORE"),
        ("livenet_size", "400"),
        ("selinux", "False"),
        ("is_mounted", "False"),
        ("MOUNT_DIRECTORY", "/var/tmp/diskless/workdir/old/mnt"),
    ] {
        image.set(name, value);
    }
    world.act("mount", &mut image, json!({})).unwrap();
    touch(&world.mounted_tree(&image).join("etc/motd"), "edited");
    world.act("unmount", &mut image, json!({})).unwrap();
    assert_eq!(image.text("layout").unwrap(), "classic");
    world.act("resize", &mut image, json!({"livenet_size": "300M"})).unwrap();
    let tree = world.unpack(&image);
    assert!(tree.join("etc/motd").exists());
    assert_eq!(tree.parent().unwrap().join("LiveOS/rootfs.img").metadata().unwrap().len(), 300 << 20);

    let mut copy = world.test.new_image("copy", "LivenetImage");
    for (name, value) in image.attributes().clone() {
        copy.set(&name, value);
    }
    LivenetImage.clone_image(&image, &mut copy, &world.test.host("LivenetImage")).unwrap();
    assert_eq!(file_bytes(&copy), file_bytes(&image));
    let own = copy.text("MOUNT_DIRECTORY").unwrap();
    assert!(own.ends_with("/copy/mnt/"), "a clone knows nothing of the places of its source: {own}");
}

#[test]
fn a_failed_creation_leaves_nothing() {
    if !root("a_failed_creation_leaves_nothing") {
        return;
    }
    let world = World::new();
    let script = world.test.root().join("script");
    touch(&script, "#!/bin/sh\necho last words\nexit 7\n");
    let error = world.try_create("web", json!({"run": script.as_str()})).unwrap_err();
    assert!(error.causes.iter().any(|cause| cause.contains("last words")), "{error:?}");
    assert_eq!(std::fs::read_dir(world.test.places().work).unwrap().count(), 0);

    touch(&script, "echo $0 > /etc/by-script\n");
    let image = world.create("db", json!({"run": script.as_str()}));
    let tree = world.unpack(&image);
    assert!(tree.join("etc/by-script").exists() && !tree.join(".disklessset-run").exists());
}

#[test]
fn archives_keep_everything_and_may_not_lead_out() {
    if !root("archives_keep_everything_and_may_not_lead_out") {
        return;
    }
    let mut world = World::new();
    world.sample.from_archive = true;
    let archive = world.test.root().join("tree.tar.zst");
    let tar = |arguments: &[&str]| {
        let done = Command::new("tar").args(arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let tree = world.sample.tree.as_str();
    tar(&[
        "--zstd",
        "--xattrs",
        "--xattrs-include=*",
        "--acls",
        "--sparse",
        "-cf",
        archive.as_str(),
        "-C",
        tree,
        ".",
    ]);
    let image = world.create("web", json!({"source": format!("tar:{archive}")}));
    world.sample.must_be_in(&world.unpack(&image));

    let evil = world.test.root().join("evil.tar");
    let outside = world.test.root().join("outside");
    touch(&outside, "evil");
    tar(&[
        "-Pcf",
        evil.as_str(),
        "-C",
        tree,
        "etc",
        "--transform",
        "s,.*outside,../../../../outside-made,",
        outside.as_str(),
    ]);
    let error = world.try_create("bad", json!({"source": format!("tar:{evil}")})).unwrap_err();
    assert!(error.to_string().contains("cannot extract the archive"), "{error}");
    assert!(!world.test.root().join("outside-made").exists());
}

/// The real thing, which takes minutes and the network: run it with `--ignored`, and `DISKLESSSET_KEEP=DIR` to have kernel,
/// initramfs, root image and boot file copied there; `DISKLESSSET_TYPE`, `DISKLESSSET_LAYOUT` and `DISKLESSSET_KERNEL` choose others.
#[test]
#[ignore = "installs packages over the network"]
fn an_image_from_packages() {
    assert!(is_root(), "making OS images needs root");
    let choice = |name: &str, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let test = Stepping::new();
    let mut image = test.new_image("node", "LivenetImage");
    let all = json!({
        "kernel": "from-image", "source": "apt", "livenet_type": choice("DISKLESSSET_TYPE", "CORE"), "livenet_size": "auto",
        "layout": choice("DISKLESSSET_LAYOUT", "flat"), "password": "diskless",
        "kernel_package": choice("DISKLESSSET_KERNEL", "linux-image-cloud-amd64"), "kernel_parameters": "console=ttyS0",
    });
    let mut all = arguments(all);
    if let Ok(script) = std::env::var("DISKLESSSET_RUN") {
        all.0.insert("run".to_owned(), script.into());
    }
    let started = std::time::Instant::now();
    LivenetImage.create_new_image(&mut image, &all, &test.host("LivenetImage")).unwrap();
    eprintln!("created in {:.1} s", started.elapsed().as_secs_f32());
    for (words, seconds) in test.programs().iter().zip(test.seconds()) {
        eprintln!("{seconds:6.1} s {}", words[0]);
    }
    eprintln!("{:?}", image.attributes());
    let kernel = image.kernel().unwrap();
    let mut boot = BootContext::new("node", "http://10.0.2.2", "http://10.0.2.2", Some(&kernel));
    boot.kernel_parameters = image.text("kernel_parameters").unwrap();
    let text = LivenetImage.get_boot_file_template(&image, &boot, &test.host("LivenetImage")).unwrap();
    if let Ok(keep) = std::env::var("DISKLESSSET_KEEP") {
        let keep = Utf8PathBuf::from(keep);
        std::fs::create_dir_all(&keep).unwrap();
        touch(&keep.join("boot.ipxe"), &text);
        std::fs::copy(image.directory().join("squashfs.img"), keep.join("squashfs.img")).unwrap();
        for file in [kernel.vmlinuz(), kernel.initramfs()] {
            std::fs::copy(test.places().kernels.join(&file), keep.join(&file)).unwrap();
        }
    }
    test.end_action().unwrap();
}
