//! Which versions may go.

use super::{History, Version};
use disklessset_oci::names::VersionNumber;
use jiff::{SignedDuration, Timestamp};

/// How long a version stays after it was current, or named by a pool: a node may be fetching it.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// The versions that nobody needs: not among the newest `keep`, not current, without a tag, and neither current nor named by a pool within the
/// last hour.
pub(crate) fn prunable(
    history: &History,
    current: Option<VersionNumber>,
    keep: usize,
    now: Timestamp,
) -> Vec<VersionNumber> {
    let older = history.versions().len().saturating_sub(keep);
    let needed = |version: &&Version| {
        Some(version.number) == current
            || history.tags().values().any(|tagged| *tagged == version.number)
            // A clock that was set back makes it stay.
            || [version.withdrawn, version.unnamed].into_iter().flatten().any(|then| now.duration_since(then) < GRACE)
    };
    history.versions()[..older].iter().filter(|version| !needed(version)).map(|v| v.number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::history::tests::version;

    fn number(number: u64) -> VersionNumber {
        VersionNumber::new(number).unwrap()
    }

    #[test]
    fn the_newest_the_current_the_tagged_and_those_of_the_last_hour_stay() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ago = |minutes: i64| Some(now - SignedDuration::from_mins(minutes));
        let mut history = History::default();
        for (n, withdrawn) in [(1, ago(61)), (2, ago(59)), (3, ago(600)), (4, None), (5, None), (6, None)] {
            history.push(Version { withdrawn, ..version(n) });
        }
        history.get_mut(number(5)).unwrap().unnamed = ago(59);
        history.tag(&"tested".parse().unwrap(), number(3));
        assert_eq!(prunable(&history, Some(number(4)), 2, now), [number(1)]);
        assert_eq!(prunable(&history, None, 2, now), [number(1), number(4)]);
        assert_eq!(prunable(&history, None, 1, now), [number(1), number(4)]);
        assert_eq!(prunable(&history, None, 6, now), []);
        assert_eq!(prunable(&history, None, 9, now), []);
    }
}
