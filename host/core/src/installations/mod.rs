//! Creations under way and what actions acquire: the records that make every crash clean up.

mod effect;
mod format;
pub(crate) mod home;
pub(crate) mod journal;
mod journal_path;
mod journal_state;
pub mod kill_point;
mod on_record;
mod registry;

pub(crate) use effect::Effect;
pub(crate) use format::{Entries, Installation};
pub(crate) use journal::Journal;
pub(crate) use journal_state::{HeldEffect, JournalState};
pub use on_record::mounts_on_record;
pub(crate) use registry::{Installations, image_lock, is_held};
