//! Modules and hosts of different minor versions of the API, in both directions.
//!
//! `tests/eras` has a module, a host and the sources of the API as it was released. A later minor version is made of a copy of the present
//! plugin-api by appending where the rules of the ABI allow it, and versions that break them by breaking them.

use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::modules::{LoadError, ModuleState, load};
use disklessset_plugin_api::API_VERSION;
use disklessset_plugin_api::messages::steps;
use disklessset_tests::need;
use serde_json::json;

use crate::forge::{Place, replace_in_note};
use crate::installing::{cargo_build, target};
use crate::steps::Lab;

/// A later minor version than any there is.
const LATER: &str = "1.3000.0";
/// The first version that was released.
pub(crate) const RELEASED: &str = "1.0.0";

/// A module and a host of the same API as it may be in a later minor version.
struct Later {
    module: Vec<u8>,
    host: Utf8PathBuf,
}

fn later() -> &'static Later {
    static BUILT: OnceLock<Later> = OnceLock::new();
    BUILT.get_or_init(|| {
        // A fixed place, so that runs do not pile up.
        let project = target().join("tests-later-api");
        lay_out(&project, &present());
        make_later(&project);
        cargo_build(&project);
        let module = std::fs::read(target().join("debug/liblater_module.so")).unwrap();
        Later { module, host: target().join("debug/newer-host") }
    })
}

/// Where the sources of the API lie that is developed here.
pub(crate) fn present() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api")
}

/// Where the sources of the first released API lie. A guard holds them to their digest.
pub(crate) fn released() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("eras/released").join(RELEASED)
}

/// A workspace of the module and the host with a copy of the API whose sources lie in `api`.
pub(crate) fn lay_out(project: &Utf8Path, api: &Utf8Path) {
    let eras = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("eras");
    for directory in ["module", "newer-host"] {
        copy_tree(&eras.join(directory), &project.join(directory));
    }
    for file in ["Cargo.toml", "Cargo.lock"] {
        std::fs::copy(eras.join(file), project.join(file)).unwrap();
    }
    let place = project.join("plugin-api");
    std::fs::create_dir_all(&place).unwrap();
    for file in ["Cargo.toml", "README.md", "CHANGELOG.md"] {
        std::fs::copy(api.join(file), place.join(file)).unwrap();
    }
    copy_tree(&api.join("src"), &place.join("src"));
    copy_tree(&api.join("derive"), &place.join("derive"));
}

fn copy_tree(from: &Utf8Path, to: &Utf8Path) {
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

fn edit(project: &Utf8Path, file: &str, edits: &[(&str, &str)]) {
    let path = project.join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in edits {
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        text = text.replace(from, to);
    }
    std::fs::write(path, text).unwrap();
}

/// Gives the copy of the API another version, which is its word to the host, and the module another name.
fn rename(project: &Utf8Path, name: &str, version: &str) {
    let (from, to) = (format!("\"{API_VERSION}\""), format!("\"{version}\""));
    edit(project, "plugin-api/Cargo.toml", &[(&format!("version = {from}"), &format!("version = {to}"))]);
    edit(project, "plugin-api/src/api_version.rs", &[(&from, &to)]);
    edit(project, "module/Cargo.toml", &[("era_module", &format!("{name}_module"))]);
    edit(project, "module/src/lib.rs", &[("name: \"era\"", &format!("name: \"{name}\""))]);
}

/// A module built against this API changed so that modules of it must not be used, under a version that says what it likes.
fn module_of(name: &str, version: &str, edits: &[(&str, &[(&str, &str)])]) -> Vec<u8> {
    let project = target().join(format!("tests-{name}-api"));
    lay_out(&project, &present());
    rename(&project, name, version);
    edits.iter().for_each(|(file, edits)| edit(&project, file, edits));
    cargo_build(&project);
    std::fs::read(target().join(format!("debug/lib{name}_module.so"))).unwrap()
}

/// Appends a field to the root, a method to the module and one to the host's services, as a minor version may.
fn make_later(project: &Utf8Path) {
    rename(project, "later", LATER);
    let edit = |file: &str, edits: &[(&str, &str)]| edit(project, file, edits);
    edit("Cargo.toml", &[("\"module\"]", "\"module\", \"newer-host\"]")]);
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
    edit(
        "module/src/lib.rs",
        &[
            ("\"EraImage\" =>", "\"LaterImage\" =>"),
            ("\"EraDemo\":", "\"LaterDemo\":"),
            (
                "_image: &Image, _host: &Host<'_>) -> Result<Value>",
                "_image: &Image, host: &Host<'_>) -> Result<Value>",
            ),
            ("\"era\": API_VERSION", "\"era\": API_VERSION, \"newer\": host.newer()"),
        ],
    );
    let layout = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/core/src/modules/layout.rs");
    std::fs::create_dir_all(project.join("newer-host/src")).unwrap();
    edit("newer-host/main.rs.in", &[("@LAYOUT@", layout.as_str())]);
    std::fs::copy(project.join("newer-host/main.rs.in"), project.join("newer-host/src/main.rs")).unwrap();
}

fn place() -> Place {
    let place = Place::with(&["demo"]);
    place.put("later_module.so", &later().module);
    place
}

#[test]
fn a_module_of_a_later_minor_works_in_this_host_and_takes_defaults_for_what_the_host_lacks() {
    disklessset_tests::need!(need::full());
    let lab = Lab::at(place());
    let shown = lab.run("LaterImage", steps::SHOW).unwrap().value;
    assert_eq!(shown, json!({ "era": LATER, "newer": "the default of the module" }));
    lab.run_args("LaterImage", steps::CREATE, json!({ "degrees": 0 })).unwrap();
    assert_eq!(lab.run("LaterDemo", steps::SHOW).unwrap().value, json!("a demo of another time"));
    let boot = lab.boot_file("LaterDemo").unwrap().value;
    assert!(boot.as_str().unwrap().starts_with("#!ipxe"), "its base is of today");
}

#[test]
fn modules_of_two_minor_versions_are_loaded_side_by_side() {
    disklessset_tests::need!(need::full());
    let place = place();
    // abi_stable remembers what it saw: the order must not matter.
    for file in ["later_module.so", "demo_module.so"] {
        assert_eq!(place.entry(file).state, ModuleState::Ready, "{:?}", place.entry(file).reason);
        load(&place.path().join(file)).unwrap();
    }
    assert_eq!(place.entry("later_module.so").api.unwrap().to_string(), LATER);
    assert_eq!(place.entry("demo_module.so").api.unwrap().to_string(), API_VERSION);
}

/// The module of `tests/eras`, built with the API as it was released.
fn module_of_the_released_api() -> &'static [u8] {
    static BUILT: OnceLock<Vec<u8>> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = target().join("tests-released-api");
        lay_out(&project, &released());
        edit(&project, "module/Cargo.toml", &[("era_module", "released_module")]);
        edit(&project, "module/src/lib.rs", &[("name: \"era\"", "name: \"released\"")]);
        cargo_build(&project);
        std::fs::read(target().join("debug/libreleased_module.so")).unwrap()
    })
}

#[test]
fn a_module_of_the_released_api_works_in_this_host() {
    let place = Place::with(&["demo"]);
    place.put("released_module.so", module_of_the_released_api());
    assert_eq!(place.entry("released_module.so").api.unwrap().to_string(), RELEASED);
    let lab = Lab::at(place);
    lab.run_args("EraImage", steps::CREATE, json!({ "degrees": 0 })).unwrap();
    assert_eq!(lab.run("EraImage", steps::SHOW).unwrap().value, json!({ "era": RELEASED }));
    let boot = lab.boot_file("EraDemo").unwrap().value;
    assert!(boot.as_str().unwrap().starts_with("#!ipxe"), "its base is of today");
}

#[test]
fn a_module_of_the_released_api_is_taken_by_a_host_of_a_later_minor() {
    disklessset_tests::need!(need::full());
    let place = Place::new();
    let file = place.put("released_module.so", module_of_the_released_api());
    let output = Command::new(&later().host).arg(file).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&format!("module API: {RELEASED}\nhost API: {LATER}\n")), "{said}");
    assert!(said.contains("appended method: the default of the host\n"), "{said}");
}

#[test]
fn a_host_of_a_later_minor_takes_defaults_for_what_older_modules_lack() {
    disklessset_tests::need!(need::full());
    let place = place();
    let said = |file: &str| {
        let output = Command::new(&later().host).arg(place.path().join(file)).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let demo = said("demo_module.so");
    let versions = format!("module API: {API_VERSION}\nhost API: {LATER}\n");
    for line in [
        &*versions,
        // Why the check goes both ways.
        "stock check: refuses\n",
        "appended field: None\n",
        "appended method: the default of the host\n",
        "description: {\"name\":\"demo\"",
    ] {
        assert!(demo.contains(line), "{line:?} in {demo}");
    }
    let later = said("later_module.so");
    for line in ["stock check: fits\n", "appended field: Some(11)\n", "appended method: of the module\n"] {
        assert!(later.contains(line), "{line:?} in {later}");
    }
}

#[test]
fn a_minor_version_that_changed_what_is_frozen_is_refused_before_it_runs() {
    disklessset_tests::need!(need::full());
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
    let line = format!("it says module API 1.1.7, and its types are not those of {API_VERSION}");
    assert!(error.to_string().ends_with(&line), "{error}");
    assert!(error.hint().is_some_and(|hint| !hint.contains('\n')));
}

#[test]
fn a_module_of_the_next_major_version_is_refused_by_its_note_and_by_its_code() {
    disklessset_tests::need!(need::full());
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
    replace_in_note(&mut module, "2.0.0", API_VERSION);
    let error = load(&place.put("liar_module.so", &module)).unwrap_err().to_string();
    assert!(error.contains("built against module API 2.0.0"), "{error}");
}
