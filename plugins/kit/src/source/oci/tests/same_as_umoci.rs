//! Given images made by umoci and skopeo, what is unpacked is what umoci unpacks.

use super::{look, put, run, unpacked};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::testing::TestHost;
use disklessset_tests::need;
use std::{
    ffi::OsStr,
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, chown, symlink},
    },
};

fn tools() -> [need::Verdict; 4] {
    [need::root(), need::tool("umoci"), need::tool("skopeo"), need::tool("setcap")]
}

macro_rules! need_tools {
    () => {
        for verdict in tools() {
            if matches!(verdict, need::Verdict::Skip) {
                return;
            }
        }
    };
}

/// Everything that a layer can hold.
fn first_layer(test: &TestHost, at: &Utf8Path) {
    put(&at.join("etc/passwd"), b"root:x:0:0::/root:/bin/sh\n");
    for (file, text) in
        [("etc/gone", "x"), ("etc/dir/in/it", "x"), ("opaque/old", "x"), ("opaque/deep/old", "x")]
    {
        put(&at.join(file), text.as_bytes());
    }
    put(&at.join("usr/bin/ping"), &vec![7; 100_000]);
    put(&at.join("usr/bin/su"), b"x");
    std::fs::set_permissions(at.join("usr/bin/su"), PermissionsExt::from_mode(0o4755)).unwrap();
    chown(at.join("etc/gone"), Some(12_345), Some(3_000_000_000)).unwrap();
    run(test, "setcap", &["cap_net_raw,cap_net_admin=ep", at.join("usr/bin/ping").as_str()]);
    run(test, "setfacl", &["-m", "u:7:r", at.join("etc/passwd").as_str()]);
    run(test, "setfacl", &["-d", "-m", "u:7:rx", at.join("etc/dir").as_str()]);
    // Beside others that inherit its rules, one that does not.
    put(&at.join("etc/dir/without rules"), b"x");
    run(test, "setfacl", &["-b", at.join("etc/dir/without rules").as_str()]);
    run(test, "setfattr", &["-n", "user.note", "-v", "0x000a3d0a", at.join("etc/dir").as_str()]);
    symlink("usr/bin", at.join("bin")).unwrap();
    symlink("/no/where", at.join("dangling")).unwrap();
    symlink("dangling", at.join("becomes directory")).unwrap();
    std::fs::create_dir(at.join("becomes file")).unwrap();
    put(&at.join("becomes file/inside"), b"x");
    for name in ["one", "two", "opaque/three"] {
        if name == "one" {
            put(&at.join(name), b"linked");
        } else {
            std::fs::hard_link(at.join("one"), at.join(name)).unwrap();
        }
    }
    run(test, "mknod", &[at.join("null").as_str(), "c", "1", "3"]);
    run(test, "mknod", &[at.join("disk").as_str(), "b", "259", "70000"]);
    run(test, "mkfifo", &[at.join("fifo").as_str()]);
    std::fs::create_dir(at.as_std_path().join(OsStr::from_bytes(b"caf\xe9"))).unwrap();
    put(&at.join("new\nline"), b"x");
    put(&at.join("l".repeat(120)).join("o".repeat(120)).join("ng"), b"x");
    std::fs::File::create(at.join("holes")).unwrap().set_len(3 << 20).unwrap();
    run(test, "touch", &["-h", "-d", "1969-12-31T23:00:00.25Z", at.join("dangling").as_str()]);
    run(test, "touch", &["-d", "2031-01-01T00:00:00.123456789Z", at.join("etc").as_str()]);
}

fn second_layer(test: &TestHost, at: &Utf8Path) {
    std::fs::remove_file(at.join("etc/gone")).unwrap();
    std::fs::remove_dir_all(at.join("etc/dir/in")).unwrap();
    std::fs::remove_file(at.join("becomes directory")).unwrap();
    put(&at.join("becomes directory/inside"), b"y");
    std::fs::remove_dir_all(at.join("becomes file")).unwrap();
    put(&at.join("becomes file"), b"y");
    std::fs::set_permissions(at.join("usr"), PermissionsExt::from_mode(0o2711)).unwrap();
    run(test, "setfattr", &["-x", "user.note", at.join("etc/dir").as_str()]);
    run(test, "setcap", &["cap_sys_admin=ep", at.join("usr/bin/ping").as_str()]);
    std::fs::hard_link(at.join("usr/bin/su"), at.join("usr/bin/su again")).unwrap();
    std::fs::remove_file(at.join("null")).unwrap();
    symlink("fifo", at.join("null")).unwrap();
}

/// An image of three layers, the last with a directory that hides what is below; the layout.
fn made(test: &TestHost) -> Utf8PathBuf {
    let layout = test.root().join("made");
    let image = format!("{layout}:v1");
    run(test, "umoci", &["init", "--layout", layout.as_str()]);
    run(test, "umoci", &["new", "--image", &image]);
    type Change = fn(&TestHost, &Utf8Path);
    for (number, change) in [first_layer as Change, second_layer].into_iter().enumerate() {
        let bundle = test.root().join(format!("bundle-{number}"));
        run(test, "umoci", &["unpack", "--image", &image, bundle.as_str()]);
        change(test, &bundle.join("rootfs"));
        run(test, "umoci", &["repack", "--image", &image, bundle.as_str()]);
    }
    let fresh = test.root().join("fresh");
    put(&fresh.join("new"), b"z");
    run(test, "umoci", &["insert", "--image", &image, "--opaque", fresh.as_str(), "/opaque"]);
    layout
}

fn by_umoci(test: &TestHost, image: &str) -> Utf8PathBuf {
    let bundle = test.root().join("by umoci");
    run(test, "umoci", &["unpack", "--image", image, bundle.as_str()]);
    bundle.join("rootfs")
}

#[test]
fn a_layout_and_every_copy_of_it_unpack_to_the_same_tree() {
    need_tools!();
    let test = TestHost::new();
    let layout = made(&test);
    let reference = by_umoci(&test, &format!("{layout}:v1"));
    assert!(reference.join("opaque/new").exists() && !reference.join("opaque/old").exists());
    assert!(!look::attributes(reference.join("usr/bin/ping").as_std_path()).is_empty());
    for source in [format!("oci:{layout}"), format!("oci:{layout}:v1")] {
        look::must_be_same(&unpacked(&test, &source), &reference, &[]);
    }

    let from = format!("oci:{layout}:v1");
    let archive = test.root().join("image: of mine.tar");
    let plain_archive = test.root().join("archive.tar");
    run(&test, "skopeo", &["copy", &from, &format!("oci-archive:{plain_archive}:example.org/os:v1")]);
    std::fs::rename(&plain_archive, &archive).unwrap();
    for reference_of in ["", ":v1", ":os:v1", ":example.org/os:v1"] {
        look::must_be_same(&unpacked(&test, &format!("oci:{archive}{reference_of}")), &reference, &[]);
    }
    run(&test, "xz", &["--keep", "-0", archive.as_str()]);
    look::must_be_same(&unpacked(&test, &format!("oci:{archive}.xz:v1")), &reference, &[]);
    run(&test, "zstd", &["--quiet", archive.as_str()]);
    look::must_be_same(&unpacked(&test, &format!("oci:{archive}.zst")), &reference, &[]);

    let zstd = test.root().join("zstd");
    run(&test, "skopeo", &["copy", "--dest-compress-format", "zstd", &from, &format!("oci:{zstd}:v1")]);
    look::must_be_same(&unpacked(&test, &format!("oci:{zstd}")), &reference, &[]);
}

#[test]
fn what_umoci_unpacks_after_gnu_tar_wrote_the_layers_is_the_same() {
    need_tools!();
    let test = TestHost::new();
    let stage = test.root().join("stage");
    first_layer(&test, &stage);
    let mut layers = Vec::new();
    for format in [
        &["--format=gnu"][..],
        &["--format=pax", "--xattrs", "--xattrs-include=*"],
        &["--format=pax", "--sparse"],
    ] {
        let archive = test.root().join("layer.tar");
        let pack = ["--sort=name", "-C", stage.as_str(), "-cf", archive.as_str(), "."];
        run(&test, "tar", &[format, &pack[..]].concat());
        let mut blob = super::make::plain(Vec::new());
        blob.packed = std::fs::read(&archive).unwrap();
        blob.content.clone_from(&blob.packed);
        layers.push(blob);
        // The next layer must have something to change.
        put(&stage.join("etc/passwd"), format.concat().as_bytes());
        let holes = std::fs::File::options().write(true).open(stage.join("holes")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&holes, b"data", (1 << 20) + layers.len() as u64).unwrap();
    }
    let source = super::make::layout(&test, &layers);
    // umoci reads images by a name.
    let at = test.root().join("layout");
    let index = std::fs::read_to_string(at.join("index.json")).unwrap();
    let named = index.replacen(
        "\"mediaType\"",
        "\"annotations\":{\"org.opencontainers.image.ref.name\":\"v1\"},\"mediaType\"",
        1,
    );
    put(&at.join("index.json"), named.as_bytes());
    let reference = by_umoci(&test, &format!("{at}:v1"));
    look::must_be_same(&unpacked(&test, &source), &reference, &[]);
}
