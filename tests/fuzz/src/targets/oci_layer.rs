//! Layers of OCI images: tar archives of anybody's making, perhaps compressed.

use crate::one_line;
use disklessset_kit::fuzzing::{Seen, layer};

/// What a layer may unpack to here; a real one is bounded by the room on the disk.
const MOST: u64 = 4 << 20;

pub(super) fn run(data: &[u8]) {
    if let Err(refusal) = layer(data, MOST, check) {
        one_line(&refusal);
    }
}

fn check(seen: Seen) {
    for (at, part) in seen.parts.iter().enumerate() {
        assert!(!part.is_empty() && !part.contains(&b'/') && !part.contains(&0), "{part:?}");
        assert!(part != b"." && part != b"..", "leads elsewhere");
        let last = at + 1 == seen.parts.len();
        assert!(!seen.is_put || !part.starts_with(b".wh.") || !last, "puts a removal");
    }
    assert!(seen.read <= seen.stored && seen.stored <= i64::MAX as u64);
    let Some((length, pieces)) = seen.sparse else { return };
    let mut end = 0;
    for (offset, count) in &pieces {
        assert!(*offset >= end, "pieces lie in each other");
        end = offset.checked_add(*count).expect("pieces end");
    }
    assert!(end <= length && pieces.iter().map(|(_, count)| count).sum::<u64>() == seen.stored);
}
