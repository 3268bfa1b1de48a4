//! Guards the order of the crates and rooms of the host: each stands only on those below it, so that there is no circle.

use camino::{Utf8Path, Utf8PathBuf};
use std::collections::{BTreeMap, BTreeSet};

/// A crate of the host.
pub(crate) struct HostCrate {
    pub(crate) name: &'static str,
    pub(crate) folder: &'static str,
    /// Its rooms, lowest first. Where there is one, that is the whole crate, by its name in the crates above.
    rooms: &'static [&'static str],
}

/// The crates below the host, lowest first: its ground.
const GROUND: [(&str, &str); 4] = [
    ("disklessset-system", "plugin-api/system"),
    ("disklessset-plugin-api-derive", "plugin-api/derive"),
    ("disklessset-plugin-api", "plugin-api"),
    ("disklessset-oci", "host/oci"),
];

/// The crates of the host, lowest first.
pub(crate) const HOST: [HostCrate; 9] = [
    HostCrate {
        name: "disklessset-core",
        folder: "host/core",
        rooms: &[
            "system",
            "yaml",
            "observer",
            "os_images",
            "exports",
            "units",
            "failure",
            "logs",
            "configuration",
            "versions",
            "integrity",
            "out_of_space",
            "comparison",
            "needs",
            "module_files",
            "installations",
            "modules",
            "site",
            "records",
            "nodes",
            "mirror",
            "operation",
            "kernels",
            "module_changes",
            "images",
            "fuzzing",
        ],
    },
    HostCrate { name: "disklessset-inventory", folder: "host/inventory", rooms: &["inventory"] },
    HostCrate { name: "disklessset-boot-config", folder: "host/boot-config", rooms: &["boot_config"] },
    HostCrate { name: "disklessset-status", folder: "host/status", rooms: &["status"] },
    HostCrate { name: "disklessset-serve", folder: "host/serve", rooms: &["serve"] },
    HostCrate { name: "disklessset-prove", folder: "host/prove", rooms: &["prove"] },
    HostCrate { name: "disklessset-registry", folder: "host/registry", rooms: &["registry"] },
    HostCrate { name: "disklessset-check", folder: "host/check", rooms: &["check"] },
    HostCrate {
        name: "disklessset",
        folder: "host",
        rooms: &["reference", "output", "cli", "menu", "program"],
    },
];

/// What builds and tests of the core are to do without: HTTP, and what a command line is made of.
const NOT_IN_THE_CORE: [&str; 10] =
    ["anstream", "clap", "comfy-table", "http", "hyper", "indicatif", "mio", "tokio", "tower", "ureq"];

/// What the root of a library offers from its rooms.
const OFFERED: &[(&str, &str)] = &[
    ("Activity", "records"),
    ("ActivityState", "records"),
    ("ImageManager", "images"),
    ("ImageStatus", "records"),
    ("KernelManager", "kernels"),
    ("ListedImage", "records"),
    ("FoundOsImage", "os_images"),
    ("Observer", "observer"),
    ("OsImages", "os_images"),
    ("ShownImage", "images"),
    ("Silent", "observer"),
    ("Site", "site"),
    ("SiteOptions", "site"),
];

/// Uses of a higher room that are still there: (room, used). It only gets shorter.
const STILL_UPWARDS: &[(&str, &str)] = &[];

fn top() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
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

/// The room of a file: the folder, or the file itself, below the sources of its crate; nothing for the roots of the crate.
fn room_of(sources: &Utf8Path, path: &Utf8Path) -> Option<String> {
    let below = path.strip_prefix(sources).expect("a source of the crate");
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

/// Which rooms each room of a crate uses. What a test of it uses counts, too.
fn uses(of: &HostCrate) -> BTreeMap<String, BTreeSet<String>> {
    let folder = top().join(of.folder).join("src");
    let mut files = Vec::new();
    sources(&folder, &mut files);
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let Some(room) = room_of(&folder, &file) else { continue };
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
    // The uppermost crate has the rooms of those below it under their own names.
    let order: Vec<&str> = HOST.iter().flat_map(|of| of.rooms).copied().collect();
    let height = |room: &str| order.iter().position(|known| *known == room);
    for of in HOST.iter().filter(|of| of.rooms.len() > 1) {
        let uses = uses(of);
        let unknown: Vec<_> = uses.keys().filter(|room| !of.rooms.contains(&room.as_str())).collect();
        assert!(unknown.is_empty(), "{}: rooms without a place in the order: {unknown:?}", of.name);
        let gone: Vec<_> = of.rooms.iter().filter(|room| !uses.contains_key(**room)).collect();
        assert!(gone.is_empty(), "{}: no such rooms any more: {gone:?}", of.name);
        let upwards: BTreeSet<(&str, &str)> = uses
            .iter()
            .flat_map(|(room, others)| others.iter().map(move |other| (room.as_str(), other.as_str())))
            .filter(|(room, other)| height(other) >= height(room) || height(other).is_none())
            .collect();
        let still = STILL_UPWARDS.iter().copied().filter(|(room, _)| of.rooms.contains(room));
        assert_eq!(upwards, still.collect(), "{}: rooms that use one above them", of.name);
    }
}

/// The crates of this source tree that a package names, those for its tests included.
fn own_dependencies(folder: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(top().join(folder).join("Cargo.toml")).expect("a package");
    let mut section = "";
    let mut found = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            found.extend(name.starts_with("disklessset").then(|| name.to_owned()));
        }
    }
    found
}

#[test]
fn crates_depend_only_on_those_below_them() {
    let host = HOST.iter().map(|of| (of.name, of.folder));
    let order: Vec<(&str, &str)> = GROUND.into_iter().chain(host).collect();
    let height = |name: &str| order.iter().position(|(known, _)| *known == name);
    for (name, folder) in &order {
        let upwards: Vec<_> =
            own_dependencies(folder).into_iter().filter(|other| height(other) >= height(name)).collect();
        assert!(upwards.is_empty(), "{name} stands on crates that are not below it: {upwards:?}");
    }
    // Modules and what they share know nothing of the host.
    for module in ["plugins/demo", "plugins/kit", "plugins/livenet", "plugins/nfs"] {
        let named = own_dependencies(module);
        assert!(HOST.iter().all(|of| !named.contains(of.name)), "{module}: {named:?}");
    }
    let uppermost = own_dependencies("host");
    assert!(uppermost.contains("disklessset-core"), "the dependencies of a package are seen: {uppermost:?}");
}

/// All packages that a package is built with on this machine, alone: the lock file has what others ask of them, too.
#[allow(clippy::disallowed_methods, reason = "cargo of the run itself, whose exit status is looked at")]
fn stands_on(package: &str) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let words =
        ["tree", "--offline", "--locked", "--edges", "normal", "--prefix", "none", "--package", package];
    let told = std::process::Command::new(cargo).args(words).current_dir(top()).output().expect("cargo");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let text = String::from_utf8_lossy(&told.stdout);
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn the_core_is_built_without_http_and_without_a_command_line() {
    let unwanted = |package: &str| {
        let is = |name: &String| {
            NOT_IN_THE_CORE.iter().any(|word| name == word || name.starts_with(&format!("{word}-")))
        };
        stands_on(package).into_iter().filter(is).collect::<BTreeSet<_>>()
    };
    assert_eq!(unwanted("disklessset-core"), BTreeSet::new());
    let others = (unwanted("disklessset-serve"), unwanted("disklessset"));
    assert!(
        others.0.contains("tokio") && others.1.contains("clap"),
        "where they are, they are seen: {others:?}"
    );
}

#[test]
fn rooms_are_told_from_what_they_use() {
    let code = "use crate::{\n    failure,\n    installations::{Effect, journal::{self, place}},\n    site::Site,\n};\n\
                use crate::system::lock;\nlet x = crate::units::reload(y);";
    let names = ["failure", "installations", "site", "system", "units"];
    assert_eq!(used(code), names.map(str::to_owned).into());
    assert_eq!(used(&code_of("/// See [`crate::images`].\n// crate::cli")), BTreeSet::new());
}
