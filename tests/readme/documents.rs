//! The documents for sysadmins, each at a site as it says: `disklessset` there is the program, about that site's root.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{SYSTEM_PATH, disklessset};

use super::{Document, put_script};
use crate::system::of_1x;
use crate::system::small::{KERNEL, Small, put, register_kernel};

/// Runs what a document has to type.
#[track_caller]
fn run_as_written(name: &'static str, root: &TestRoot) {
    run_with(name, root, &[]);
}

/// The same with variables in the environment.
#[track_caller]
pub(super) fn run_with(name: &'static str, root: &TestRoot, environment: &[(&str, String)]) {
    let document = Document::read(name);
    let bin = root.beside().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let (program, at, modules) = (disklessset(), root.path(), root.modules_dir());
    let about = format!("#!/bin/sh\nexec '{program}' --root '{at}' --modules-dir '{modules}' \"$@\"\n");
    put_script(&bin.join("disklessset"), &about, 0o755);
    let file = root.beside().join("commands.sh");
    put_script(&file, &format!("set -euo pipefail\n{}", document.script()), 0o600);
    let run = root.tool("bash", &[file.as_str()]).env("PATH", format!("{bin}:{SYSTEM_PATH}"));
    let run = environment.iter().fold(run, |run, (name, value)| run.env(name, value));
    document.must_have_been_run(&run.limit(Duration::from_secs(1800)).run().expect_done());
}

#[test]
fn daily_use_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let small = Small::new();
    small.root.drop_in("nfs");
    let other = "6.1.0-42-amd64";
    register_kernel(&small.root, other);
    put(&small.tree.join("usr/lib/modules").join(other).join("modules.dep"), b"", 0o644);
    let _ = small.create("web01", &[]).run().expect_done();
    let source = format!("tree:{}", small.tree);
    for command in [
        &["nfs", "create-staging", "base", "--kernel", KERNEL, "--source", &source][..],
        &["nfs", "create-golden", "pool", "--from", "base"],
        &["nfs", "nodes", "add", "pool", "c001"],
    ] {
        let _ = small.run(command).expect_done();
    }
    run_as_written("docs/daily-use.md", &small.root);
}

#[test]
fn images_as_files_work_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let small = Small::new();
    let (root, kernel) = (&small.root, "6.1.0-42-amd64");
    register_kernel(root, kernel);
    put(&small.tree.join("usr/lib/modules").join(kernel).join("modules.dep"), b"", 0o644);
    let images = root.beside().join("images");
    for file in ["web01.yml", "motd.sh"] {
        let text = std::fs::read(super::source_tree().join("docs/examples/images").join(file)).unwrap();
        put(&images.join(file), &text, 0o644);
    }
    let page = std::fs::read_to_string(super::source_tree().join("docs/definitions.md")).unwrap();
    let shown = std::fs::read_to_string(images.join("web01.yml")).unwrap();
    assert!(page.contains(&format!("```yaml\n{shown}```")), "the page shows another file");
    put(&root.beside().join("root.password"), b"s3cret\n", 0o600);
    let archive = images.join("base.tar");
    let _ = root.tool("tar", &["-cf", archive.as_str(), "-C", small.tree.as_str(), "."]).run().expect_done();
    run_as_written("docs/definitions.md", root);
}

#[test]
fn the_way_from_1x_works_as_written() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let site = of_1x::Site::new();
    site.image("web01", "False");
    for mounted in ["web02", "web03", "web04"] {
        site.image(mounted, "True");
        site.mount(mounted);
    }
    site.reboot("web04");
    run_as_written("docs/upgrade-from-1x.md", &site.0.root);
}

#[test]
fn moving_here_works_as_written() {
    disklessset_tests::need!(need::root());
    run_as_written("docs/moving-from.md", &TestRoot::with_modules(&["demo"]));
}

#[test]
fn moving_from_bluebanquise_leaves_its_menu_and_its_images_as_they_are() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let small = Small::new();
    let root = &small.root;
    let page = std::fs::read_to_string(super::source_tree().join("docs/moving-from.md")).unwrap();
    let line = "images_directory: /var/www/html/pxe/diskless\n";
    assert!(page.contains(&format!("```yaml\n{line}```")));
    put(&root.path().join("etc/disklessset/diskless_parameters.yml"), line.as_bytes(), 0o644);
    let pxe = root.path().join("var/www/html/pxe");
    put(&pxe.join("diskless/theirs/metadata.yaml"), b"name: theirs\ntype: live\n", 0o644);
    std::fs::rename(crate::system::small::kernels(root), pxe.join("kernels")).unwrap();
    let _ = small.create("web01", &[]).run().expect_done();
    let boot = std::fs::read_to_string(pxe.join("diskless/web01/boot.ipxe")).unwrap();
    assert!(boot.contains("set diskless-base http://${next-server}/pxe\n"), "{boot}");
    for setting in ["${eq-console}", "${eq-kernel-parameters}", "${dedicated-kernel-parameters}"] {
        assert!(boot.contains(setting), "{boot}");
    }
    let _ = small.run(&["remove", "web01", "--yes"]).expect_done();
    let _ = small.run(&["clean", "--yes"]).expect_done();
    assert!(pxe.join("diskless/theirs/metadata.yaml").exists());
}
