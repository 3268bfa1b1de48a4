//! Images that are mounted, edited and packed again.

use super::*;

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
