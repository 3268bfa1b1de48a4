//! Modules and hosts of different minor versions of the API, in both directions.
//!
//! `tests/frozen` has the sources of each minor version and a module of its time. A later minor version is made of a copy of the first
//! by appending where the rules of the ABI allow it, and versions that break them by breaking them.

use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::modules::check::{Outcome, check};
use disklessset::modules::{Classes, LoadError, ModuleState, load};
use disklessset_plugin_api::messages::steps;
use disklessset_plugin_api::{ErrorKind, Size};
use serde_json::json;

use disklessset_tests::{frozen, run};

use crate::forge::{Place, built, replace_in_note};
use crate::installing::{cargo_build, target};
use crate::steps::Lab;

/// A module built against the frozen sources of an earlier version, by its short name.
fn frozen_module(name: &str) -> Vec<u8> {
    frozen::build();
    std::fs::read(run::built_module(name)).unwrap()
}

/// A module and a host of the same API as it may be in a later minor version.
struct Later {
    module: Vec<u8>,
    host: Utf8PathBuf,
}

fn later() -> &'static Later {
    static BUILT: OnceLock<Later> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = target().join("tests-later-api");
        // A fixed place, so that runs do not pile up.
        copy_tree(&frozen::sources("1.0"), &project);
        make_later(&project);
        cargo_build(&project);
        let module = std::fs::read(target().join("debug/liblater_module.so")).unwrap();
        Later { module, host: target().join("debug/newer-host") }
    })
}

pub(crate) fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir_utf8().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

pub(crate) fn edit(project: &Utf8Path, file: &str, edits: &[(&str, &str)]) {
    let path = project.join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        text = text.replace(from, to);
    }
    std::fs::write(path, text).unwrap();
}

/// A module built against API 1.0 changed so that modules of it must not be used, under a version that says what it likes.
fn module_of(name: &str, version: &str, edits: &[(&str, &[(&str, &str)])]) -> Vec<u8> {
    let project = target().join(format!("tests-{name}-api"));
    copy_tree(&frozen::sources("1.0"), &project);
    let version = format!("\"{version}\"");
    edit(&project, "plugin-api/Cargo.toml", &[("\"1.0.0\"", &version)]);
    edit(&project, "plugin-api/src/api_version.rs", &[("\"1.0.0\"", &version)]);
    edit(&project, "module/Cargo.toml", &[("frozen_module", &format!("{name}_module"))]);
    edit(&project, "module/src/lib.rs", &[("name: \"frozen\"", &format!("name: \"{name}\""))]);
    edits.iter().for_each(|(file, edits)| edit(&project, file, edits));
    cargo_build(&project);
    std::fs::read(target().join(format!("debug/lib{name}_module.so"))).unwrap()
}

/// Appends a field to the root, a method to the module and one to the host's services, as a minor version may.
fn make_later(project: &Utf8Path) {
    let edit = |file: &str, edits: &[(&str, &str)]| edit(project, file, edits);
    edit("Cargo.toml", &[("\"module\"]", "\"module\", \"newer-host\"]")]);
    edit("plugin-api/Cargo.toml", &[("version = \"1.0.0\"", "version = \"1.3.0\"")]);
    edit("plugin-api/src/api_version.rs", &[("\"1.0.0\"", "\"1.3.0\"")]);
    edit(
        "plugin-api/src/abi.rs",
        &[
            (
                "pub open: extern \"C\" fn() -> RResult<ModuleBox, AbiError>,",
                "pub open: extern \"C\" fn() -> RResult<ModuleBox, AbiError>,\n    pub era: extern \"C\" fn() -> u32,",
            ),
            (
                "fn call(&self, request: RStr<'_>, host: HostRef<'_>) -> RResult<RString, AbiError>;",
                "fn call(&self, request: RStr<'_>, host: HostRef<'_>) -> RResult<RString, AbiError>;\n\
                 fn newer(&self) -> RString { \"the default of the host\".into() }",
            ),
            (
                "fn call(&self, service: RStr<'_>, request: RStr<'_>) -> RResult<RString, AbiError>;",
                "fn call(&self, service: RStr<'_>, request: RStr<'_>) -> RResult<RString, AbiError>;\n\
                 fn newer(&self) -> RString { \"the default of the module\".into() }",
            ),
        ],
    );
    edit(
        "plugin-api/src/adapter.rs",
        &[
            ("ModuleRoot { open }.leak", "ModuleRoot { open, era: $crate::adapter::era }.leak"),
            ("/// Opens a module with", "pub extern \"C\" fn era() -> u32 { 11 }\n\n/// Opens a module with"),
            (
                "fn describe(&self) -> RResult<RString, AbiError> {",
                "fn newer(&self) -> RString { \"of the module\".into() }\nfn describe(&self) -> RResult<RString, AbiError> {",
            ),
        ],
    );
    edit(
        "plugin-api/src/services.rs",
        &[(
            "    /// Calls a service by name, for",
            "    pub fn newer(&self) -> String { self.services.newer().into() }\n    /// Calls a service by name, for",
        )],
    );
    edit("module/Cargo.toml", &[("frozen_module", "later_module")]);
    edit(
        "module/src/lib.rs",
        &[
            ("name: \"frozen\"", "name: \"later\""),
            ("title: \"Built against API 1.0.0\"", "title: \"Built against API 1.3.0\""),
            ("\"FrozenImage\" =>", "\"LaterImage\" =>"),
            ("\"FrozenDemo\":", "\"LaterDemo\":"),
            ("\"IceImage\" =>", "\"LateIceImage\" =>"),
            (
                "_image: &Image, _host: &Host<'_>) -> Result<Value>",
                "_image: &Image, host: &Host<'_>) -> Result<Value>",
            ),
            ("json!({ \"era\": \"1.0.0\" })", "json!({ \"era\": \"1.3.0\", \"newer\": host.newer() })"),
        ],
    );
    let layout = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/modules/layout.rs");
    std::fs::create_dir_all(project.join("newer-host/src")).unwrap();
    edit("newer-host/main.rs.in", &[("@LAYOUT@", layout.as_str())]);
    std::fs::copy(project.join("newer-host/main.rs.in"), project.join("newer-host/src/main.rs")).unwrap();
}

fn place() -> Place {
    let place = Place::with(&["demo"]);
    for (_, name) in frozen::MODULES {
        place.put(&format!("{name}_module.so"), &frozen_module(name));
    }
    place.put("later_module.so", &later().module);
    place
}

#[test]
fn a_module_of_the_first_api_works_in_this_host() {
    let lab = Lab::at(place());
    let created =
        lab.run_args("FrozenImage", steps::CREATE, json!({ "degrees": -5 })).unwrap().image.unwrap();
    assert_eq!(created.get::<i64>("degrees").unwrap(), Some(-5));
    assert_eq!(created.text("uname").unwrap(), "6.1-of-test");
    assert_eq!(created.attributes()["chilled"], json!({ "colder": 3 }));
    let error = lab.run("FrozenImage", steps::REMOVE).unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::REFUSED, "image web01 is too cold"));
    assert_eq!((error.causes, error.hint.as_deref()), (vec!["it is frozen".to_owned()], Some("wait")));
    let error = lab.run("FrozenImage", steps::CLEAN).unwrap_err();
    assert!(
        error.kind == ErrorKind::PANICKED && error.causes[0].ends_with(": slipped on web01"),
        "{error:?}"
    );
    let boot = lab.boot_file("FrozenImage").unwrap().value;
    assert!(boot.as_str().unwrap().contains("initrd http://x/kernels/initramfs-kernel-6.1"), "{boot}");
    let cloned = lab.run("FrozenImage", steps::CLONE).unwrap().image.unwrap();
    assert_eq!(cloned.text("thawed_from").unwrap(), "source");
    assert_eq!(lab.run("FrozenImage", steps::SHOW).unwrap().value, json!({ "era": "1.0.0" }));
    assert_eq!(lab.run("FrozenDemo", steps::SHOW).unwrap().value, json!("a demo on ice"));
    assert!(
        lab.boot_file("FrozenDemo").unwrap().value.as_str().unwrap().starts_with("#!ipxe"),
        "its base is of today"
    );

    let place = place();
    let report = check(&place.path().join("frozen_module.so"), &place.scan());
    assert_eq!(report.outcome(), Outcome::Good, "{report:?}");
    let actions = Classes::new(place.scan()).actions("frozen").unwrap();
    let create = &actions[0].action.spec;
    assert_eq!((create.words.as_str(), create.params.len()), ("create", 3));
    let expected = disklessset_plugin_api::ParamKind::Size {
        min: Size::mebibytes(100).as_mebibytes(),
        max: 200,
        auto: true,
    };
    assert_eq!(create.params[1].kind, expected);
}

#[test]
fn a_module_of_a_later_minor_works_in_this_host_and_takes_defaults_for_what_the_host_lacks() {
    let lab = Lab::at(place());
    let shown = lab.run("LaterImage", steps::SHOW).unwrap().value;
    assert_eq!(shown, json!({ "era": "1.3.0", "newer": "the default of the module" }));
    lab.run_args("LaterImage", steps::CREATE, json!({ "degrees": 0 })).unwrap();
}

#[test]
fn modules_of_all_times_are_loaded_side_by_side() {
    let place = place();
    // abi_stable remembers what it saw: the order must not matter.
    for file in
        ["later_module.so", "demo_module.so", "frozen_module.so", "frosted_module.so", "rimed_module.so"]
    {
        assert_eq!(place.entry(file).state, ModuleState::Ready, "{:?}", place.entry(file).reason);
        load(&place.path().join(file)).unwrap();
    }
    assert_eq!(place.entry("later_module.so").api.unwrap().to_string(), "1.3.0");
}

#[test]
fn a_host_of_a_later_minor_takes_defaults_for_what_older_modules_lack() {
    let place = place();
    let said = |file: &str| {
        let output = Command::new(&later().host).arg(place.path().join(file)).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let frozen = said("frozen_module.so");
    for line in [
        "module API: 1.0.0\nhost API: 1.3.0\n",
        // Why the check goes both ways.
        "stock check: refuses\n",
        "appended field: None\n",
        "appended method: the default of the host\n",
        "description: {\"name\":\"frozen\"",
    ] {
        assert!(frozen.contains(line), "{line:?} in {frozen}");
    }
    let frosted = said("frosted_module.so");
    for line in ["module API: 1.1.0\n", "appended method: the default of the host\n", "{\"name\":\"frosted\""]
    {
        assert!(frosted.contains(line), "{line:?} in {frosted}");
    }
    let later = said("later_module.so");
    for line in ["stock check: fits\n", "appended field: Some(11)\n", "appended method: of the module\n"] {
        assert!(later.contains(line), "{line:?} in {later}");
    }
    // And one built of the sources as they are now.
    if disklessset_plugin_api::API_VERSION.starts_with("1.") {
        assert!(built("demo").exists() && said("demo_module.so").contains("description: {\"name\":\"demo\""));
    }
}

#[test]
fn a_minor_version_that_changed_what_is_frozen_is_refused_before_it_runs() {
    // A field more in a plain structure, which every error of a module is.
    let module = module_of(
        "broken",
        "1.1.7",
        &[
            ("plugin-api/src/abi.rs", &[("    pub kind: u32,", "    pub kind: u32,\n    pub code: u32,")]),
            (
                "plugin-api/src/error.rs",
                &[("kind: self.kind.0,", "kind: self.kind.0,\n            code: 7,")],
            ),
        ],
    );
    let place = Place::new();
    let error = load(&place.put("broken_module.so", &module)).unwrap_err();
    assert!(matches!(&error, LoadError::Layout { details, .. } if details.contains("AbiError")), "{error:?}");
    let here = disklessset_plugin_api::API_VERSION;
    let line = format!("it says module API 1.1.7, and its types are not those of {here}");
    assert!(error.to_string().ends_with(&line), "{error}");
    assert!(error.hint().is_some_and(|hint| !hint.contains('\n')));
}

#[test]
fn a_module_of_the_next_major_version_is_refused_by_its_note_and_by_its_code() {
    let place = Place::new();
    let module = module_of("next", "2.0.0", &[]);
    let file = place.put("next_module.so", &module);
    let entry = place.entry("next_module.so");
    let reason = entry.reason.unwrap();
    assert!(reason.starts_with("built against module API 2.0.0") && !reason.contains('\n'), "{reason}");
    assert_eq!(entry.state, ModuleState::Refused);
    assert!(entry.hint.unwrap().contains("update disklessset"));
    assert!(load(&file).unwrap_err().to_string().ends_with(&reason));
    // A note that lies about it.
    let mut module = module;
    replace_in_note(&mut module, "2.0.0", "1.0.0");
    let error = load(&place.put("liar_module.so", &module)).unwrap_err().to_string();
    assert!(error.contains("built against module API 2.0.0"), "{error}");
}
