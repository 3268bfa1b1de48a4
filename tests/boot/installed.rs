//! The installed packages, on a machine that never saw the sources: a first image is made and booted with nothing else.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::io::Write;

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

use crate::system::packages::{PATIENCE, deb_of, inside, left_in, older, packages};

/// What a container would have from its host: how its mirror is reached, and that no service is started.
fn settle_in(test: &TestRoot, root: &Utf8Path) {
    for file in ["etc/resolv.conf", "etc/hosts"] {
        let _ = std::fs::copy(format!("/{file}"), root.join(file)).unwrap();
    }
    for settings in Utf8Path::new("/etc/apt/apt.conf.d").read_dir_utf8().unwrap() {
        let settings = settings.unwrap();
        if settings.file_name().starts_with("99") {
            let _ =
                std::fs::copy(settings.path(), root.join(settings.path().as_str().trim_start_matches('/')));
        }
    }
    let certificates = root.join("etc/ssl/certs");
    std::fs::create_dir_all(certificates.parent().unwrap()).unwrap();
    let copy = ["-rL", "/etc/ssl/certs", certificates.as_str()];
    let _ = test.tool("rm", &["-rf", certificates.as_str()]).run().expect_done();
    let _ = test.tool("cp", &copy).run().expect_done();
    put(&root.join("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", 0o755);
}

fn put(file: &Utf8Path, text: &str, mode: u32) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut open =
        std::fs::File::options().write(true).create(true).truncate(true).mode(mode).open(file).unwrap();
    open.write_all(text.as_bytes()).unwrap();
}

/// Installs, makes an image, boots it, upgrades, and purges.
fn on_a_fresh(suite: &str) {
    let test = TestRoot::bare();
    let debs = packages(&test);
    let root = test.beside().join(suite);
    let make = ["--quiet", "--variant=minbase", suite, root.as_str()];
    let _ = test.tool("mmdebstrap", &make).limit(PATIENCE).run().expect_done();
    settle_in(&test, &root);
    let run = |command: &[&str]| inside(&test, &root, command).expect_done();
    let does = |command: &[&str]| drop(run(command));
    let put_in = |from: &Utf8Path, name: &str| {
        std::fs::copy(from, root.join(name)).unwrap();
        format!("/{name}")
    };
    let program = deb_of(&debs, "disklessset");
    let old = put_in(&older(&test, &program), "old.deb");
    let new = put_in(&program, "new.deb");
    let livenet = put_in(&deb_of(&debs, "disklessset-module-livenet"), "livenet.deb");

    // What the package recommends comes with it, as apt has it; what only a proof needs does not.
    does(&["apt-get", "update"]);
    does(&["apt-get", "install", "--yes", &old, "qemu-system-x86", "ipxe-qemu"]);
    does(&["apt-get", "install", "--yes", &new, &livenet]);
    let doctor = run(&["disklessset", "doctor", "livenet", "prove"]);
    assert!(!doctor.stdout.contains("missing"), "{doctor}");

    put(&root.join("root/root-password"), "a password for this test\n", 0o600);
    let create = ["disklessset", "livenet", "create", "web01", "--kernel", "from-image", "--source", "apt"];
    let create = [&create[..], &["--type", "core", "--password-file", "/root/root-password"]].concat();
    does(&create);
    // Emulated, beside other tests.
    let proved = run(&["disklessset", "prove", "web01", "--timeout", "900"]);
    assert!(proved.to_string().contains("login"), "{proved}");
    let verified = run(&["disklessset", "verify", "web01"]);
    assert!(verified.stdout.contains("good"), "{verified}");

    does(&["apt-get", "purge", "--yes", "disklessset", "disklessset-module-livenet"]);
    let left = left_in(&test, &root);
    assert_eq!(left, ["/var/lib/diskless", "/var/www/html/preboot_execution_environment/diskless"]);
    let image = "var/www/html/preboot_execution_environment/diskless/images/web01/squashfs.img";
    assert!(root.join(image).is_file(), "the purge took the image");
}

#[test]
fn an_installed_package_makes_an_image_that_boots_on_debian_12() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64")
    );
    on_a_fresh("bookworm");
}

#[test]
fn an_installed_package_makes_an_image_that_boots_on_debian_13() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64")
    );
    on_a_fresh("trixie");
}
