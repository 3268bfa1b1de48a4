//! Creations under way and what actions acquire: the records that make every crash clean up.

pub mod format;
pub mod journal;
pub mod registry;
pub mod undo;

pub use format::{Entries, Installation};
pub use journal::{Effect, Journal};
pub use registry::{Installations, RegistryError, image_lock};
