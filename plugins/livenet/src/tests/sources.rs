//! Images of archives and of packages.

use super::*;

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
    let test = host();
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
    test.run_step(&mut image, steps::CREATE, all, Attributes::new()).unwrap();
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
