//! Nodes by as many as are done in a moment: what costs the same for one as for many (a flush, the kernel's table of mounts) is
//! paid once for all of them, and a stop is heard between two.

use disklessset_kit::node_set::{NodeName, NodeSet};
use std::{
    time::{Duration, Instant},
    vec::IntoIter,
};

/// What some are to take. A stop is heard within a second then, on a server that is slower in the next moment, too.
const MOMENT: Duration = Duration::from_millis(400);
/// Never more.
const MOST: usize = 1024;

/// Goes through nodes. The first comes alone: what cannot be done shows with it.
pub(crate) struct Batches {
    left: IntoIter<NodeName>,
    pace: Pace,
    begun: Option<Instant>,
}

impl Batches {
    pub(crate) fn of(nodes: &NodeSet) -> Self {
        Self { left: nodes.iter().collect::<Vec<_>>().into_iter(), pace: Pace::START, begun: None }
    }
}

impl Iterator for Batches {
    type Item = Vec<NodeName>;

    fn next(&mut self) -> Option<Vec<NodeName>> {
        if let Some(begun) = self.begun {
            self.pace.learn(begun.elapsed());
        }
        self.begun = Some(Instant::now());
        let batch: Vec<NodeName> = self.left.by_ref().take(self.pace.size).collect();
        (!batch.is_empty()).then_some(batch)
    }
}

/// How many come next, from what those before took. Some of the time is for each node and some for all, and only what is for each becomes
/// less with fewer: on a disk whose flush takes long, few at a time would take for ever.
struct Pace {
    size: usize,
    /// How many there were before, and their seconds.
    before: Option<(usize, f64)>,
    /// Seconds for each node, as far as that is known.
    each: f64,
}

impl Pace {
    const START: Self = Self { size: 1, before: None, each: 0.0 };

    fn learn(&mut self, took: Duration) {
        let (size, took) = (self.size as f64, took.as_secs_f64());
        match self.before {
            Some((other, seconds)) if other != self.size => {
                self.each = ((took - seconds) / (size - other as f64)).max(0.0);
            }
            // As many took longer: the server is slower now.
            Some((_, seconds)) if took > 1.5 * seconds => self.each = took / size,
            _ => {}
        }
        let each = self.each.min(took / size);
        let for_all = took - each * size;
        // What is for all is worth as much again for the nodes.
        let nodes = (MOMENT.as_secs_f64() - for_all).max(for_all);
        let wanted = if each > 0.0 { nodes / each } else { f64::INFINITY };
        self.before = Some((self.size, took));
        // `as` keeps to the bounds of the type.
        self.size = (wanted as usize).clamp((self.size / 2).max(1), (self.size * 2).min(MOST));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_come_once_and_in_order() {
        let nodes: NodeSet = "c[1-100]".parse().unwrap();
        let batches: Vec<Vec<NodeName>> = Batches::of(&nodes).collect();
        assert_eq!(batches[0].len(), 1);
        assert!(batches.into_iter().flatten().eq(nodes.iter()));
    }

    /// How many come at once after 20 times, where each takes so many milliseconds and all together so many more.
    fn settled(each: u64, for_all: u64) -> usize {
        let mut pace = Pace::START;
        for _ in 0..20 {
            pace.learn(Duration::from_millis(for_all + each * pace.size as u64));
        }
        pace.size
    }

    #[test]
    fn they_take_a_moment_and_what_all_cost_together_does_not_make_them_few() {
        assert_eq!(settled(0, 10), MOST);
        assert!((198..=200).contains(&settled(2, 0)), "{}", settled(2, 0));
        assert!((3..=4).contains(&settled(100, 0)));
        assert_eq!(settled(900, 0), 1);
        // A disk whose flush takes a third of a second, or a whole one.
        assert!((50..=75).contains(&settled(5, 300)), "{}", settled(5, 300));
        assert!((190..=210).contains(&settled(5, 1000)), "{}", settled(5, 1000));
    }

    #[test]
    fn a_server_that_becomes_slower_gets_fewer_at_once_and_a_hiccup_is_forgotten() {
        let mut pace = Pace { size: 200, before: Some((190, 0.38)), each: 0.002 };
        pace.learn(Duration::from_millis(400));
        for _ in 0..10 {
            pace.learn(Duration::from_millis(20 * pace.size as u64));
        }
        assert!((15..=25).contains(&pace.size), "{}", pace.size);
        pace.learn(Duration::from_secs(3));
        for _ in 0..20 {
            pace.learn(Duration::from_millis(2 * pace.size as u64));
        }
        assert!((180..=220).contains(&pace.size), "{}", pace.size);
    }
}
