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
    for tier in ["journeys", "system", "system/nfs", "system/kills", "system/reliability", "boot", "readme"] {
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

/// The rows of a table of SECURITY.md, by their first cells.
fn rows_of(section: &str) -> Vec<String> {
    let text = std::fs::read_to_string(here().join("../SECURITY.md")).expect("SECURITY.md");
    let (_, after) = text.split_once(&format!("\n## {section}\n")).expect("the section");
    let own = after.split("\n## ").next().unwrap_or_default();
    let cells = own.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let files = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    cells.flat_map(files).filter(|cell| cell.ends_with(".rs")).collect()
}

/// Where the sources of the host's crates are, and those of the crates beside them.
fn sources_of_host_and(others: &[&str]) -> Vec<Utf8PathBuf> {
    let top = here().join("..").canonicalize_utf8().expect("the checkout");
    let host = crate::rooms::HOST.iter().map(|of| top.join(of.folder).join("src"));
    host.chain(others.iter().map(|dir| top.join(dir))).collect()
}

/// Our own sources whose code, tests left out, has something in it.
pub(crate) fn sources_with(has: impl Fn(&str) -> bool) -> Vec<String> {
    let top = here().join("..").canonicalize_utf8().expect("the checkout");
    let mut found = Vec::new();
    let mut ahead =
        sources_of_host_and(&["plugin-api/src", "plugin-api/derive/src", "plugin-api/system/src", "plugins"]);
    while let Some(dir) = ahead.pop() {
        for entry in dir.read_dir_utf8().expect("a folder").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() && name != "tests" && name != "target" {
                ahead.push(path.to_owned());
            } else if name.ends_with(".rs")
                && !["tests.rs", "test_support.rs"].contains(&name)
                && !name.ends_with("_tests.rs")
            {
                let text = std::fs::read_to_string(path).expect("a source");
                let code = text.rsplit_once("\n#[cfg(test)]\n").map_or(text.as_str(), |(code, _)| code);
                let code: Vec<_> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
                if has(&code.join("\n")) {
                    found.push(path.strip_prefix(&top).expect("below it").to_string());
                }
            }
        }
    }
    found.sort();
    found
}

#[track_caller]
fn same(told: &[String], found: &[String]) {
    let lacking: Vec<_> = found.iter().filter(|file| !told.contains(file)).collect();
    let gone: Vec<_> = told.iter().filter(|file| !found.contains(file)).collect();
    assert!(lacking.is_empty() && gone.is_empty(), "SECURITY.md lacks {lacking:?} and has still {gone:?}");
}

#[test]
fn security_md_has_every_place_with_unsafe_code() {
    let unsafe_code = |code: &str| {
        ["unsafe {", "unsafe fn", "#[unsafe(", "allow(unsafe_code", ", unsafe_code)"]
            .iter()
            .any(|mark| code.contains(mark))
    };
    same(&rows_of("Unsafe code"), &sources_with(unsafe_code));
}

#[test]
fn security_md_has_every_place_that_runs_a_program() {
    // clap has a type of the same name.
    let runs = |code: &str| {
        ["Tool::new(", "Tool::this_program("].iter().any(|start| code.contains(start))
            || code.contains("Command::new(") && !code.contains("clap")
    };
    let found = sources_with(runs);
    same(&rows_of("Places that run a program"), &found);
}

/// Doc comments of one word, each with its place: the whole comment, not its last line.
fn docs_of_one_word(file: &Utf8Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).expect("a source");
    let mut found = Vec::new();
    let mut words: Vec<&str> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        match line.trim_start().strip_prefix("///") {
            Some(rest) => words.extend(rest.split_whitespace()),
            None => {
                if words.len() == 1 {
                    found.push(format!("{file}:{number}: {}", words.concat()));
                }
                words.clear();
            }
        }
    }
    found
}

fn all_sources(dir: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in dir.read_dir_utf8().expect("a folder of sources").flatten() {
        if entry.path().is_dir() {
            all_sources(entry.path(), found);
        } else if entry.file_name().ends_with(".rs") {
            found.push(entry.into_path());
        }
    }
}

#[test]
fn documentation_says_more_than_a_word() {
    let mut files = Vec::new();
    for room in sources_of_host_and(&["plugin-api", "plugins", "tests/src", "tests/xtask/src"]) {
        all_sources(&room, &mut files);
    }
    let found: Vec<_> = files.iter().flat_map(|file| docs_of_one_word(file)).collect();
    assert!(found.is_empty(), "say what it is, or nothing:\n{}", found.join("\n"));
}
