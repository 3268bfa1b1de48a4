//! The root image, made with the real tool through the test host. Steps of the base need the real program: see the tests there.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "what fails here fails the test, and what is skipped says so"
)]

use crate::{compression::Compression, root_image::Erofs};
use camino::Utf8Path;
use disklessset_kit::{
    content,
    live::root_image::{RootImage, Write},
    squashfs::Layout,
};
use disklessset_plugin_api::{Image, Result, Size, testing::TestHost};

const CLASS: &str = "ErofsImage";

/// Whether the test can run; says so when it cannot.
fn can_run(test: &str) -> bool {
    let there = ["/usr/bin", "/usr/sbin"].iter().any(|bin| Utf8Path::new(bin).join("mkfs.erofs").is_file());
    if !there {
        eprintln!("SKIPPED {test}: mkfs.erofs is not installed");
    }
    there
}

/// A tree with a file of each kind that matters, and what stays out of an image.
fn tree(test: &TestHost) -> camino::Utf8PathBuf {
    let tree = test.root().join("a tree");
    for directory in
        ["boot/grub", "dev", "etc", "home/boot", "proc", "run", "sys", "tmp", "usr/lib/modules/6.1 a"]
    {
        std::fs::create_dir_all(tree.join(directory)).unwrap();
    }
    for file in ["boot/vmlinuz", "boot/.hidden", "tmp/left", "home/boot/kept", "etc/passwd"] {
        std::fs::copy("/proc/self/comm", tree.join(file)).unwrap();
    }
    std::fs::hard_link(tree.join("etc/passwd"), tree.join("etc/second")).unwrap();
    std::os::unix::fs::symlink("/nowhere", tree.join("etc/dangling")).unwrap();
    tree
}

fn write(test: &TestHost, image: &mut Image, tree: &Utf8Path) -> Result<()> {
    let write = Write {
        tree: tree.to_owned(),
        file: image.directory().join("erofs.img"),
        layout: Layout::Flat,
        size: Size::LEAST,
        content: content::measure(tree.as_std_path()).unwrap(),
        scratch: test.root().join("scratch"),
        compression: None,
    };
    Erofs.write(image, &write, &test.host(CLASS))
}

#[test]
fn a_root_image_holds_its_tree_and_says_when_it_does_not() {
    if !can_run("a_root_image_holds_its_tree_and_says_when_it_does_not") {
        return;
    }
    let test = TestHost::new();
    let host = test.host(CLASS);
    let tree = tree(&test);
    for compression in [Compression::Lz4hc, Compression::Lz4, Compression::Nothing] {
        let mut image = test.new_image(&format!("web-{compression}"), CLASS);
        compression.record(&mut image);
        write(&test, &mut image, &tree).unwrap();
        let file = image.directory().join("erofs.img");
        let names = |directory: &str| Erofs.names(&image, &file, directory, &host).unwrap();
        assert_eq!(names("usr/lib/modules"), ["6.1 a"]);
        assert_eq!(
            (names("home/boot"), names("boot"), names("tmp")),
            (vec!["kept".to_owned()], vec![], vec![])
        );
        assert!(names("usr/lib/nothing").is_empty());
        // The root, 13 directories, 2 files and a link.
        assert_eq!(Erofs.check(&image, &file, &host).unwrap().files, Some(17));

        let opened = std::fs::File::options().write(true).open(&file).unwrap();
        opened.set_len(4000).unwrap();
        let cut = Erofs.check(&image, &file, &host).unwrap_err().to_string();
        assert!(cut.contains("is truncated: 4000 of"), "{cut}");
        opened.set_len(1000).unwrap();
        let other = Erofs.check(&image, &file, &host).unwrap_err().to_string();
        assert!(other.ends_with("is not an EROFS file"), "{other}");
    }
}

#[test]
fn what_the_tool_cannot_do_is_told_before_anything_is_made() {
    if !can_run("what_the_tool_cannot_do_is_told_before_anything_is_made") {
        return;
    }
    let test = TestHost::new();
    let image = test.new_image("web", CLASS);
    let check = |compression| crate::root_image::check_tool(&image, compression, &test.host(CLASS));
    check(Compression::Lz4hc).unwrap();
    assert_eq!(std::fs::read_dir(test.places().work.join("web")).unwrap().count(), 0);
    test.end_action().unwrap();
    test.take_away("mkfs.erofs");
    let error = check(Compression::Lz4).unwrap_err();
    assert_eq!(error.to_string(), "this server cannot make EROFS images compressed with lz4");
    assert!(error.hint.unwrap().contains("erofs-utils"));
}
