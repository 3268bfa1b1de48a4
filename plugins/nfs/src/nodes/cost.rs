//! What copies for nodes cost, told before the first of them is made: who hears of it in time takes overlays instead.

use camino::Utf8Path;
use disklessset_kit::{
    space::{Need, time_to_write},
    trees::Wanted,
};
use disklessset_plugin_api::Host;
use disklessset_system::bytes::Bytes;
use std::time::Duration;

/// Copies of so much in all are made before a line about them was read, in bytes.
const LITTLE: u64 = 1 << 30;

/// Tells the space of so many copies, and the time at the speed with which the disk writes.
pub(super) fn tell(nodes: usize, all: Need, beside: &Utf8Path, wanted: Wanted, host: &Host<'_>) {
    if all.bytes < LITTLE {
        return;
    }
    let line = line(nodes, all, beside, time_to_write(beside, all.bytes));
    match wanted {
        // Who asks for copies knows that there is another way.
        Wanted::Only(_) => host.info(line),
        Wanted::Auto => host.warn(format!("{line}; with --method overlay they take nearly nothing")),
    }
}

fn line(nodes: usize, all: Need, beside: &Utf8Path, time: Option<Duration>) -> String {
    let time = time.map(|time| format!(" and about {} s", time.as_secs().max(1))).unwrap_or_default();
    format!("the copies for {nodes} nodes take {} in {beside}{time}", Bytes(all.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_space_and_time_where_it_is_known() {
        let all = Need { bytes: 6 << 30, files: 200_000 };
        let place = Utf8Path::new("/work");
        let told = line(10, all, place, Some(Duration::from_millis(46_300)));
        assert_eq!(told, "the copies for 10 nodes take 6.0G in /work and about 46 s");
        assert_eq!(line(10, all, place, None), "the copies for 10 nodes take 6.0G in /work");
    }
}
