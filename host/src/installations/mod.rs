//! Creations under way and what actions acquire: the records that make every crash clean up.

pub mod effect;
pub mod format;
mod home;
pub mod journal;
pub mod journal_state;
pub(crate) mod kill_point;
pub mod registry;

pub use effect::Effect;
pub use format::{Entries, Installation};
pub use home::Home;
pub use journal::Journal;
pub use journal_state::{HeldEffect, JournalState};
pub use registry::{Installations, RegistryError, image_lock, is_held};
