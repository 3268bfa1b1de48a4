//! Every row of the table of refusals: a bad file is a line in the list, and nothing of it runs.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

use disklessset::modules::{ModuleRegistry, ModuleState};
use disklessset_plugin_api::API_VERSION;

use crate::forge::{Place, built, find, of_a_newer_glibc};

fn demo() -> Vec<u8> {
    std::fs::read(built("demo")).unwrap()
}

#[test]
fn good_files_are_ready_under_both_names_that_they_may_have() {
    for file in ["demo_module.so", "libdemo_module.so"] {
        let place = Place::new();
        place.copy("demo", file);
        let entry = place.entry(file);
        assert_eq!((entry.state, entry.reason), (ModuleState::Ready, None));
        assert_eq!((entry.name.as_str(), entry.classes[0].name.as_str()), ("demo", "DemoImage"));
        assert_eq!(entry.api.unwrap(), disklessset::modules::host_api());
    }
}

#[test]
fn a_stripped_module_is_still_known() {
    let place = Place::new();
    let file = place.copy("demo", "demo_module.so");
    let status =
        Command::new("strip").arg(&file).status().expect("strip belongs to the linker that built this");
    assert!(status.success());
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready);
}

#[test]
fn files_that_are_no_modules_by_name_are_left_alone() {
    let place = Place::with(&["demo"]);
    for file in ["README.md", ".demo_module.so.12.new", ".hidden_module.so", "demo_module.so.bak", "x_module"]
    {
        place.put(file, b"x");
    }
    assert_eq!(place.scan().entries().len(), 1);
}

#[test]
fn what_is_no_regular_file_is_refused_and_nobody_waits_for_it() {
    let place = Place::new();
    let directory = place.path();
    nix::unistd::mkfifo(directory.join("fifo_module.so").as_std_path(), nix::sys::stat::Mode::S_IRWXU)
        .unwrap();
    let _socket = UnixListener::bind(directory.join("socket_module.so")).unwrap();
    std::fs::create_dir(directory.join("directory_module.so")).unwrap();
    symlink("/dev/null", directory.join("device_module.so")).unwrap();
    symlink("nowhere", directory.join("dangling_module.so")).unwrap();
    let start = Instant::now();
    assert_eq!(place.refusal("fifo_module.so"), "not a regular file: a FIFO");
    assert_eq!(place.refusal("socket_module.so"), "not a regular file: a socket");
    assert_eq!(place.refusal("directory_module.so"), "not a regular file: a directory");
    assert_eq!(place.refusal("device_module.so"), "not a regular file: a device");
    assert!(place.refusal("dangling_module.so").starts_with("cannot be read: No such file"));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn text_is_no_elf_file() {
    let place = Place::new();
    for (file, content) in [
        ("empty_module.so", "".as_bytes()),
        ("text_module.so", b"hello"),
        ("script_module.so", b"#!/bin/sh\nexit 0\n"),
        ("lines_module.so", &[b'\n'; 10_000]),
        ("three_module.so", b"\x7fEL"),
    ] {
        place.put(file, content);
        assert_eq!(place.refusal(file), "not an ELF file", "{file}");
    }
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = demo();
    let place = Place::new();
    let sections = u64::from_le_bytes(whole[40..48].try_into().unwrap());
    for length in [4, 19, 20, 63, 64, 100, 1000, 4096, whole.len() / 2, whole.len() - 1] {
        place.put("demo_module.so", &whole[..length]);
        let refusal = place.refusal("demo_module.so");
        let least = refusal.strip_prefix(&format!("truncated: {length} of at least ")).expect(&refusal);
        let least: usize = least.strip_suffix(" bytes").unwrap().parse().unwrap();
        assert!(least > length && least <= whole.len(), "{refusal}");
        assert!(length < 64 || least as u64 >= sections, "{refusal}");
    }
    place.put("demo_module.so", &whole);
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready);
}

#[test]
fn a_file_without_section_table_that_ends_in_a_segment_is_truncated() {
    let mut content = demo();
    content[40..48].fill(0); // where the section headers are
    content[60..62].fill(0); // how many
    let place = Place::new();
    place.put("demo_module.so", &content);
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready, "it is what a loader needs");
    let dynamic_symbols = 0x400;
    place.put("demo_module.so", &content[..dynamic_symbols]);
    assert!(place.refusal("demo_module.so").starts_with("truncated: 1024 of at least "));
}

#[test]
fn headers_full_of_nonsense_are_refused() {
    let whole = demo();
    let place = Place::new();
    for (at, bytes) in
        [(32, [0xff; 8]), (40, [0xff; 8]), (54, [0xff; 8]), (56, [0xff; 8]), (32, [1, 0, 0, 0, 0, 0, 0, 0])]
    {
        let mut content = whole.clone();
        content[at..at + 8].copy_from_slice(&bytes);
        place.put("demo_module.so", &content);
        place.refusal("demo_module.so");
    }
}

#[test]
fn other_processors_are_named() {
    let here = std::env::consts::ARCH;
    for (at, bytes, built_for) in [
        (18, vec![183, 0], "aarch64"),
        (18, vec![243, 0], "riscv64"),
        (18, vec![3, 0], "x86"),
        (18, vec![0xee, 0xee], "processor number 61166"),
    ] {
        let mut content = demo();
        content[at..at + bytes.len()].copy_from_slice(&bytes);
        let place = Place::new();
        place.put("demo_module.so", &content);
        assert_eq!(place.refusal("demo_module.so"), format!("built for {built_for}, this is {here}"));
    }
    let mut content = demo();
    content[4] = 1; // 32-bit
    content[18] = 3;
    let place = Place::new();
    place.put("demo_module.so", &content);
    assert_eq!(place.refusal("demo_module.so"), format!("built for x86 (32-bit), this is {here}"));
}

#[test]
fn executables_and_object_files_are_no_shared_objects() {
    let place = Place::new();
    for (kind, name) in [(2, "an executable"), (1, "an object file"), (4, "a core dump")] {
        let mut content = demo();
        content[16] = kind;
        place.put("demo_module.so", &content);
        assert_eq!(place.refusal("demo_module.so"), format!("{name}, not a shared object"));
    }
    place.put("program_module.so", &std::fs::read("/proc/self/exe").unwrap());
    assert_eq!(place.refusal("program_module.so"), "an executable, not a shared object");
}

#[test]
fn a_shared_object_of_somebody_else_has_no_note() {
    let place = Place::new();
    let mut content = demo();
    let owner = find(&content, b"disklessset\0{").unwrap();
    content[owner..owner + 11].copy_from_slice(b"disklesssex");
    place.put("demo_module.so", &content);
    assert_eq!(place.refusal("demo_module.so"), "not a disklessset module: it has no identity note");
}

#[test]
fn a_module_of_a_draft_of_the_api_is_refused_with_one_sentence() {
    let place = Place::new();
    let mut content = demo();
    let owner = find(&content, b"disklessset\0{").unwrap();
    content[owner - 4..owner].copy_from_slice(&1_u32.to_ne_bytes());
    place.put("demo_module.so", &content);
    assert_eq!(place.refusal("demo_module.so"), "built against a draft of the module API");
    let hint = place.entry("demo_module.so").hint.unwrap();
    assert_eq!(hint, "build it again with the plugin-api of this disklessset");
}

#[test]
fn a_module_that_needs_a_newer_glibc_is_refused_with_both_versions() {
    let place = Place::new();
    place.put("demo_module.so", &of_a_newer_glibc("demo"));
    let here = disklessset::modules::GlibcVersion::here().unwrap();
    let entry = place.entry("demo_module.so");
    assert_eq!(entry.state, ModuleState::Refused);
    assert_eq!(entry.reason.unwrap(), format!("needs glibc 2.99, this server has {here}"));
    assert_eq!(entry.hint.as_deref(), Some("build the module on the oldest system that it is to run on"));
    // Whose file it is can be told all the same.
    assert_eq!((entry.name.as_str(), entry.classes[0].name.as_str()), ("demo", "DemoImage"));
}

#[test]
fn notes_that_break_the_rules_are_refused() {
    let place = Place::new();
    for (from, to, reason) in [
        ("{\"api\"", "{'api'", "malformed identity note: "),
        ("\"classes\"", "\"Classes\"", "malformed identity note: missing field `classes`"),
        (
            "\"demo\"",
            "\"kern\"",
            "the module is named kern, its file demo_module.so: name the file kern_module.so",
        ),
        ("\"demo\"", "\"show\"", "module name \"show\" is a command of disklessset itself"),
        ("\"demo\"", "\"../x\"", "module name \"../x\" must start with a lower case letter"),
        ("DemoImage", "Demo/Imag", "class name \"Demo/Imag\" may have letters, digits and _ only"),
        (
            API_VERSION,
            "2.0.0",
            &format!("built against module API 2.0.0, this disklessset has {API_VERSION}"),
        ),
        (
            API_VERSION,
            "0.9.0",
            &format!("built against module API 0.9.0, this disklessset has {API_VERSION}"),
        ),
    ] {
        place.forge("demo", "demo_module.so", from, to);
        let refusal = place.refusal("demo_module.so");
        assert!(refusal.starts_with(reason), "{refusal}");
    }
    place.forge("demo", "demo_module.so", API_VERSION, "2.0.0");
    let hint = place.entry("demo_module.so").hint;
    assert_eq!(hint.as_deref(), Some("rebuild the module against API 1, or update disklessset"));
}

#[test]
fn a_file_under_another_name_is_refused_with_the_rule() {
    let place = Place::new();
    place.copy("demo", "demonstration_module.so");
    let refusal = place.refusal("demonstration_module.so");
    let expected = "the module is named demo, its file demonstration_module.so: name the file demo_module.so";
    assert_eq!(refusal, expected);
}

#[test]
fn one_file_under_two_names_is_used_once() {
    let place = Place::with(&["demo"]);
    std::fs::hard_link(place.path().join("demo_module.so"), place.path().join("copy_module.so")).unwrap();
    symlink("demo_module.so", place.path().join("libdemo_module.so")).unwrap();
    assert_eq!(place.refusal("copy_module.so"), "the same file as demo_module.so");
    assert_eq!(place.refusal("libdemo_module.so"), "the same file as demo_module.so");
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready);
}

#[test]
fn a_link_to_a_module_elsewhere_is_fine() {
    let (place, elsewhere) = (Place::new(), Place::with(&["demo"]));
    symlink(elsewhere.path().join("demo_module.so"), place.path().join("demo_module.so")).unwrap();
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready);
}

#[test]
fn a_name_or_a_class_that_is_taken_is_refused_naming_the_first() {
    let place = Place::with(&["demo"]);
    place.forge("demo", "libdemo_module.so", "DemoImage", "OtherImag");
    assert_eq!(place.refusal("libdemo_module.so"), "the module name demo is taken by demo_module.so");
    place.forge("demo", "demp_module.so", "\"demo\"", "\"demp\"");
    assert_eq!(place.refusal("demp_module.so"), "class DemoImage is taken by module demo (demo_module.so)");
    // What is refused takes nothing away.
    place.forge("demo", "aaaa_module.so", API_VERSION, "3.0.0");
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready);
}

#[test]
fn a_class_waits_for_its_base_until_that_comes() {
    let place = Place::with(&["tuned"]);
    let entry = place.entry("tuned_module.so");
    assert_eq!(entry.state, ModuleState::Waiting);
    assert_eq!(entry.reason.as_deref(), Some("waiting for class DemoImage"));
    let problem = place.scan().chain("TunedDemo").unwrap_err().to_string();
    assert_eq!(problem, "class TunedDemo is of module tuned, which is not used: waiting for class DemoImage");

    place.copy("demo", "demo_module.so");
    let registry = place.scan();
    let chain = registry.chain("TunedDemo").unwrap();
    let chain: Vec<_> = chain.iter().map(|link| (link.class, link.module.name.as_str())).collect();
    assert_eq!(chain, [("TunedDemo", "tuned"), ("DemoImage", "demo")]);
    assert_eq!(registry.module_of("BetterPackedImage").unwrap().name, "tuned");
    assert_eq!(registry.module_of("Nobodys").unwrap_err().to_string(), "no module here has class Nobodys");

    place.forge("demo", "demo_module.so", API_VERSION, "2.0.0");
    // The note of another major is not read further, so whose class it was is not known.
    assert_eq!(place.entry("tuned_module.so").reason.as_deref(), Some("waiting for class DemoImage"));
    place.copy("demo", "demo_module.so");
    std::fs::set_permissions(place.path().join("demo_module.so"), Permissions::from_mode(0o666)).unwrap();
    let reason = place.entry("tuned_module.so").reason.unwrap();
    assert_eq!(reason, "waiting for class DemoImage: module demo is not used");
}

#[test]
fn a_base_of_a_version_that_is_not_accepted_is_named() {
    let place = Place::with(&["demo"]);
    place.forge("tuned", "tuned_module.so", "^0.1\"}}", "^9.9\"}}");
    assert_eq!(
        place.refusal("tuned_module.so"),
        "class TunedDemo needs DemoImage of a module version ^9.9, module demo is 0.1.0"
    );
}

#[test]
fn a_class_that_is_built_on_itself_is_refused() {
    let place = Place::new();
    place.forge("tuned", "tuned_module.so", "\"class\":\"DemoImage\"", "\"class\":\"TunedDemo\"");
    let refusal = place.refusal("tuned_module.so");
    assert_eq!(refusal, "class TunedDemo is built on itself: TunedDemo → TunedDemo");
}

#[test]
fn what_others_could_have_written_is_refused_with_path_and_mode() {
    let place = Place::with(&["demo"]);
    let file = place.path().join("demo_module.so");
    std::fs::set_permissions(&file, Permissions::from_mode(0o664)).unwrap();
    let refusal = place.refusal("demo_module.so");
    assert!(refusal.starts_with(&format!("{file} can be written by others (mode 0664")), "{refusal}");
    assert_eq!(place.entry("demo_module.so").hint.unwrap(), format!("chmod go-w {file}"));
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let expected = format!("{} can be written by others (mode 0777", place.path());
    assert!(place.refusal("demo_module.so").starts_with(&expected));
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    assert_eq!(place.entry("demo_module.so").state, ModuleState::Ready);

    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: giving files to another user needs root");
        return;
    }
    chown(&file, Some(4242), None).unwrap();
    let refusal = place.refusal("demo_module.so");
    assert!(refusal.starts_with(&format!("{file} belongs to uid 4242")), "{refusal}");
}

#[test]
fn a_file_name_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::with(&["demo"]);
    let name = std::ffi::OsStr::from_bytes(b"d\xffmo_module.so");
    std::fs::write(place.path().as_std_path().join(name), demo()).unwrap();
    assert_eq!(place.refusal("d\u{fffd}mo_module.so"), "the file name is not UTF-8");
}

#[test]
fn a_directory_that_is_not_there_is_an_empty_list_with_a_hint() {
    let place = Place::new();
    let registry = ModuleRegistry::scan(&place.path().join("missing"));
    assert!(registry.entries().is_empty() && registry.problem().is_none());
    assert!(registry.hint().unwrap().contains("missing: put module files there"));

    place.put("file", b"");
    let registry = ModuleRegistry::scan(&place.path().join("file"));
    assert!(registry.entries().is_empty());
    assert!(registry.problem().unwrap().starts_with("cannot read the modules directory "));
}
