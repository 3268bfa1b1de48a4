//! `cargo xtask bench nodes`: nodes and pools of large sites.

use super::Installed;
use super::demands::Demands;
use super::samples::{Samples, Strictness};
use super::site::{Site, write};
use crate::failure::Failure;
use crate::say;

/// So many nodes, and for a bench among tests.
const COUNTS: ([u32; 4], [u32; 3]) = ([500, 2_000, 10_000, 20_000], [100, 300, 600]);
const ROUNDS: usize = 7;
/// Milliseconds in which the largest node file is read.
const MOST_LOAD: f64 = 100.0;
/// Milliseconds of another image for all nodes of a pool.
const MOST_ASSIGN: f64 = 1_000.0;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    let counts: &[u32] = match strictness {
        Strictness::Fails => &COUNTS.0,
        Strictness::Told => &COUNTS.1,
    };
    let installed = Installed::build()?;
    let mut demands = Demands::of("nodes");
    let (mut imports, mut loads) = (Vec::new(), Vec::new());
    for count in counts {
        say::step(&format!("{count} nodes in a pool"));
        let site = Site::new(&installed, &format!("root-{count}"))?;
        for image in ["web", "desk"] {
            site.takes(&["demo", "create", image])?;
        }
        site.takes(&["pool", "set", "compute", "--image", "web"])?;
        let table = site.root().join("nodes.csv");
        write(&table, csv(*count).as_bytes())?;
        let import = site.takes(&["node", "import", table.as_str()])?;
        let load = Samples::take(ROUNDS, |_| site.takes(&["node", "show", "n1"]))?;
        let assign = Samples::take(ROUNDS, |round| {
            site.takes(&["pool", "set", "compute", "--image", ["desk", "web"][round % 2]])
        })?;
        say::note(&format!("import {import:.0} ms, one node shown {load} ms, another image {assign} ms"));
        imports.push((f64::from(*count), import));
        loads.push((f64::from(*count), load.median()));
        if Some(count) == counts.last() {
            demands.at_most(&format!("the node file of {count} nodes read, ms"), &load, MOST_LOAD);
            demands.at_most("another image for the pool, ms", &assign, MOST_ASSIGN);
        }
    }
    demands.grows("import of nodes", "node", imports);
    demands.grows("reading the node file", "node", loads);
    demands.verdict(strictness)
}

fn csv(count: u32) -> String {
    let mut text = "name,mac,address,pool\n".to_owned();
    for number in 1..=count {
        let bytes = number.to_be_bytes();
        text.push_str(&format!(
            "n{number},52:54:00:{:02x}:{:02x}:{:02x},10.{}.{}.{},compute\n",
            bytes[1], bytes[2], bytes[3], bytes[1], bytes[2], bytes[3]
        ));
    }
    text
}
