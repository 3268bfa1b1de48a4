//! What is on record of images, and what can be told from it: attributes, statuses, activities, boot files, users of kernels. Reading only.

mod activity;
pub(crate) mod boot_file;
mod directory;
pub mod file_names;
mod kernel_users;
pub(crate) mod legacy_record;
mod listing;
mod parts;
mod record;
pub(crate) mod refusals;
mod status;
mod store;

pub use activity::{Activity, ActivityState};
pub(crate) use kernel_users::{is_kernel_used, kernel_users};
pub use listing::ListedImage;
pub(crate) use record::{ImageRecord, MOST_BYTES, is_secret};
pub use status::ImageStatus;
pub(crate) use store::Records;
