//! Journals: whatever a crash or a disk left of one, its whole lines count and its torn last line does not.

use disklessset::fuzzing::Journal;

pub(super) fn run(data: &[u8]) {
    let state = Journal::of(data);
    let whole = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    assert_eq!(Journal::of(&data[..whole]), state);
    assert!(!state.is_blank() || !state.needs_recovery());
}
