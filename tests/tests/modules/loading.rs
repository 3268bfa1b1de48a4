//! Loading modules: what goes wrong is told in a line, and the host goes on.

use std::os::unix::fs::symlink;
use std::process::Command;

use camino::Utf8Path;
use disklessset::modules::{Classes, LoadError, LoadedModule, Refusal, load};
use disklessset_plugin_api::{API_VERSION, ErrorKind, Role};

use crate::forge::{Place, built, find};

/// The line and the advice for a file that cannot be loaded.
fn failure(file: &Utf8Path) -> (String, Option<String>) {
    let error = load(file).expect_err("it must not load");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.len() < 400, "one line: {line}");
    (line, error.hint())
}

#[test]
fn a_module_is_loaded_once_per_file_whatever_its_name() {
    let place = Place::with(&["demo"]);
    let file = place.path().join("demo_module.so");
    let first = load(&file).unwrap();
    symlink("demo_module.so", place.path().join("other_module.so")).unwrap();
    assert!(std::ptr::eq(first, load(&place.path().join("other_module.so")).unwrap()));
    let classes: Vec<&str> = first.description().classes.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(classes, ["DemoImage"]);
    assert_eq!(first.description().classes[0].actions[0].spec.role, Role::Create);
}

#[test]
fn two_modules_of_the_same_type_are_two() {
    let place = Place::with(&["demo", "tuned", "misbehaving"]);
    for name in ["demo", "tuned", "misbehaving"] {
        let module = load(&place.path().join(format!("{name}_module.so"))).unwrap();
        assert_eq!(module.identity().name.as_str(), name);
    }
}

#[test]
fn a_file_that_replaced_a_loaded_one_is_loaded_anew_and_one_changed_in_place_is_refused() {
    let place = Place::with(&["tuned"]);
    let file = place.path().join("tuned_module.so");
    let old = load(&file).unwrap();
    // As `module install` does it: aside, then a rename over the old name. The new code has another label.
    let mut content = std::fs::read(built("tuned")).unwrap();
    let label = find(&content, b"Describe the packing").unwrap();
    content[label..label + 8].copy_from_slice(b"DESCRIBE");
    std::fs::rename(place.put("new", &content), &file).unwrap();
    let new = load(&file).unwrap();
    let label = |module: &LoadedModule| {
        module.description().class("PackedImage").unwrap().actions[1].spec.label.clone()
    };
    assert_eq!(label(old), "Describe the packing");
    assert_eq!(label(new), "DESCRIBE the packing");

    let touched = std::fs::File::options().write(true).open(&file).unwrap();
    touched.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let (line, hint) = failure(&file);
    assert_eq!(line, format!("cannot load {file}: it was changed while it was being used"));
    assert!(hint.unwrap().contains("module install"));
}

#[test]
fn what_the_note_refuses_is_never_opened() {
    let place = Place::new();
    let file = place.forge("demo", "demo_module.so", API_VERSION, "2.0.0");
    let error = load(&file).unwrap_err();
    assert!(
        matches!(&error, LoadError::Refused { refusal, .. } if matches!(**refusal, Refusal::OtherApi { .. }))
    );
    assert_eq!(
        error.to_string(),
        format!("cannot load {file}: built against module API 2.0.0, this disklessset has {API_VERSION}")
    );
    assert_eq!(error.hint().unwrap(), "rebuild the module against API 1, or update disklessset");
}

#[test]
fn a_note_that_lies_about_the_classes_is_found_out() {
    let place = Place::new();
    let file = place.forge("demo", "demo_module.so", "DemoImage", "LiesImage");
    let (line, hint) = failure(&file);
    assert!(line.ends_with("its note has the classes LiesImage, its code has DemoImage"), "{line}");
    assert_eq!(hint.as_deref(), Some("this is a fault of the module: tell its author"));
    let file = place.forge("demo", "lies_module.so", "\"demo\"", "\"lies\"");
    assert!(failure(&file).0.ends_with("its note says module lies, its code says demo"));
}

#[test]
fn a_version_in_the_header_that_is_another_than_in_the_note_is_found_out() {
    // Everywhere but in the note, which is at the start.
    let place = Place::new();
    let mut content = std::fs::read(built("demo")).unwrap();
    let mut at = 4096;
    while let Some(next) = find(&content[at..], API_VERSION.as_bytes()) {
        at += next;
        content[at] = b'9';
    }
    let file = place.put("demo_module.so", &content);
    let (line, _) = failure(&file);
    let (_, rest) = API_VERSION.split_once('.').unwrap();
    let reason = format!("built against module API 9.{rest}, this disklessset has {API_VERSION}");
    assert!(line.ends_with(&reason), "{line}");
}

#[test]
fn a_panic_in_the_description_is_an_error_with_file_and_line() {
    let place = Place::with(&["mute", "demo"]);
    let file = place.path().join("mute_module.so");
    for _ in 0..2 {
        let error = load(&file).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot load {file}: module mute panicked; this is a fault of the module")
        );
        let cause = &error.causes()[0];
        assert!(cause.contains("mute/src/lib.rs:") && cause.ends_with(": cannot describe myself"), "{cause}");
    }
    // The other module beside it works.
    let classes = Classes::new(place.scan());
    assert_eq!(classes.actions("demo").unwrap()[0].action.spec.words, "create");
    assert_eq!(classes.actions("mute").unwrap_err().kind, ErrorKind::PANICKED);
}

#[test]
fn actions_that_cannot_be_offered_are_disabled_one_by_one() {
    let place = Place::with(&["raw"]);
    let module = load(&place.path().join("raw_module.so")).unwrap();
    let actions = &module.description().class("RawImage").unwrap().actions;
    let of = |words: &str| actions.iter().find(|action| action.spec.words == words).unwrap();
    assert_eq!(of("create").disabled, None);
    assert!(of("fly").disabled.as_deref().unwrap().contains("the module is newer"));
    assert!(of("odd").disabled.as_deref().unwrap().starts_with("its declaration cannot be read"));
}

#[test]
fn actions_of_base_classes_are_offered_too() {
    let place = Place::with(&["demo", "tuned"]);
    let offered = Classes::new(place.scan()).actions("tuned").unwrap();
    let lines: Vec<String> = offered
        .iter()
        .map(|offer| {
            format!("{}: {} by {}", offer.action.spec.words, offer.classes.join("+"), offer.declared_by)
        })
        .collect();
    assert!(lines.contains(&"create: TunedDemo by DemoImage".to_owned()), "{lines:?}");
    assert!(lines.contains(&"create-better: BetterPackedImage by BetterPackedImage".to_owned()), "{lines:?}");
    assert!(
        lines.contains(&"describe: PackedImage+BetterPackedImage by PackedImage".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn unknown_and_unused_modules_are_named_with_the_reason() {
    let place = Place::with(&["tuned"]);
    let classes = Classes::new(place.scan());
    let error = classes.actions("nfs").unwrap_err();
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NOT_FOUND, "there is no module nfs"));
    let error = classes.actions("tuned").unwrap_err();
    assert_eq!(error.message, "module tuned is not used: waiting for class DemoImage");
    assert_eq!(error.kind, ErrorKind::REFUSED);
}

/// A shared object made with the C compiler, which is there because Rust links with it. It gets the note of the demo module.
fn shared_object(place: &Place, code: &str, options: &[&str]) -> camino::Utf8PathBuf {
    let demo = std::fs::read(built("demo")).unwrap();
    let note = find(&demo, b"disklessset\0{").unwrap() - 12;
    let length = u32::from_le_bytes(demo[note + 4..note + 8].try_into().unwrap()) as usize;
    let bytes: Vec<String> = demo[note..note + 24 + length].iter().map(u8::to_string).collect();
    let text = format!(
        "__asm__(\".section .note.disklessset.api,\\\"a\\\",@note\\n.p2align 2\\n.byte {}\\n.text\\n\");\n{code}",
        bytes.join(",")
    );
    let source = place.put("module.c", text.as_bytes());
    let file = place.path().join("demo_module.so");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wl,-z,now", "-o"])
        .arg(&file)
        .arg(&source)
        .args(options)
        .status()
        .expect("cc is there");
    assert!(status.success());
    file
}

#[test]
fn a_shared_object_with_a_note_and_without_a_module_is_told() {
    let place = Place::new();
    let file = shared_object(&place, "int nothing;", &[]);
    let (line, hint) = failure(&file);
    assert_eq!(line, format!("cannot load {file}: it does not export a disklessset module"));
    assert!(hint.unwrap().starts_with("rebuild the module with the published"));
}

#[test]
fn a_missing_shared_library_is_named() {
    let place = Place::new();
    place.put("empty.c", b"int needed(void) { return 1; }");
    let library = place.path().join("libneeded-by-test.so.7");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wl,-soname,libneeded-by-test.so.7", "-o"])
        .arg(&library)
        .arg(place.path().join("empty.c"))
        .status()
        .unwrap();
    assert!(status.success());
    let code = "int needed(void); int use(void) { return needed(); }";
    let file = shared_object(&place, code, &[library.as_str()]);
    std::fs::remove_file(&library).unwrap();
    let (line, hint) = failure(&file);
    let expected = format!(
        "cannot load {file}: it needs the shared library libneeded-by-test.so.7, which is not installed"
    );
    assert_eq!(line, expected);
    assert_eq!(hint.as_deref(), Some("install the package that has it, or link it into the module"));
}

#[test]
fn a_missing_symbol_is_named() {
    let place = Place::new();
    let file =
        shared_object(&place, "int nowhere_at_all(void); int use(void) { return nowhere_at_all(); }", &[]);
    let expected = format!("cannot load {file}: it needs nowhere_at_all, which no library here has");
    assert_eq!(failure(&file).0, expected);
}

#[test]
fn a_header_of_something_else_is_refused() {
    let place = Place::new();
    let code = "__attribute__((aligned(16))) const char _1as_0lib_1header_0root_bmodule_bloader[4096] = \"not abi_stable\";";
    let file = shared_object(&place, code, &[]);
    let (line, _) = failure(&file);
    assert_eq!(
        line,
        format!("cannot load {file}: its binary interface is of another kind than this disklessset's")
    );
}

#[test]
fn a_noexec_file_system_is_recognised() {
    use nix::mount::{MntFlags, MsFlags, mount, umount2};
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: mounting needs root");
        return;
    }
    struct Mounted(camino::Utf8PathBuf);
    impl Drop for Mounted {
        fn drop(&mut self) {
            umount2(self.0.as_std_path(), MntFlags::MNT_DETACH).unwrap();
        }
    }
    let place = Place::new();
    let target = place.path().as_std_path();
    mount(Some("modules"), target, Some("tmpfs"), MsFlags::MS_NOEXEC, Some("size=32m,mode=0755")).unwrap();
    let _mounted = Mounted(place.path().to_owned());
    let file = place.copy("demo", "demo_module.so");
    assert_eq!(place.refusal("demo_module.so"), "the modules directory is on a noexec file system");
    assert!(place.entry("demo_module.so").hint.unwrap().contains("--modules-dir"));
    assert!(failure(&file).0.ends_with("the modules directory is on a noexec file system"));
}
