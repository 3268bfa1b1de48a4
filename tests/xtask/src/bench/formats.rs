//! `cargo xtask bench formats`: one tree of Debian in every form that a node's root can have: how large it is, how long packing takes, and how
//! fast a node reads it.
//!
//! A file is in memory when it is read, as on a node, and each measurement has a new mount: nothing of it was read before.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::{mounted::Mounted, need};

use super::demands::Demands;
use super::form::{DEFAULT, FORMS, Form, GZIP};
use super::made_tree::{Data, Size, fill, make_dir, make_system};
use super::readers::{TreeOfFiles, at_random, one_after_the_other};
use super::samples::{Samples, Strictness};
use super::site::KERNEL;
use super::timing::{bare, milliseconds};
use crate::failure::{self, Failure};
use crate::say;

/// Times that each is packed and read, those that take long once; and for a bench among tests.
const ROUNDS: (usize, usize) = (3, 1);
/// Megabytes of the tree where there is none of Debian.
const MEGABYTES: (u64, u64) = (500, 20);
/// Bytes of the memory that a packed file may take.
const ROOM: u64 = 4 << 30;

/// What is installed beside.
const PACKAGES: &str = "--include=linux-image-cloud-amd64,openssh-server";
/// Where a server has the package sources of its distribution.
const SOURCES: [&str; 3] = [
    "/etc/apt/sources.list.d/debian.sources",
    "/etc/apt/sources.list.d/ubuntu.sources",
    "/etc/apt/sources.list",
];

/// Packs, mounts and reads, and compares what is demanded of the default.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        say::note("mounting needs root: left out");
        return Ok(());
    }
    let small = strictness == Strictness::Told;
    let directory = tempfile::Builder::new().prefix("disklessset-bench-").tempdir_in("/var/tmp");
    let directory =
        directory.map_err(|cause| Failure::Plain(format!("cannot make a directory in /var/tmp: {cause}")))?;
    let place = Utf8Path::from_path(directory.path()).expect("the prefix is plain text");
    let tree = place.join("tree");
    let what = tree_of_debian(&tree, small)?;
    let memory = place.join("memory");
    make_dir(&memory)?;
    let bench = Bench { tree, _memory: Mounted::memory(&memory, ROOM), memory, at: place.join("at") };
    make_dir(&bench.at)?;
    say::step(&format!("forms of a root image of {what}"));

    let mut demands = Demands::of("formats");
    demands.tell(&format!("The tree: {what}.\n\n| form | MB | packing, s | read in a row, MB/s | 4 KiB at random, a second |\n|---|---|---|---|---|"));
    let mut all = Vec::new();
    for form in FORMS.iter().filter(|form| !small || !form.is_slow) {
        if need::find_tool(form.packer).is_none() {
            say::note(&format!("the program {} is not installed: {} left out", form.packer, form.name));
            continue;
        }
        let rounds = if small || form.is_slow { ROUNDS.1 } else { ROUNDS.0 };
        match bench.measure(form, rounds) {
            Ok(measured) => {
                demands.tell(&measured.row(form.name));
                all.push((form.name, measured));
            }
            // Not every kernel reads every form.
            Err(failure) => say::note(&format!("{} left out: {failure}", form.name)),
        }
    }
    let found = |name: &str| all.iter().find(|(known, _)| *known == name).map(|(_, measured)| measured);
    if let (Some(ours), Some(theirs)) = (found(DEFAULT), found(GZIP)) {
        let ratio = |mine: f64, its: f64| Samples::of(vec![mine / its]);
        demands.at_most("size of the default, of gzip's", &ratio(ours.megabytes, theirs.megabytes), 1.05);
        demands.at_most("packing of the default, of gzip's", &ratio(ours.seconds, theirs.seconds), 0.5);
        demands.at_least("reading of the default, of gzip's", &ratio(ours.in_a_row, theirs.in_a_row), 1.5);
    }
    demands.verdict(strictness)
}

/// An OS tree of packages where the server can make one; what it is, in words.
fn tree_of_debian(tree: &Utf8Path, small: bool) -> Result<String, Failure> {
    if small || need::find_tool("mmdebstrap").is_none() {
        let megabytes = if small { MEGABYTES.1 } else { MEGABYTES.0 };
        fill(tree, Size::of_megabytes(megabytes), Data::Programs)?;
        make_system(tree, KERNEL)?;
        return Ok(format!("files made for it, {megabytes} MB"));
    }
    say::step("a tree from packages");
    let os_release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let suite =
        os_release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
    let mut mmdebstrap = bare("mmdebstrap");
    mmdebstrap.env("INITRD", "No").args(["--quiet", "--variant=standard", PACKAGES, suite, tree.as_str()]);
    milliseconds(mmdebstrap.args(SOURCES.iter().filter(|file| Utf8Path::new(file).is_file())))?;
    let files = TreeOfFiles::below(tree)?;
    let (count, megabytes) = (files.count(), files.bytes() / 1_000_000);
    Ok(format!(
        "Debian {suite}, all of standard priority, a kernel and an SSH server: {count} files, {megabytes} MB"
    ))
}

struct Bench {
    tree: Utf8PathBuf,
    _memory: Mounted,
    memory: Utf8PathBuf,
    at: Utf8PathBuf,
}

/// What came of a form: medians.
struct Measured {
    megabytes: f64,
    seconds: f64,
    in_a_row: f64,
    at_random: f64,
}

impl Measured {
    fn row(&self, name: &str) -> String {
        let Self { megabytes, seconds, in_a_row, at_random } = self;
        format!("| {name} | {megabytes:.0} | {seconds:.1} | {in_a_row:.0} | {at_random:.0} |")
    }
}

impl Bench {
    fn measure(&self, form: &Form, rounds: usize) -> Result<Measured, Failure> {
        let file = self.memory.join("root.img");
        let (mut seconds, mut in_a_row, mut random) = (Vec::new(), Vec::new(), Vec::new());
        let mut megabytes = f64::NAN;
        for _ in 0..rounds {
            seconds.push(milliseconds(&mut form.pack(&self.tree, &file))? / 1e3);
            let found = file.metadata().map_err(failure::file("look at", &file))?;
            #[allow(clippy::cast_precision_loss, reason = "some hundred megabytes")]
            let size = found.len() as f64 / 1e6;
            megabytes = size;
            in_a_row.push(self.mounted(form, &file, one_after_the_other)?);
            random.push(self.mounted(form, &file, at_random)?);
            std::fs::remove_file(&file).map_err(failure::file("remove", &file))?;
        }
        let median = |values: Vec<f64>| Samples::of(values).median();
        let (seconds, in_a_row, at_random) = (median(seconds), median(in_a_row), median(random));
        let measured = Measured { megabytes, seconds, in_a_row, at_random };
        say::note(&measured.row(form.name));
        Ok(measured)
    }

    /// Does something with the files of a packed tree that nobody has read yet.
    fn mounted(
        &self,
        form: &Form,
        file: &Utf8Path,
        measure: impl FnOnce(&TreeOfFiles) -> Result<f64, Failure>,
    ) -> Result<f64, Failure> {
        let options = ["-t", form.file_system, "-o", "loop,ro", file.as_str(), self.at.as_str()];
        milliseconds(bare("mount").args(options))?;
        let measured = TreeOfFiles::below(&self.at).and_then(|files| measure(&files));
        milliseconds(bare("umount").arg(self.at.as_str()))?;
        measured
    }
}
