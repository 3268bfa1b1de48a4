//! What an observer from outside may know of a journal.

use super::{Effect, journal};
use crate::system::layout::Layout;
use camino::Utf8PathBuf;

/// The targets of the mounts that the journal of an image has. A journal that cannot be read has none: who compares them with what is
/// mounted then finds too many mounts, and says so.
pub fn mounts_on_record(layout: &Layout, image: &str) -> Vec<Utf8PathBuf> {
    let path = journal::place(layout, image);
    let open = journal::read(&path).map(|state| state.open).unwrap_or_default();
    let target = |effect: Effect| match effect {
        Effect::Mount { mount } => Some(mount.target().to_owned()),
        Effect::PersistentOverlay { overlay } => Some(overlay.target),
        _ => None,
    };
    open.into_iter().filter_map(|open| target(open.effect)).collect()
}
