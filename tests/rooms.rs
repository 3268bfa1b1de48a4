//! Guards the order of the rooms of the host: each stands only on those below it, so that there is no circle.

use camino::{Utf8Path, Utf8PathBuf};
use std::collections::{BTreeMap, BTreeSet};

/// The rooms of `host/src`, lowest first.
const ORDER: &[&str] = &[
    "system",
    "yaml",
    "observer",
    "exports",
    "units",
    "failure",
    "configuration",
    "integrity",
    "no_room",
    "needs",
    "module_files",
    "installations",
    "modules",
    "site",
    "records",
    "operation",
    "kernels",
    "module_changes",
    "images",
    "prove",
    "contract",
    "reference",
    "output",
    "cli",
    "menu",
    "program",
    "fuzzing",
];

/// What the root of the library offers from its rooms.
const OFFERED: &[(&str, &str)] = &[
    ("Activity", "records"),
    ("ActivityState", "records"),
    ("ImageManager", "images"),
    ("ImageStatus", "records"),
    ("KernelManager", "kernels"),
    ("ListedImage", "records"),
    ("Observer", "observer"),
    ("ShownImage", "images"),
    ("Silent", "observer"),
    ("Site", "site"),
    ("SiteOptions", "site"),
];

/// Uses of a higher room that are still there: (room, used). It only gets shorter.
const STILL_UPWARDS: &[(&str, &str)] = &[];

fn host() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../host/src")
}

fn sources(dir: &Utf8Path, found: &mut Vec<Utf8PathBuf>) {
    for entry in dir.read_dir_utf8().expect("a folder").map(|entry| entry.expect("an entry")) {
        match entry.path() {
            path if path.is_dir() => sources(path, found),
            path if path.extension() == Some("rs") => found.push(path.to_owned()),
            _ => {}
        }
    }
}

/// The room of a file: the folder, or the file itself, below `host/src`; nothing for the roots of the crate.
fn room_of(path: &Utf8Path) -> Option<String> {
    let below = path.strip_prefix(host()).expect("a source of the host");
    let first = below.components().next().expect("a name").as_str().trim_end_matches(".rs").to_owned();
    (!["lib", "main", "with_failpoints"].contains(&first.as_str())).then_some(first)
}

/// A source without its comments.
fn code_of(text: &str) -> String {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}

/// The first words behind each `crate::`, of lists in braces too.
fn used(code: &str) -> BTreeSet<String> {
    let word = |text: &str| {
        let word: String =
            text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        (!word.is_empty()).then_some(word)
    };
    let mut found = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            found.extend(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (1, true);
        for (at, c) in list.char_indices() {
            if begins && !c.is_whitespace() {
                found.extend(word(&list[at..]));
                begins = false;
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 1 => break,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                _ => {}
            }
        }
    }
    found
}

/// Which rooms each room uses. What a test of it uses counts, too.
fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let mut files = Vec::new();
    sources(&host(), &mut files);
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let Some(room) = room_of(&file) else { continue };
        let code = code_of(&std::fs::read_to_string(&file).expect("a source"));
        let rooms = used(&code).into_iter().map(|name| {
            let offered = OFFERED.iter().find(|(item, _)| *item == name);
            offered.map_or(name, |(_, room)| (*room).to_owned())
        });
        let others = rooms.filter(|other| *other != room);
        uses.entry(room.clone()).or_default().extend(others);
    }
    uses
}

#[test]
fn rooms_stand_only_on_those_below_them() {
    let height = |room: &str| ORDER.iter().position(|known| *known == room);
    let uses = uses();
    let unknown: Vec<_> = uses.keys().filter(|room| height(room).is_none()).collect();
    assert!(unknown.is_empty(), "rooms without a place in the order: {unknown:?}");
    let gone: Vec<_> = ORDER.iter().filter(|room| !uses.contains_key(**room)).collect();
    assert!(gone.is_empty(), "no such rooms any more: {gone:?}");
    let upwards: BTreeSet<(&str, &str)> = uses
        .iter()
        .flat_map(|(room, others)| others.iter().map(move |other| (room.as_str(), other.as_str())))
        .filter(|(room, other)| height(other) >= height(room) || height(other).is_none())
        .collect();
    assert_eq!(upwards, STILL_UPWARDS.iter().copied().collect(), "rooms that use one above them");
}

#[test]
fn rooms_are_told_from_what_they_use() {
    let code = "use crate::{\n    failure,\n    installations::{Effect, journal::{self, place}},\n    site::Site,\n};\n\
                use crate::system::lock;\nlet x = crate::units::reload(y);";
    let names = ["failure", "installations", "site", "system", "units"];
    assert_eq!(used(code), names.map(str::to_owned).into());
    assert_eq!(used(&code_of("/// See [`crate::images`].\n// crate::cli")), BTreeSet::new());
}
