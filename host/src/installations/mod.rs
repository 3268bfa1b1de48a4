//! Creations under way and what actions acquire: the records that make every crash clean up.

pub mod effect;
pub mod facts;
pub mod format;
mod home;
pub mod journal;
pub mod registry;
pub(crate) mod sudden_end;

pub use effect::Effect;
pub use facts::{Open, State};
pub use format::{Entries, Installation};
pub use home::Home;
pub use journal::Journal;
pub use registry::{Installations, RegistryError, image_lock, is_held};
