//! What benches leave: a table and plots for each subject below `target/bench/`, with the machine that they were measured on.

use std::fmt::Write as _;

use camino::Utf8PathBuf;

use super::demands::Demands;
use super::{made_tree, plots, site};
use crate::command::{Output, Tool};
use crate::failure::Failure;
use crate::say;
use crate::source_tree::SourceTree;

/// Programs that are measured beside ours, with what has them say their version.
const PEERS: [(&str, &str); 8] = [
    ("mksquashfs", "-version"),
    ("cp", "--version"),
    ("rsync", "--version"),
    ("mmdebstrap", "--version"),
    ("ltsp", "--version"),
    ("nginx", "-v"),
    ("skopeo", "--version"),
    ("mkosi", "--version"),
];

/// Writes the files of a subject.
pub(super) fn write(subject: &str, demands: &Demands) -> Result<(), Failure> {
    let directory = SourceTree::find()?.root.join("target/bench");
    made_tree::make_dir(&directory)?;
    let table = directory.join(format!("{subject}.md"));
    site::write(&table, text(subject, demands).as_bytes())?;
    let plot = directory.join(format!("{subject}.svg"));
    plots::draw(&plot, &demands.bars, &demands.curves)
        .map_err(|cause| Failure::Plain(format!("cannot draw {plot}: {cause}")))?;
    say::note(&format!("table and plot: {table}, {plot}"));
    Ok(())
}

fn text(subject: &str, demands: &Demands) -> String {
    let mut text =
        format!("# {subject}\n\n{}\n\n| what | measured | demanded | |\n|---|---|---|---|\n", machine());
    for row in &demands.rows {
        let holds = if row.holds { "holds" } else { "**does not hold**" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {} | {} | {} | {holds} |", row.what, row.measured, row.demanded);
    }
    if !demands.told.is_empty() {
        let _ = writeln!(text, "\n{}", demands.told);
    }
    for curve in &demands.curves {
        let _ = writeln!(text, "\n| {} of {} | ms |\n|---|---|", curve.unit, curve.what);
        for (size, cost) in &curve.points {
            let _ = writeln!(text, "| {size} | {cost:.1} |");
        }
    }
    text
}

/// What the machine is, when it was measured, and the versions of what was measured beside ours.
fn machine() -> String {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let (processors, memory, load) = (read("/proc/cpuinfo"), read("/proc/meminfo"), read("/proc/loadavg"));
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let versions: Vec<String> = PEERS.iter().filter_map(|(tool, ask)| version(tool, ask)).collect();
    format!(
        "{} × {}, {} of memory, Linux {}, load {}. {}",
        cores,
        value(&processors, "model name"),
        value(&memory, "MemTotal"),
        read("/proc/sys/kernel/osrelease").trim(),
        load.split(' ').next().unwrap_or_default(),
        versions.join(" · ")
    )
}

/// The first line in which a tool tells its version; nothing of one that is not there.
fn version(tool: &str, ask: &str) -> Option<String> {
    let _: Utf8PathBuf = disklessset_tests::need::find_tool(tool)?;
    let said = Tool::new(tool).arg(ask).output(Output::Kept).run().ok()?;
    let line = said.stdout.lines().find(|line| !line.trim().is_empty())?;
    Some(line.trim().to_owned())
}
