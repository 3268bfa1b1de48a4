//! A module that bypasses the author's kit: it speaks the ABI itself, and badly.
#![allow(unsafe_code, missing_docs)]

use disklessset_plugin_api::abi::{
    AbiError, HostRef, Module, Module_TO, ModuleBox, ModuleRoot, ModuleRootRef,
};
use disklessset_plugin_api::abi_stable::{
    library::{self, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
    sabi_trait::TD_Opaque,
    std_types::{ROption, RResult, RStr, RString, RVec},
};
use disklessset_plugin_api::note::ElfNote;
use disklessset_plugin_api::serde_json::{Value, from_str, json};

const NOTE: &str = r#"{"api":"1.0.0","name":"raw","version":"0.1.0","title":"Bypasses the kit","classes":[{"name":"RawImage"}],"of_the_future":1}"#;

#[used]
// SAFETY: the section holds one plain note and nothing reads it at run time.
#[unsafe(link_section = ".note.disklessset.api")]
static ELF_NOTE: ElfNote<{ NOTE.len().next_multiple_of(4) }> = ElfNote::new(NOTE);

// SAFETY: the name is abi_stable's, exported once.
#[unsafe(export_name = "_1as_0lib_1header_0root_bmodule_bloader")]
pub static HEADER: LibHeader = {
    extern "C" fn constructor() -> RootModuleResult {
        library::__call_root_module_loader(root)
    }
    // SAFETY: `constructor` erases a `ModuleRootRef`, the type named here.
    unsafe { LibHeader::from_constructor::<ModuleRootRef>(constructor, library::CheckTypeLayout::Yes) }
};

fn root() -> ModuleRootRef {
    ModuleRoot { open }.leak_into_prefix()
}

extern "C" fn open() -> RResult<ModuleBox, AbiError> {
    RResult::ROk(Module_TO::from_value(Raw, TD_Opaque))
}

struct Raw;

impl Module for Raw {
    fn describe(&self) -> RResult<RString, AbiError> {
        let description = json!({
            "name": "raw",
            "colour": "red",
            "classes": [{ "name": "RawImage", "actions": [
                { "words": "create", "label": "Create", "help": "Create", "role": "create" },
                { "words": "fly", "label": "Fly", "help": "Fly", "role": "levitate" },
                { "words": "odd", "label": 5 },
            ]}],
        });
        RResult::ROk(description.to_string().into())
    }

    fn call(&self, request: RStr<'_>, host: HostRef<'_>) -> RResult<RString, AbiError> {
        let request: Value = from_str(request.as_str()).unwrap_or_default();
        let reply = match request["step"].as_str().unwrap_or_default() {
            "garbage" => "not JSON".to_owned(),
            "empty" => String::new(),
            "other_shape" => json!({ "image": 5 }).to_string(),
            "other_image" => {
                let mut image = request["image"].clone();
                image["directory"] = "/etc".into();
                json!({ "image": image }).to_string()
            }
            "bad_name" => {
                let mut image = request["image"].clone();
                image["name"] = "../../etc".into();
                json!({ "image": image }).to_string()
            }
            "more_fields" => json!({ "value": 1, "of_the_future": [] }).to_string(),
            "bad_service" => {
                return host.call("bad".into(), "not JSON".into());
            }
            "host_panics" => {
                return host.call("panic".into(), "null".into());
            }
            "create_new_image" | "get_boot_file_template" => json!({ "value": "#!ipxe\n" }).to_string(),
            // Answers of other shapes than the host asks for; the image says which.
            "verify" => match request["image"]["attributes"]["verifies_with"].as_str() {
                Some("a word") => json!({ "value": "fine" }).to_string(),
                Some("another list") => json!({ "value": [{ "fault": "a disk is on fire" }] }).to_string(),
                Some("nothing") => json!({ "value": null }).to_string(),
                _ => json!({ "value": [] }).to_string(),
            },
            step => {
                return RResult::RErr(AbiError {
                    kind: if step == "strange_error" { 4242 } else { 100 },
                    message: "strange".into(),
                    causes: RVec::new(),
                    hint: ROption::RNone,
                    attrs: "not JSON either".into(),
                });
            }
        };
        RResult::ROk(reply.into())
    }
}
