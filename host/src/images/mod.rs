//! Images: their records, statuses and boot files, and the manager that leads every action on them.

pub mod boot_file;
pub mod legacy_record;
pub mod manager;
pub mod parameters;
pub mod record;
pub mod status;
mod tools;

mod actions;
mod activity;
mod cleaning;
mod clearing;
mod corrupted;
mod creation;
mod led;
mod listing;
mod removal;
mod services;
mod settling;
mod verification;

pub use activity::{Activity, ActivityState};
pub use cleaning::CleanReport;
pub(crate) use cleaning::MODULES;
pub use listing::{ListedImage, ShownImage};
pub use manager::ImageManager;
pub use parameters::ParametersFile;
pub use record::ImageRecord;
pub use status::ImageStatus;
