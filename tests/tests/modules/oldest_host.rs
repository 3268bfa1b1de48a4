//! Modules of today in the oldest host that is supported, one of API 1.0: they work, and what such a host does not have is refused by
//! name.

use std::process::Command;
use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::messages::steps;
use disklessset_plugin_api::{BootContext, Kernel, KernelVersion};
use disklessset_tests::frozen;
use serde_json::{Value, json};

use crate::eras::{copy_tree, edit};
use crate::forge::built;
use crate::installing::{cargo_build, target};

fn host() -> &'static Utf8Path {
    static BUILT: OnceLock<Utf8PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let project = target().join("tests-oldest-host");
        copy_tree(&frozen::sources("1.0"), &project);
        edit(&project, "Cargo.toml", &[("\"module\"]", "\"module\", \"oldest-host\"]")]);
        let layout = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src/modules/layout.rs");
        edit(&project, "oldest-host/main.rs.in", &[("@LAYOUT@", layout.as_str())]);
        std::fs::create_dir_all(project.join("oldest-host/src")).unwrap();
        std::fs::copy(project.join("oldest-host/main.rs.in"), project.join("oldest-host/src/main.rs"))
            .unwrap();
        cargo_build(&project);
        target().join("debug/oldest-host")
    })
}

/// What the host says of a module and of one step of one of its classes.
fn said(module: &str, class: &str, step: &str, directory: &str, arguments: &Value, attrs: &Value) -> String {
    let args = [built(module).as_str(), class, step, directory, &arguments.to_string(), &attrs.to_string()]
        .map(str::to_owned);
    let output = Command::new(host()).args(args).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[test]
fn a_class_of_today_makes_its_image() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().to_str().unwrap();
    let arguments = json!({ "my_message": "from today" });
    let text = said("demo", "DemoImage", steps::CREATE, directory, &arguments, &json!({}));
    let here = disklessset_plugin_api::API_VERSION;
    for line in [
        &format!("module API: {here}\nhost API: 1.0.0\n"),
        "action create: offered\n",
        "action message: offered\n",
        "done: {\"my_message\":\"from today\"} null",
    ] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    let message = std::fs::read_to_string(place.path().join("message.txt")).unwrap();
    assert_eq!(message, "from today\n");
    let kernel = Kernel::new(KernelVersion::parse("6.1").unwrap());
    let boot = BootContext::new("web01", "http://x/images/web01", "http://x/kernels", Some(&kernel));
    let boot = json!({ "boot": boot });
    let text = said("demo", "DemoImage", steps::BOOT_FILE, directory, &json!({}), &boot);
    assert!(text.contains("#!ipxe"), "{text}");
}

#[test]
fn what_it_does_not_have_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().to_str().unwrap();
    let attrs = json!({ "words": "exports" });
    let text = said("nfs", "NfsImage", steps::OVERVIEW, directory, &json!({}), &attrs);
    // A role that came with 1.1: other actions of the module are not lost with it.
    for line in ["action exports: unknown here\n", "action exec: offered\n", "action nodes add: offered\n"] {
        assert!(text.contains(line), "{line:?} in {text}");
    }
    assert!(text.contains("error unsupported: this host has no service exports"), "{text}");
}
