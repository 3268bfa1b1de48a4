//! The server's `sources.list` and `.sources`: what an image gets of them is what was read, and reads back alike.

use crate::text;
use disklessset_kit::{
    fuzzing::{apt_list, apt_stanzas},
    source::distribution_sources,
};

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for entries in [apt_list(text), apt_stanzas(text)] {
        let Some(written) = distribution_sources(&entries, "bookworm", "bookworm") else { continue };
        let again = apt_stanzas(&written);
        assert!(!again.is_empty(), "{written:?} says nothing");
        assert_eq!(distribution_sources(&again, "bookworm", "bookworm"), Some(written));
        for entry in &again {
            assert!(entries.iter().any(|given| given.uris == entry.uris), "{entry:?} is of nobody's making");
        }
    }
}
