//! Journals: whatever a crash or a disk left of one, its whole lines count and its torn last line does not.

use disklessset::fuzzing::journal;

pub(super) fn run(data: &[u8]) {
    let state = journal(data);
    let whole = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    assert_eq!(journal(&data[..whole]), state);
    assert!(!state.is_blank() || !state.needs_recovery());
}
