//! Images: their records, statuses and boot files, and the manager that leads every action on them.

pub mod boot_file;
pub mod generation;
pub mod legacy_record;
pub mod manager;
pub mod operation;
pub mod parameters;
pub mod record;
pub mod status;

mod actions;
mod cleaning;
mod listing;
mod services;

pub use listing::ListedImage;
pub use manager::ImageManager;
pub use record::ImageRecord;
pub use status::ImageStatus;
