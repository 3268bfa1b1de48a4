//! The class at work on a small real tree: copied, packed, mounted, edited, packed again. These tests need root, who alone can
//! mount; without root they say so and pass.
#![allow(clippy::disallowed_methods, reason = "tests look at results with the server's own tools")]

mod editing;
mod sample;
mod sources;

use crate::LivenetImage;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{
    Arguments, Attributes, BootContext, Image, ImageClass,
    messages::steps,
    testing::{TestHost, is_root},
};
use sample::Sample;
use serde_json::{Value, json};
use std::{
    os::unix::fs::{MetadataExt, PermissionsExt},
    process::Command,
};

/// Whether the test can run; says so when it cannot.
fn root(test: &str) -> bool {
    if !is_root() {
        eprintln!("SKIPPED {test}: it mounts, and only root can");
    }
    is_root()
}

/// A host that knows the class: what it asks of the most derived class of an image comes back to itself.
fn host() -> TestHost {
    let test = TestHost::new();
    test.add_class("LivenetImage", LivenetImage);
    test
}

fn arguments(value: Value) -> Arguments {
    serde_json::from_value(value).unwrap()
}

struct World {
    test: TestHost,
    sample: Sample,
}

impl World {
    fn new() -> Self {
        let test = host();
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
        let created = self.test.run_step(&mut image, steps::CREATE, arguments(all), Attributes::new());
        match created {
            Ok(_) => self.test.end_action().unwrap(),
            Err(_) => self.test.undo_everything().unwrap(),
        }
        created.map(|_| image)
    }

    fn act(&self, words: &str, image: &mut Image, value: Value) -> disklessset_plugin_api::Result<Value> {
        let attrs = Attributes::from([("words".to_owned(), words.into())]);
        let done = self.test.run_step(image, steps::ACTION, arguments(value), attrs);
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
