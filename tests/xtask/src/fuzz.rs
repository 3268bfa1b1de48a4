//! `cargo xtask fuzz`: every target of `tests/fuzz` under libFuzzer for some seconds.
//!
//! libFuzzer needs no other compiler than ours and C++: what counts the edges of the program is a pass that any rustc has.

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Output, Tool, interrupted};
use crate::failure::{self, Failure};
use crate::say;
use crate::source_tree::{SourceTree, cargo};

/// Edges are counted and comparisons are told to the fuzzer.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";
/// One input takes no longer, in seconds; most take microseconds.
const LONGEST: u64 = 20;
/// What a fuzzer may take in MiB, the inputs it keeps included.
const MEMORY: u64 = 2048;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FuzzRequest {
    /// Seconds for each target.
    pub(crate) seconds: u64,
    /// The targets, all when none is named.
    pub(crate) targets: Vec<String>,
    /// Whether what is found to be new goes into the corpus of the source tree, as few files as cover it.
    pub(crate) keep: bool,
}

/// Builds the fuzzers and runs them one after the other. What breaks a target is put into its corpus, so that the unit tests show it
/// from then on, and is an error; everything else is thrown away unless it is to be kept.
pub(crate) fn task(request: &FuzzRequest) -> Result<(), Failure> {
    let tree = SourceTree::find()?;
    let home = tree.root.join("tests/fuzz");
    let known = targets(&home)?;
    if let Some(unknown) = request.targets.iter().find(|name| !known.contains(name)) {
        return Err(Failure::Plain(format!("{unknown} is no target; there are {}", known.join(", "))));
    }
    let program = build(&home, &tree.target.join("fuzz"))?;
    let chosen = if request.targets.is_empty() { &known } else { &request.targets };
    let mut broken = Vec::new();
    for name in chosen {
        say::step(name);
        if !fuzz(&program, &home, &tree.target, name, request)? {
            broken.push(name.as_str());
        }
        if interrupted() {
            return Err(Failure::Interrupted);
        }
    }
    if broken.is_empty() {
        return Ok(());
    }
    Err(Failure::Plain(format!("broken: {}; what breaks them lies in tests/fuzz/corpus", broken.join(", "))))
}

/// The names of the targets: every one has its seeds.
fn targets(home: &Utf8Path) -> Result<Vec<String>, Failure> {
    let corpus = home.join("corpus");
    let entries = corpus.read_dir_utf8().map_err(failure::file("read", &corpus))?;
    let mut names: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_owned()).collect();
    names.sort();
    Ok(names)
}

fn build(home: &Utf8Path, dir: &Utf8Path) -> Result<Utf8PathBuf, Failure> {
    say::step("build the fuzzers");
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    // With a target named, build scripts and macros are not instrumented.
    let build = cargo().dir(&home.join("engine")).args(["build", "--locked", "--release", "--target", &host]);
    let build = build.args(["--target-dir", dir.as_str()]).env("RUSTFLAGS", INSTRUMENTED).minutes(30);
    build.run()?;
    Ok(dir.join(host).join("release/fuzz"))
}

/// Fuzzes one target; whether it kept its promises.
fn fuzz(
    program: &Utf8Path,
    home: &Utf8Path,
    target_dir: &Utf8Path,
    name: &str,
    request: &FuzzRequest,
) -> Result<bool, Failure> {
    let corpus = home.join("corpus").join(name);
    let scratch = tempfile::Builder::new().prefix("fuzz-").tempdir_in(target_dir);
    let scratch = scratch.map_err(failure::file("make a directory in", target_dir))?;
    let new = Utf8Path::from_path(scratch.path())
        .ok_or_else(|| Failure::Plain(format!("{} is not UTF-8", scratch.path().display())))?;
    let engine = Tool::new(program.as_str())
        .env("DISKLESSSET_FUZZ_TARGET", name)
        .args([
            format!("-timeout={LONGEST}"),
            format!("-rss_limit_mb={MEMORY}"),
            "-print_final_stats=1".into(),
        ])
        .arg(format!("-artifact_prefix={corpus}/found-"))
        .output(Output::Kept)
        .minutes(request.seconds / 60 + 10);
    let run = engine
        .clone()
        .arg(format!("-max_total_time={}", request.seconds))
        .args([new.as_str(), corpus.as_str()]);
    let done = run.run_to_end(|_| {})?;
    if !done.status.success() {
        done.last().for_each(say::line);
        return Ok(false);
    }
    say::note(&summary(done.last(), files(&corpus)?)?);
    if request.keep {
        let merged =
            engine.args(["-set_cover_merge=1", "-use_counters=0"]).args([corpus.as_str(), new.as_str()]);
        merged.run()?;
    }
    Ok(true)
}

/// How many files are in a folder.
fn files(dir: &Utf8Path) -> Result<usize, Failure> {
    Ok(dir.read_dir_utf8().map_err(failure::file("read", dir))?.count())
}

/// What libFuzzer says in the end, in one line. Without it, it did not fuzz.
fn summary<'l>(last: impl Iterator<Item = &'l str>, files: usize) -> Result<String, Failure> {
    let stats: Vec<(&str, &str)> =
        last.filter_map(|line| line.strip_prefix("stat::")?.split_once(':')).collect();
    let stat = |name: &str| {
        let found = stats.iter().find(|(known, _)| *known == name).map(|(_, value)| value.trim());
        found.ok_or_else(|| Failure::Plain(format!("libFuzzer does not say its {name}")))
    };
    let (executed, new) = (stat("number_of_executed_units")?, stat("new_units_added")?);
    let (slowest, memory) = (stat("slowest_unit_time_sec")?, stat("peak_rss_mb")?);
    Ok(format!(
        "{executed} inputs, of which {new} reached something new; {files} files in the corpus; slowest {slowest} s, memory {memory} MB"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_libfuzzer() {
        let lines = [
            "Done 9 runs in 1 second(s)",
            "stat::number_of_executed_units: 9",
            "stat::new_units_added:          2",
            "stat::slowest_unit_time_sec:    0",
            "stat::peak_rss_mb:              38",
        ];
        let line = summary(lines.into_iter(), 3).unwrap();
        assert_eq!(
            line,
            "9 inputs, of which 2 reached something new; 3 files in the corpus; slowest 0 s, memory 38 MB"
        );
        assert!(summary(lines[..2].iter().copied(), 3).is_err());
    }

    #[test]
    fn every_target_has_its_folder() {
        let tree = SourceTree::find().unwrap();
        assert!(targets(&tree.root.join("tests/fuzz")).unwrap().contains(&"node_set".to_owned()));
    }
}
