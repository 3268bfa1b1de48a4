//! Steps of classes: panics and nonsense contained, inheritance across modules, recursion through the host.

use std::cell::RefCell;

use camino::Utf8PathBuf;
use disklessset::modules::{Classes, HostService};
use disklessset_plugin_api::messages::{StepCall, StepReply, StepRequest, services, steps};
use disklessset_plugin_api::{
    Arguments, Attributes, BootContext, Command, Error, ErrorKind, Finished, Image, ImageName, Kernel,
    KernelVersion, Paths,
};
use serde_json::{Value, json};

use crate::forge::Place;

/// A host that runs steps, notes what is asked of it, and panics when told to.
struct TestHost<'c> {
    classes: &'c Classes,
    asked: RefCell<Vec<String>>,
}

impl HostService for TestHost<'_> {
    fn call(&self, service: &str, request: &str) -> Result<String, Error> {
        self.asked.borrow_mut().push(service.to_owned());
        match service {
            services::STEP => {
                let call: StepCall = serde_json::from_str(request)?;
                Ok(serde_json::to_string(&self.classes.run_call(call, self)?)?)
            }
            services::LOG | services::PROGRESS | services::CHECKPOINT | services::ACQUIRE => {
                Ok("null".to_owned())
            }
            services::PATHS => {
                let path = |name: &str| Utf8PathBuf::from("/test").join(name);
                let paths = Paths::new(path(""), path("i"), path("k"), path("work"), path("s"), path("g"));
                Ok(serde_json::to_string(&paths)?)
            }
            services::RUN => {
                let command: Command = serde_json::from_str(request)?;
                assert_eq!((command.program(), command.directory()), ("uname", Some("/test/work/web01")));
                Ok(serde_json::to_string(&Finished::new(0, "6.1-of-test\n".to_owned()))?)
            }
            "bad" => Ok(serde_json::from_str::<Value>(request)?.to_string()),
            "panic" => panic!("a fault of the host"),
            _ => Err(Error::new(ErrorKind::UNSUPPORTED, format!("there is no service {service}"))),
        }
    }
}

pub(crate) struct Lab {
    _place: Place,
    classes: Classes,
}

impl Lab {
    fn with(modules: &[&str]) -> Self {
        Self::at(Place::with(modules))
    }

    pub(crate) fn at(place: Place) -> Self {
        let classes = Classes::new(place.scan());
        Self { _place: place, classes }
    }

    pub(crate) fn run(&self, class: &str, step: &str) -> Result<StepReply, Error> {
        self.run_with(class, step, Attributes::new())
    }

    pub(crate) fn run_args(&self, class: &str, step: &str, arguments: Value) -> Result<StepReply, Error> {
        let arguments = serde_json::from_value(arguments).unwrap();
        self.run_step(class, step, Attributes::new(), arguments)
    }

    fn run_with(&self, class: &str, step: &str, attrs: Attributes) -> Result<StepReply, Error> {
        self.run_step(class, step, attrs, Arguments::default())
    }

    fn run_step(
        &self,
        class: &str,
        step: &str,
        attrs: Attributes,
        arguments: Arguments,
    ) -> Result<StepReply, Error> {
        let host = TestHost { classes: &self.classes, asked: RefCell::default() };
        let request = StepRequest {
            tree_source: None,
            class: String::new(),
            step: step.to_owned(),
            image: Some(image(class)),
            name: Some(ImageName::parse("web01").unwrap()),
            source: Some(Image::new(
                ImageName::parse("source").unwrap(),
                class,
                Attributes::new(),
                "/source",
            )),
            arguments,
            attrs,
        };
        self.classes.run_step(class, request, &host)
    }

    pub(crate) fn boot_file(&self, class: &str) -> Result<StepReply, Error> {
        let kernel = Kernel::new(KernelVersion::parse("6.1").unwrap());
        let boot = BootContext::new("web01", "http://x/images/web01", "http://x/kernels", Some(&kernel));
        self.run_with(class, steps::BOOT_FILE, Attributes::from([("boot".to_owned(), json!(boot))]))
    }
}

fn image(class: &str) -> Image {
    let name = ImageName::parse("web01").unwrap();
    Image::new(name, class, Attributes::new(), Utf8PathBuf::from("/images/web01"))
}

#[test]
fn a_panic_in_any_step_is_an_error_with_file_and_line() {
    let lab = Lab::with(&["misbehaving"]);
    let place = "tests/modules/misbehaving/src/lib.rs:";
    for (error, cause) in [
        (lab.run("PanicImage", steps::CREATE), "no image web01"),
        (lab.run("PanicImage", steps::REMOVE), "removal panics"),
        (lab.run("PanicImage", steps::CLEAN), "(no message)"),
        (lab.boot_file("PanicImage"), ""),
        (lab.run("DropImage", steps::CREATE), "dropped"),
    ] {
        let error = error.unwrap_err();
        assert_eq!(error.kind, ErrorKind::PANICKED);
        assert_eq!(error.message, "module misbehaving panicked; this is a fault of the module");
        assert!(error.causes[0].contains(place) || cause.is_empty(), "{:?}", error.causes);
        assert!(error.causes[0].contains(cause), "{:?}", error.causes);
    }
    // The module goes on working.
    lab.run("DropImage", steps::REMOVE).unwrap();
}

#[test]
fn a_panic_of_the_host_itself_is_an_error_to_the_module() {
    let lab = Lab::with(&["misbehaving", "raw"]);
    for (class, step) in [("PanicImage", steps::CLONE), ("RawImage", "host_panics")] {
        let error = lab.run(class, step).unwrap_err();
        assert_eq!(error.kind, ErrorKind::PANICKED);
        let expected = "disklessset itself panicked in its service panic; this is a fault of disklessset";
        assert_eq!(error.message, expected);
        assert_eq!(error.causes, ["a fault of the host"]);
    }
}

#[test]
fn errors_keep_kind_message_causes_and_hint() {
    let lab = Lab::with(&["misbehaving"]);
    let error = lab.run("ErrorImage", steps::CREATE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::BUSY);
    assert_eq!(error.message, "cannot fill image web01");
    assert_eq!(error.causes, ["no space left", "the disk is small"]);
    assert_eq!(error.hint.as_deref(), Some("buy a disk"));
    let error = lab.run("ErrorImage", steps::REMOVE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::UNSUPPORTED);
}

#[test]
fn an_image_that_comes_back_as_another_is_refused() {
    let lab = Lab::with(&["misbehaving", "raw"]);
    let error = lab.run("DropImage", steps::CLONE).unwrap_err();
    assert_eq!(
        error.message,
        "module misbehaving gave a wrong answer to step clone_image of class DropImage"
    );
    assert!(
        error.causes[0].contains("image web01 of class DropImage came back as image source"),
        "{error:?}"
    );
    for step in ["other_image", "bad_name"] {
        let error = lab.run("RawImage", step).unwrap_err();
        assert_eq!(error.message, format!("module raw gave a wrong answer to step {step} of class RawImage"));
    }
}

#[test]
fn nonsense_from_a_module_that_bypasses_the_kit_is_told() {
    let lab = Lab::with(&["raw"]);
    for step in ["garbage", "empty", "other_shape"] {
        let error = lab.run("RawImage", step).unwrap_err();
        assert_eq!(error.message, format!("module raw gave a wrong answer to step {step} of class RawImage"));
        assert_eq!(error.hint.as_deref(), Some("this is a fault of the module: tell its author"));
    }
    assert_eq!(lab.run("RawImage", "more_fields").unwrap().value, json!(1));
    assert!(lab.run("RawImage", "bad_service").unwrap_err().message.contains("expected shape"));
    assert_eq!(lab.run("RawImage", "strange_error").unwrap_err().message, "strange");
}

#[test]
fn a_step_that_nobody_defines_is_told_or_has_a_default() {
    let lab = Lab::with(&["raw"]);
    let error = lab.run("RawImage", steps::REMOVE).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NOT_DEFINED);
    assert_eq!(
        error.message,
        "step remove_files is defined by no class of the image (asked: RawImage of module raw)"
    );
    assert_eq!(lab.run("RawImage", steps::SHOW).unwrap().value, Value::Null);
    let kernel = Kernel::new(KernelVersion::parse("6.1").unwrap());
    let attrs = Attributes::from([("kernel".to_owned(), json!(kernel))]);
    let changed = lab.run_with("RawImage", steps::SET_KERNEL, attrs).unwrap().image.unwrap();
    assert_eq!(changed.kernel(), Some(kernel));
    let error = lab.run("NobodysImage", steps::SHOW).unwrap_err();
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::NOT_FOUND, "no module here has class NobodysImage")
    );
}

#[test]
fn a_class_of_another_module_lends_its_steps_to_the_one_built_on_it() {
    let lab = Lab::with(&["demo", "tuned"]);
    let plain = lab.boot_file("DemoImage").unwrap().value;
    let tuned = lab.boot_file("TunedDemo").unwrap().value;
    assert_eq!(tuned, json!(format!("{}# tuned\n", plain.as_str().unwrap())));
    assert!(plain.as_str().unwrap().starts_with("#!ipxe\n"));
    // Left to the base.
    lab.run("TunedDemo", steps::CLEAN).unwrap();
}

#[test]
fn a_base_class_gets_the_most_derived_version_of_its_own_step() {
    let lab = Lab::with(&["demo", "tuned"]);
    let created = |class| lab.run(class, steps::CREATE).unwrap().image.unwrap();
    assert_eq!(created("PackedImage").text("packed").unwrap(), "packed");
    let better = created("BetterPackedImage");
    assert_eq!(better.text("packed").unwrap(), "better packed");
    assert_eq!(better.text("packer").unwrap(), "base", "attributes set three calls deep come back");
}

#[test]
fn that_a_nested_step_is_not_defined_does_not_leave_the_outer_one_to_the_base() {
    let lab = Lab::with(&["demo", "tuned", "misbehaving"]);
    for (class, step) in [("TunedDemo", steps::REMOVE), ("ErrorImage", steps::BOOT_FILE)] {
        let attrs = Attributes::from([(
            "boot".to_owned(),
            json!({
                "image": "", "image_url": "", "kernel_url": "", "initramfs_url": "", "initramfs": ""
            }),
        )]);
        let error = lab.run_with(class, step, attrs).unwrap_err();
        assert_eq!(error.kind, ErrorKind::FAILED);
        assert!(error.message.starts_with("step nobody_has_this is defined by no class"), "{error:?}");
    }
}

#[test]
fn a_base_that_is_none_is_refused() {
    let lab = Lab::with(&["demo", "tuned"]);
    let host = TestHost { classes: &lab.classes, asked: RefCell::default() };
    let request = StepRequest { image: Some(image("DemoImage")), ..StepRequest::new("", steps::SHOW) };
    let call = StepCall { base_of: Some("TunedDemo".to_owned()), request: request.clone() };
    let error = lab.classes.run_call(call, &host).unwrap_err();
    assert_eq!(error.message, "image web01 is of class DemoImage, not built on TunedDemo");
    let call = StepCall { base_of: Some("DemoImage".to_owned()), request };
    assert!(lab.classes.run_call(call, &host).is_ok(), "show has a default even below the last class");
}

#[test]
fn without_an_image_only_a_step_of_a_base_can_be_asked_for() {
    let lab = Lab::with(&["ground", "refined"]);
    let host = TestHost { classes: &lab.classes, asked: RefCell::default() };
    let request = || StepRequest {
        attrs: Attributes::from([("words".to_owned(), json!("census"))]),
        ..StepRequest::new("", steps::OVERVIEW)
    };
    let error = lab.classes.run_call(StepCall { base_of: None, request: request() }, &host).unwrap_err();
    assert_eq!(error.kind, ErrorKind::USAGE);
    // It reaches the base, which asks this host for what it does not have.
    let below = StepCall { base_of: Some("RefinedImage".to_owned()), request: request() };
    let error = lab.classes.run_call(below, &host).unwrap_err();
    assert_eq!(error.message, "there is no service images");
    let nothing_below = StepCall { base_of: Some("GroundImage".to_owned()), request: request() };
    let error = lab.classes.run_call(nothing_below, &host).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NOT_DEFINED);
}
