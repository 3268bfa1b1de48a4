//! Given programs of others on the library: what they save is saved as an action saves it, or refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use disklessset::{ImageManager, Observer, Site, SiteOptions};
use disklessset_plugin_api::{ErrorKind, Image, ImageName, Level};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

struct Quiet;

impl Observer for Quiet {
    fn line(&self, _level: Level, _text: &str) {}
}

#[test]
fn an_image_that_a_program_registers_is_saved_with_its_boot_file() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a", "--message", "first"]).run().expect_done();
    let options = SiteOptions {
        root: Some(root.path()),
        modules_dir: Some(root.modules_dir()),
        ..SiteOptions::default()
    };
    let site = Site::open(&options, Arc::new(Quiet)).unwrap();
    let images = ImageManager::new(&site);
    let name = ImageName::parse("a").unwrap();
    let mut image = images.get_created_image(&name).unwrap();
    image.set("my_message", "second");
    image.set("creation_date", "2001-02-03");
    images.register_image(&image).unwrap();
    let shown = root.disklessset(&["show", "a", "--format", "json"]).run().expect_done().json();
    assert_eq!(shown["image"]["attributes"]["my_message"], "second", "{shown}");
    let boot = std::fs::read_to_string(root.image_dir("a").join("boot.ipxe")).unwrap();
    assert!(boot.contains("2001-02-03"), "{boot}");
    let _ = root.disklessset(&["verify", "a"]).run().expect_done();

    let before = Snapshot::of(&root);
    let of = |name: &str, class: &str| {
        let name = ImageName::parse(name).unwrap();
        Image::new(name, class, BTreeMap::new(), root.image_dir("a"))
    };
    for (wrong, kind) in
        [(of("a", "OtherImage"), ErrorKind::USAGE), (of("nope", "DemoImage"), ErrorKind::NOT_FOUND)]
    {
        assert_eq!(images.register_image(&wrong).unwrap_err().kind, kind);
    }
    before.assert_same_as_now(&root);
}
