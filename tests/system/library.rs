//! Given programs of others on the library: what they save is saved as an action saves it, or refused.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use disklessset::{Cancel, Error, ImageManager, Observer, Site, SiteOptions};
use disklessset_plugin_api::{ErrorKind, Image, ImageName, Level};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

struct Quiet;

impl Observer for Quiet {
    fn line(&self, _level: Level, _text: &str) {}
}

#[allow(dead_code, reason = "its main is for the command line")]
#[path = "../../host/examples/connect.rs"]
mod connect;

#[test]
fn the_example_does_what_it_shows() {
    let root = TestRoot::with_modules(&["demo"]);
    let arguments = [root.path().to_string(), root.modules_dir().to_string(), "shown".to_owned()];
    connect::connect(&arguments).unwrap();
    let list = root.disklessset(&["list", "--format", "json"]).run().expect_done().json();
    let names: Vec<_> =
        list["images"].as_array().unwrap().iter().map(|image| image["name"].clone()).collect();
    assert_eq!(names, ["shown"], "the cancelled clone left nothing: {list}");
    assert_eq!(list["images"][0]["attributes"]["my_message"], "changed by connect", "{list}");
    assert_eq!(connect::connect(&arguments).unwrap_err().kind, ErrorKind::REFUSED, "the image is there");
}

/// Keeps what it hears of actions.
#[derive(Default)]
struct Events(Mutex<Vec<String>>);

impl Observer for Events {
    fn line(&self, _level: Level, _text: &str) {}

    fn action_begins(&self, action: &str, subject: &str) {
        self.0.lock().unwrap().push(format!("{action} {subject} begins"));
    }

    fn action_ends(&self, action: &str, subject: &str, error: Option<&Error>) {
        let how = error.map_or_else(|| "done".to_owned(), ToString::to_string);
        self.0.lock().unwrap().push(format!("{action} {subject}: {how}"));
    }
}

#[test]
fn actions_are_heard_of_and_a_cancelled_one_leaves_everything_as_it_was() {
    let root = TestRoot::with_modules(&["demo"]);
    let _ = root.disklessset(&["demo", "create", "a", "--message", "first"]).run().expect_done();
    let options = SiteOptions {
        root: Some(root.path()),
        modules_dir: Some(root.modules_dir()),
        ..SiteOptions::default()
    };
    let events = Arc::new(Events::default());
    let site = Site::open(&options, Arc::clone(&events) as Arc<dyn Observer>).unwrap();
    let images = ImageManager::new(&site);
    let (a, b) = (ImageName::parse("a").unwrap(), ImageName::parse("b").unwrap());
    let before = Snapshot::of(&root);
    let cancel = Cancel::new().unwrap();
    cancel.cancel();
    let error = cancel.watch(|| images.clone_image(&a, &b)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::INTERRUPTED, "{error}");
    before.assert_same_as_now(&root);
    images.clone_image(&a, &b).unwrap();
    let of_b = images.show(&b).unwrap();
    assert_eq!(of_b.listed.attribute::<String>("my_message").unwrap().as_deref(), Some("first"));
    assert!(of_b.listed.attribute::<u32>("my_message").is_err(), "a text is no number");
    let heard = events.0.lock().unwrap().clone();
    assert_eq!(heard, ["clone b begins", "clone b: cancelled", "clone b begins", "clone b: done"]);
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
