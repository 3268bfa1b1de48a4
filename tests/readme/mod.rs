//! Documents keep their word: their commands are run as they are written, in their order.

mod documents;
mod guides;
mod outside_author;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::readme::{Block, When, blocks};
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Outcome, Program};

fn source_tree() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the source tree").to_owned()
}

/// Shows a directory in the place of `/srv`. What of ours lies below the real one is brought back in, by a descriptor that no mount
/// over its path takes away.
fn covered_srv(srv: &Utf8Path, source: &Utf8Path) -> String {
    let mut places = vec![source.to_owned()];
    for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR"] {
        places.extend(std::env::var(name).ok().map(Utf8PathBuf::from));
    }
    places.extend(std::env::var("PATH").iter().flat_map(|path| path.split(':')).map(Utf8PathBuf::from));
    // target/debug/deps/suite-0123
    let target = disklessset_tests::run::build_dir().parent().map(Utf8Path::to_owned);
    places.extend(target);
    places.retain(|place| place.starts_with("/srv") && place.is_dir());
    places.sort();
    let mut inside: Option<Utf8PathBuf> = None;
    // What lies in another of them comes with it.
    places.retain(|place| match &inside {
        Some(outer) if place.starts_with(outer) => false,
        _ => {
            inside = Some(place.clone());
            true
        }
    });
    let (mut held, mut back) = (String::new(), String::new());
    for (number, place) in places.iter().enumerate() {
        held += &format!("exec {}<'{place}'\n", number + 10);
        back += &format!(
            "mkdir -p '{place}'\nmount --no-canonicalize --rbind /proc/self/fd/{} '{place}'\n",
            number + 10
        );
    }
    format!("{held}mount --bind '{srv}' /srv\n{back}")
}

/// A document of the source tree, the blocks of it that are run now.
struct Document {
    name: &'static str,
    blocks: Vec<Block>,
}

impl Document {
    #[track_caller]
    fn read(name: &'static str) -> Self {
        let text = std::fs::read_to_string(source_tree().join(name)).unwrap();
        let mut blocks = blocks(&text).unwrap_or_else(|unclear| panic!("{name} {unclear}"));
        blocks.retain(|block| match block.when {
            When::Always => true,
            When::Full => is_full(),
            When::Never(_) => false,
        });
        Self { name, blocks }
    }

    fn sign(&self, block: &Block) -> String {
        format!("--- {} line {}", self.name, block.line)
    }

    /// Its commands, each block of them introduced by where it stands.
    fn script(&self) -> String {
        let commands = |block| format!("echo '{}' >&2\n{}\n", self.sign(block), block.commands.join("\n"));
        self.blocks.iter().map(commands).collect()
    }

    #[track_caller]
    fn must_have_been_run(&self, outcome: &Outcome) {
        assert!(!self.blocks.is_empty(), "nothing of {} is run", self.name);
        for block in &self.blocks {
            let sign = format!("{}\n", self.sign(block));
            assert!(outcome.stderr.contains(&sign), "line {} was not reached: {outcome}", block.line);
        }
    }
}

fn is_full() -> bool {
    std::env::var(need::FULL).is_ok_and(|value| value == "1")
}

/// Puts a file there that holds commands, for root alone.
fn put_script(file: &Utf8Path, text: &str, mode: u32) {
    std::fs::File::create_new(file).unwrap().write_all(text.as_bytes()).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// cargo and its registry are the developer's own; the rest of the surroundings stays clean.
fn surroundings(mut run: Program) -> Program {
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
        if let Ok(value) = std::env::var(name) {
            run = run.env(name, value);
        }
    }
    run
}

#[test]
fn its_commands_work_as_written() {
    disklessset_tests::need!(need::root());
    let readme = Document::read("README.md");
    let (root, source) = (TestRoot::bare(), source_tree());
    // What the commands put below /srv lands in the test's own directory: they run in a mount namespace of their own.
    let srv = root.beside().join("srv");
    disklessset_tests::place::make_dir(&srv).unwrap();
    let file = root.beside().join("commands.sh");
    let before = format!("set -euo pipefail\n{}cd '{source}'\n", covered_srv(&srv, &source));
    put_script(&file, &(before + &readme.script()), 0o600);
    let mut run = root.tool("unshare", &["--mount", "--propagation", "private", "bash", file.as_str()]);
    run = surroundings(run);
    if !is_full() {
        run = run.env("DISKLESSSET_DIST_PROFILE", "dev"); // built already
        // So is all that the module needs.
        let target = disklessset_tests::run::build_dir().parent().map(Utf8Path::to_owned).unwrap();
        run = run.env("CARGO_BUILD_BUILD_DIR", target).env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only");
    }
    let limit = if is_full() { 60 * 60 } else { 9 * 60 };
    readme.must_have_been_run(&run.limit(Duration::from_secs(limit)).run().expect_done());
}

#[test]
fn the_test_command_of_ci_is_the_readme_s() {
    let readme = std::fs::read_to_string(source_tree().join("README.md")).unwrap();
    let ci = std::fs::read_to_string(source_tree().join(".ci/run")).unwrap();
    let commands = ci.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let commands: Vec<_> =
        commands.filter(|line| !line.starts_with("set ") && !line.starts_with("cd ")).collect();
    let shown = blocks(&readme).unwrap().into_iter().flat_map(|block| block.commands);
    assert_eq!(commands, shown.filter(|command| command.contains("xtask test")).collect::<Vec<_>>()[..1]);
}

#[test]
fn a_source_tree_below_srv_is_not_covered() {
    disklessset_tests::need!(need::root());
    let root = TestRoot::bare();
    let checkout = tempfile::tempdir_in("/srv").unwrap();
    let checkout: &Utf8Path = checkout.path().try_into().unwrap();
    std::fs::File::create_new(checkout.join("README.md")).unwrap();
    let srv = root.beside().join("srv");
    disklessset_tests::place::make_dir(&srv).unwrap();
    let script = format!("set -eu\n{}cd '{checkout}'\nls\n: >/srv/here\n", covered_srv(&srv, checkout));
    let unshare = ["--mount", "--propagation", "private", "bash", "-c", &script];
    let outcome = root.tool("unshare", &unshare).run().expect_done();
    assert_eq!(outcome.stdout, "README.md\n");
    assert!(srv.join("here").exists() && !Utf8Path::new("/srv/here").exists());
}
