//! Given nothing but the installed program: an author makes modules that build as they are, with the API alone and with the kit, and the
//! program takes them.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::Duration;

use camino::Utf8Path;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Outcome;

use super::{source_tree, surroundings};

/// As long as a build of all that the kit needs may take.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

#[test]
fn an_author_builds_modules_with_what_is_installed_and_nothing_else() {
    disklessset_tests::need!(need::root(), need::full());
    let root = TestRoot::bare();
    let home = root.beside().join("author");
    disklessset_tests::place::make_dir(&home).unwrap();
    let run = |program: &str, args: &[&str], dir: &Utf8Path| -> Outcome {
        let tool = surroundings(root.tool(program, args)).env("DISKLESSSET_DIST_PROFILE", "dev");
        tool.dir(dir).limit(PATIENCE).run().expect_done()
    };
    let installed = root.beside().join("installed");
    let _ = run("cargo", &["xtask", "dist", "--dest", installed.as_str()], &source_tree());
    let program = installed.join("usr/bin/disklessset");
    let modules = installed.join("usr/lib/disklessset/modules.d");
    let target = root.beside().join("target");
    for (name, more) in [("plain", &[][..]), ("with-kit", &["--kit"])] {
        let _ = run(program.as_str(), &[&["module", "new", name], more].concat(), &home);
        // Wherever it is copied to.
        let project = root.beside().join("elsewhere").join(name);
        std::fs::create_dir_all(project.parent().unwrap()).unwrap();
        std::fs::rename(home.join(format!("{name}-module")), &project).unwrap();
        let before = std::fs::read(project.join("Cargo.lock")).unwrap();
        let _ = run("cargo", &["build", "--locked", "--offline", "--target-dir", target.as_str()], &project);
        assert!(before == std::fs::read(project.join("Cargo.lock")).unwrap(), "the list was the right one");
        let manifest = std::fs::read_to_string(project.join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("/usr/share") && !manifest.contains(installed.as_str()), "{manifest}");
        let library = format!("lib{}_module.so", name.replace('-', "_"));
        let file = target.join("debug").join(&library);
        for command in [
            &["module", "check", "--quick", file.as_str()][..],
            &["module", "install", file.as_str()],
            &[name, "create", "--help"],
        ] {
            let _ = run(program.as_str(), &[&["--modules-dir", modules.as_str()], command].concat(), &home);
        }
    }
    let test = ["test", "--locked", "--offline", "--features", "testing", "--target-dir", target.as_str()];
    let _ = run("cargo", &test, &root.beside().join("elsewhere/with-kit"));
}
