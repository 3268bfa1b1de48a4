//! Guards against tests that nobody runs: every file of a tier is a module of the suite.

use camino::{Utf8Path, Utf8PathBuf};

fn here() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn names_in(dir: &Utf8Path) -> Vec<String> {
    let entries = dir.read_dir_utf8().expect("a folder of tests").map(|entry| entry.expect("a file in it"));
    let names = entries.map(|entry| entry.file_name().to_owned());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".rs")).collect();
    names.sort();
    names
}

/// Files of a folder that the file which should name them does not.
fn forgotten(dir: &Utf8Path, list: &str) -> Vec<String> {
    let text = std::fs::read_to_string(dir.join(list)).expect("the list of a folder's files");
    let module = |line: &str| {
        let line = line.trim();
        let line = line.strip_prefix("pub(crate) ").or(line.strip_prefix("pub(super) ")).unwrap_or(line);
        line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')).map(str::to_owned)
    };
    let named =
        |name: &str| text.lines().any(|line| module(line).as_deref() == Some(name.trim_end_matches(".rs")));
    names_in(dir).into_iter().filter(|name| name != list && !named(name)).collect()
}

#[test]
fn every_file_of_a_tier_is_a_module() {
    for tier in ["journeys", "system", "system/nfs", "system/kills", "boot"] {
        let dir = here().join(tier);
        assert_eq!(forgotten(&dir, "mod.rs"), [] as [String; 0], "not named in {tier}/mod.rs");
        assert!(names_in(&dir).len() > 1, "{tier} has no tests");
    }
    assert_eq!(forgotten(&here(), "suite.rs"), [] as [String; 0], "not named in suite.rs");
}

#[test]
fn a_forgotten_file_is_seen() {
    let temp = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap();
    std::fs::copy(here().join("journeys/mod.rs"), dir.join("mod.rs")).unwrap();
    std::fs::copy(here().join("guard.rs"), dir.join("nobody_runs_me.rs")).unwrap();
    assert_eq!(forgotten(dir, "mod.rs"), ["nobody_runs_me.rs"]);
}
