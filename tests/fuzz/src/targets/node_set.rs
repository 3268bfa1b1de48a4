//! Sets of nodes: what is written out of one reads back as the same, and names nobody else.

use crate::{one_line, text};
use disklessset_kit::node_set::{MOST, NodeSet};

/// Larger sets take long to fold and show nothing new.
const FOLDED: usize = 5000;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match text.parse::<NodeSet>() {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(set) => {
            assert!(!set.is_empty() && set.len() <= MOST);
            if set.len() > FOLDED {
                return;
            }
            for node in set.iter() {
                let name = node.as_str();
                assert!(!name.contains('/') && !name.starts_with('.') && !name.starts_with('-'), "{name:?}");
                let letters = name.trim_start_matches(|sign: char| sign.is_ascii_digit());
                let first = letters.chars().next();
                assert!(first.is_none_or(|sign| text.contains(sign)), "{name:?} is of nobody's making");
            }
            let written = set.to_string();
            assert_eq!(NodeSet::parse_recorded(&written).as_ref(), Ok(&set), "{written}");
            assert_eq!(written.parse::<NodeSet>().as_ref(), Ok(&set), "{written}");
            assert_eq!(set.union(&set), set);
            assert!(set.difference(&set).is_empty());
        }
    }
}
