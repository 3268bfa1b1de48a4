//! Nodes by as many as are done in a moment: what costs the same for one as for many (a flush, the kernel's table of mounts) is
//! paid once for all of them, and a stop is heard between two.

use disklessset_kit::node_set::{NodeName, NodeSet};
use std::{
    time::{Duration, Instant},
    vec::IntoIter,
};

/// Shorter, and the next are twice as many.
const SHORT: Duration = Duration::from_millis(200);
/// Longer, and the next are half as many.
const LONG: Duration = Duration::from_millis(400);
/// Never more.
const MOST: usize = 1024;

/// Goes through nodes. The first comes alone: what cannot be done shows with it.
pub(crate) struct Batches {
    left: IntoIter<NodeName>,
    size: usize,
    begun: Option<Instant>,
}

impl Batches {
    pub(crate) fn of(nodes: &NodeSet) -> Self {
        Self { left: nodes.iter().collect::<Vec<_>>().into_iter(), size: 1, begun: None }
    }

    /// The number of nodes once the last one took so long.
    fn resize(&mut self, took: Duration) {
        if took < SHORT {
            self.size = (self.size * 2).min(MOST);
        } else if took > LONG {
            self.size = (self.size / 2).max(1);
        }
    }
}

impl Iterator for Batches {
    type Item = Vec<NodeName>;

    fn next(&mut self) -> Option<Vec<NodeName>> {
        if let Some(begun) = self.begun {
            self.resize(begun.elapsed());
        }
        self.begun = Some(Instant::now());
        let batch: Vec<NodeName> = self.left.by_ref().take(self.size).collect();
        (!batch.is_empty()).then_some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_nodes_come_once_in_order_and_what_takes_long_comes_in_small_parts() {
        let nodes: NodeSet = "c[1-100]".parse().unwrap();
        let batches: Vec<Vec<NodeName>> = Batches::of(&nodes).collect();
        assert_eq!(batches[..3].iter().map(Vec::len).collect::<Vec<_>>(), [1, 2, 4]);
        assert!(batches.into_iter().flatten().eq(nodes.iter()));
        let mut batches = Batches::of(&nodes);
        for (milliseconds, size) in [(10, 2), (10, 4), (300, 4), (500, 2), (900, 1), (900, 1)] {
            batches.resize(Duration::from_millis(milliseconds));
            assert_eq!(batches.size, size, "after {milliseconds} ms");
        }
    }
}
