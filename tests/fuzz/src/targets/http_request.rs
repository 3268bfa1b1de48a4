//! Heads of HTTP requests, their ranges, and paths of TFTP: all that the boot server reads of strangers.

use crate::text;
use disklessset::serve::fuzzing;

pub(super) fn run(data: &[u8]) {
    for head in fuzzing::heads(data) {
        match head {
            Ok(path) => stays_below(&path),
            Err(status) => assert!((400..600).contains(&status)),
        }
    }
    let Some(text) = text(data) else { return };
    if let Some(path) = fuzzing::tftp_path(text) {
        stays_below(&path);
    }
    for length in [0, 1, 1000, u64::MAX] {
        let parts = fuzzing::range(text, length).unwrap_or_default();
        assert!(parts.len() <= 16);
        assert!(parts.iter().all(|part| part.start < part.end && part.end <= length), "{parts:?}");
        let sum: u128 = parts.iter().map(|part| u128::from(part.end - part.start)).sum();
        assert!(sum <= u128::from(length), "{parts:?}");
    }
}

fn stays_below(path: &str) {
    assert!(!path.starts_with('/'), "{path:?}");
    assert!(path.split('/').all(|part| !matches!(part, "." | "..")), "{path:?}");
}
