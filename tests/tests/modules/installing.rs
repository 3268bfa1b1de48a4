//! `module check`, `install`, `remove` and `new`, from the library's side.

use std::cell::Cell;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::module_changes::{ModuleManager, load_here};
use disklessset::modules::check::{Outcome, check};
use disklessset::modules::new::{Needs, PluginApi, create};
use disklessset::modules::{ModuleEntry, ModuleName, ModuleState, load};
use disklessset::{Silent, Site, SiteOptions};
use disklessset_plugin_api::API_VERSION;
use disklessset_tests::root::TestRoot;

use crate::forge::{Place, built, of_a_newer_glibc};

/// A site of its own around a modules directory.
struct Around {
    site: Site,
    _root: tempfile::TempDir,
}

impl Around {
    fn new(modules: &Utf8Path) -> Self {
        let root = tempfile::tempdir().unwrap();
        let options = SiteOptions {
            root: Some(Utf8Path::from_path(root.path()).unwrap().to_owned()),
            modules_dir: Some(modules.to_owned()),
            ..SiteOptions::default()
        };
        Self { site: Site::open(&options, Arc::new(Silent)).unwrap(), _root: root }
    }

    fn manager(&self) -> ModuleManager<'_> {
        ModuleManager::new(&self.site)
    }
}

fn install(file: &Utf8Path, into: &Utf8Path) -> Result<ModuleEntry, String> {
    Around::new(into).manager().install(file, None, &load_here).map_err(|cause| cause.to_string())
}

fn names(place: &Place) -> Vec<String> {
    let mut names: Vec<String> =
        place.path().read_dir_utf8().unwrap().map(|entry| entry.unwrap().file_name().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_built_module_is_installed_under_its_name_whatever_the_build_called_it() {
    let place = Place::new();
    let entry = install(&built("demo"), place.path()).unwrap();
    assert_eq!((entry.state, entry.file), (ModuleState::Ready, place.path().join("demo_module.so")));
    assert_eq!(names(&place), ["demo_module.so"]);
    let metadata = std::fs::metadata(place.path().join("demo_module.so")).unwrap();
    assert_eq!(metadata.mode() & 0o7777, 0o644);

    let entry = install(&built("tuned"), place.path()).unwrap();
    assert_eq!(entry.state, ModuleState::Ready, "its base is there");
    let around = Around::new(place.path());
    let plan = around.manager().plan_remove("demo").unwrap();
    assert_eq!(plan.will_wait(), ["tuned"]);
    assert_eq!(names(&place), ["demo_module.so", "tuned_module.so"], "a plan changes nothing");
    around.manager().remove("demo").unwrap();
    assert_eq!(names(&place), ["tuned_module.so"]);
    assert_eq!(place.entry("tuned_module.so").state, ModuleState::Waiting);
    let error = around.manager().plan_remove("demo").unwrap_err().to_string();
    assert_eq!(error, format!("cannot remove module demo: there is none in {}", place.path()));
}

#[test]
fn a_module_is_replaced_by_rename_under_the_name_it_has_there() {
    let place = Place::new();
    let file = place.copy("demo", "libdemo_module.so");
    let before = std::fs::metadata(&file).unwrap().ino();
    let running = load(&file).unwrap();
    let around = Around::new(place.path());
    let plan = around.manager().plan_install(&built("demo")).unwrap();
    assert_eq!(plan.replaces().unwrap().to_string(), "0.1.0");
    around.manager().install(&built("demo"), None, &load_here).unwrap();
    assert_eq!(names(&place), ["libdemo_module.so"]);
    assert_ne!(std::fs::metadata(&file).unwrap().ino(), before, "never overwritten in place");
    assert_eq!(running.description().classes.len(), 1, "who runs from the old file keeps it");
}

#[test]
fn what_would_not_be_used_is_not_installed_and_leaves_nothing() {
    let (place, source) = (Place::with(&["demo"]), Place::new());
    let cases = [
        (source.put("text_module.so", b"hello"), "not an ELF file"),
        (source.forge("demo", "new_module.so", API_VERSION, "2.0.0"), "built against module API 2.0.0"),
        (
            source.forge("demo", "demp_module.so", "\"demo\"", "\"demp\""),
            "class DemoImage is taken by module demo (demo_module.so)",
        ),
        (
            source.copy("mute", "mute_module.so"),
            "module mute panicked; this is a fault of the module: panic at",
        ),
    ];
    for (file, reason) in cases {
        let error = install(&file, place.path()).unwrap_err();
        assert!(error.starts_with(&format!("cannot install {file}: {reason}")), "{error}");
        assert_eq!(names(&place), ["demo_module.so"]);
    }
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let error = install(&built("demo"), place.path()).unwrap_err();
    assert!(error.starts_with(&format!("cannot install into {}: ", place.path())), "{error}");
}

#[test]
fn a_check_that_says_no_leaves_the_old_module_in_place() {
    let place = Place::with(&["demo"]);
    let before = std::fs::metadata(place.path().join("demo_module.so")).unwrap().ino();
    let looked_at = Cell::new(false);
    let check = |file: &Utf8Path| {
        looked_at.set(file.exists() && file.parent() == Some(place.path()));
        // As a child process would say it.
        Err(format!("{file} ended with signal 6"))
    };
    let around = Around::new(place.path());
    let error = around.manager().install(&built("demo"), None, &check).unwrap_err().to_string();
    assert_eq!(error, format!("cannot install {0}: {0} ended with signal 6", built("demo")));
    assert!(looked_at.get());
    assert_eq!(names(&place), ["demo_module.so"]);
    assert_eq!(std::fs::metadata(place.path().join("demo_module.so")).unwrap().ino(), before);
}

#[test]
fn what_a_killed_installation_left_is_removed_by_the_next() {
    let place = Place::new();
    let mut gone = Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    place.put(&format!(".demo_module.so.{}-0.new", gone.id()), b"half");
    place.put(&format!(".demo_module.so.{}-7.new", std::process::id()), b"somebody is at it");
    install(&built("demo"), place.path()).unwrap();
    let kept = format!(".demo_module.so.{}-7.new", std::process::id());
    assert_eq!(names(&place), [kept.as_str(), "demo_module.so"]);
}

#[test]
fn refused_files_are_removed_by_the_name_they_are_listed_under() {
    let place = Place::new();
    place.put("junk_module.so", b"junk");
    let around = Around::new(place.path());
    around.manager().remove("junk").unwrap();
    assert!(names(&place).is_empty());
    place.put("junk_module.so", b"junk");
    place.put("libjunk_module.so", b"junk");
    let error = around.manager().plan_remove("junk").unwrap_err().to_string();
    assert!(error.starts_with("cannot remove module junk: which of "), "{error}");
}

#[test]
fn a_check_says_everything_that_can_be_said() {
    let place = Place::with(&["demo", "tuned", "raw", "mute"]);
    let report = check(&place.path().join("demo_module.so"), &place.scan());
    assert_eq!(report.outcome(), Outcome::Good, "{report:?}");
    assert!(report.findings[0].text.starts_with("module demo 0.1.0, built against module API 1."));

    let report = check(&place.path().join("raw_module.so"), &place.scan());
    assert_eq!(report.outcome(), Outcome::Bad);
    let fly = report.findings.iter().find(|finding| finding.subject == "action fly of RawImage").unwrap();
    assert!(fly.text.starts_with("disabled: its role is unknown here"), "{fly:?}");

    let report = check(&place.path().join("mute_module.so"), &place.scan());
    let last = &report.findings[3];
    assert_eq!((last.subject.as_str(), last.outcome), ("loading", Outcome::Bad));
    assert!(last.text.contains("cannot describe myself"), "{last:?}");

    let alone = Place::with(&["tuned"]);
    let report = check(&alone.path().join("tuned_module.so"), &alone.scan());
    assert_eq!(report.outcome(), Outcome::Warning, "{report:?}");

    std::fs::set_permissions(alone.path().join("tuned_module.so"), Permissions::from_mode(0o666)).unwrap();
    let report = check(&alone.path().join("tuned_module.so"), &alone.scan());
    let last = report.findings.last().unwrap();
    assert_eq!((last.subject.as_str(), last.outcome), ("owner and mode", Outcome::Bad), "nothing of it runs");
}

#[test]
fn a_check_says_which_glibc_a_module_needs_and_which_is_here() {
    let place = Place::new();
    let file = place.put("demo_module.so", &of_a_newer_glibc("demo"));
    let report = check(&file, &place.scan());
    let bad: Vec<_> = report.findings.iter().filter(|finding| finding.outcome == Outcome::Bad).collect();
    let here = disklessset::modules::GlibcVersion::here().unwrap();
    assert_eq!(bad.len(), 1, "nothing of it runs: {report:?}");
    assert_eq!(bad[0].subject, "C library");
    assert_eq!(bad[0].text, format!("needs glibc 2.99, this server has {here}"));
    assert!(bad[0].hint.as_deref().unwrap().starts_with("build the module on the oldest system"));
    let error = load(&file).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot load {file}: needs glibc 2.99, this server has {here}"));
    // Without the table of sections the dynamic linker finds it, and it is told in the same words.
    let mut content = of_a_newer_glibc("demo");
    content[40..48].fill(0);
    content[60..62].fill(0);
    let file = place.put("demo_module.so", &content);
    assert_eq!(load(&file).unwrap_err().to_string(), error.to_string());
}

#[test]
fn a_check_warns_of_an_installed_module_of_the_same_name_or_class() {
    let (place, source) = (Place::with(&["demo"]), Place::new());
    let warned = |file: &Utf8Path| {
        let report = check(file, &place.scan());
        let of = |finding: &&disklessset::modules::check::Finding| finding.outcome == Outcome::Warning;
        report.findings.iter().filter(of).map(|finding| finding.text.clone()).collect::<Vec<_>>().join("; ")
    };
    let same = warned(&source.copy("demo", "demo_module.so"));
    assert!(
        same.starts_with("module demo 0.1.0 is installed (") && same.ends_with("would take its place"),
        "{same}"
    );
    let class = warned(&source.forge("demo", "demp_module.so", "\"demo\"", "\"demp\""));
    assert!(class.starts_with("class DemoImage is that of module demo ("), "{class}");
    assert_eq!(warned(&source.copy("raw", "raw_module.so")), "");
}

/// The target directory of this build; what a module is built of is shared with it.
pub(crate) fn target() -> Utf8PathBuf {
    built("demo").ancestors().nth(3).unwrap().to_owned()
}

/// Runs cargo as an author would, but with the dependencies that are built already.
pub(crate) fn cargo_build(project: &Utf8Path) {
    cargo(project, &["build"]);
}

fn cargo(project: &Utf8Path, command: &[&str]) {
    let output = Command::new(env!("CARGO"))
        .args(command)
        .args(["--target-dir", target().as_str()])
        .current_dir(project)
        // The profile of the workspace, so that the same dependencies are taken.
        .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_new_module_compiles_as_it_is_and_passes_the_check() {
    let place = Place::new();
    let sources =
        Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api").canonicalize_utf8().unwrap();
    let name = ModuleName::parse("skeleton-of-test").unwrap();
    assert_eq!(PluginApi::find(), PluginApi::Path(sources.clone()), "found beside the build");
    let project = create(&name, place.path(), &PluginApi::at(&sources).unwrap(), None, Needs::Api).unwrap();
    cargo_build(&project);
    let file = target().join("debug/libskeleton_of_test_module.so");
    let modules = Place::new();
    let entry = install(&file, modules.path()).unwrap();
    for left in [&file, &target().join("debug/libskeleton_of_test_module.d")] {
        std::fs::remove_file(left).unwrap();
    }
    assert_eq!((entry.state, entry.name.as_str()), (ModuleState::Ready, "skeleton-of-test"));
    assert_eq!(entry.file, modules.path().join("skeleton_of_test_module.so"));
    let report = check(&entry.file, &modules.scan());
    assert_eq!(report.outcome(), Outcome::Good, "{report:?}");
    let create =
        report.findings.iter().find(|finding| finding.subject.starts_with("action create of")).unwrap();
    assert_eq!(create.subject, "action create of SkeletonOfTestImage");
}

#[test]
fn a_stranger_writes_tests_checks_installs_and_uses_a_module_and_deletes_it() {
    let root = TestRoot::bare();
    let home = root.beside();
    let run = |args: &[&str]| root.disklessset(args).dir(&home).limit(Duration::from_secs(300)).run();
    let _ = run(&["module", "new", "of-a-stranger"]).expect_done();
    let project = home.join("of-a-stranger-module");
    for file in ["README.md", ".github/workflows/ci.yml"] {
        assert!(project.join(file).is_file(), "{file}");
    }
    cargo(&project, &["test", "--features", "testing"]);
    cargo_build(&project);
    let built = target().join("debug/libof_a_stranger_module.so");
    let file = home.join("of_a_stranger_module.so");
    std::fs::copy(&built, &file).unwrap();
    for left in [&built, &target().join("debug/libof_a_stranger_module.d")] {
        std::fs::remove_file(left).unwrap();
    }
    let checked = run(&["module", "check", file.as_str(), "--format", "json"]).expect_done().json();
    let findings = checked["findings"].as_array().unwrap();
    let kills = findings.iter().filter(|finding| {
        finding["outcome"] == "ok" && finding["subject"].as_str().unwrap().starts_with("kill and clean")
    });
    assert_eq!(kills.count(), 4, "create, clone, set kernel and remove: {checked}");
    let _ = run(&["module", "install", file.as_str()]).expect_done();
    let _ = run(&["of-a-stranger", "create", "first", "--text", "good day"]).expect_done();
    assert_eq!(root.images()[0]["module"], "of-a-stranger");
    std::fs::remove_file(root.modules_dir().join("of_a_stranger_module.so")).unwrap();
    assert!(root.images()[0]["module"].is_null());
    let _ = run(&["of-a-stranger", "create", "second"]).expect_code(2);
    let _ = run(&["clear", "first", "--yes"]).expect_done();
}

#[test]
fn a_stranger_builds_on_a_class_of_another_module() {
    let root = TestRoot::with_modules(&["demo"]);
    let home = root.beside();
    let run = |args: &[&str]| root.disklessset(args).dir(&home).limit(Duration::from_secs(300)).run();
    let refused = run(&["module", "new", "of-nobody", "--on", "NobodysImage"]).expect_code(3);
    let _ = refused.expect_said("cannot build on class NobodysImage: no module here has class NobodysImage");
    assert!(!home.join("of-nobody-module").exists());
    let _ = run(&["module", "new", "noted-by-stranger", "--on", "DemoImage"]).expect_done();
    let project = home.join("noted-by-stranger-module");
    cargo(&project, &["test", "--features", "testing"]);
    cargo_build(&project);
    let built = target().join("debug/libnoted_by_stranger_module.so");
    let file = home.join("noted_by_stranger_module.so");
    std::fs::copy(&built, &file).unwrap();
    for left in [&built, &target().join("debug/libnoted_by_stranger_module.d")] {
        std::fs::remove_file(left).unwrap();
    }
    let checked = run(&["module", "check", file.as_str(), "--format", "json"]).expect_done().json();
    let findings = checked["findings"].as_array().unwrap();
    let created = findings.iter().find(|finding| finding["subject"] == "create of NotedByStrangerImage");
    assert_eq!(created.unwrap()["outcome"], "ok", "{checked}");
    let _ = run(&["module", "install", file.as_str()]).expect_done();
    let create = ["noted-by-stranger", "create", "first", "--note", "good day", "--message", "hello"];
    let _ = run(&create).expect_done();
    let image = &root.images()[0];
    assert_eq!(
        (&image["attributes"]["note"], &image["attributes"]["my_message"]),
        (&"good day".into(), &"hello".into())
    );
    std::fs::remove_file(root.modules_dir().join("noted_by_stranger_module.so")).unwrap();
    assert!(root.images()[0]["module"].is_null());
    let _ = run(&["clear", "first", "--yes"]).expect_done();
}
