//! The logs: for each image, and for kernels and modules, what operations did, with what the tools printed.

mod heading;
mod line;
mod lines;
mod logged;
mod writing;

pub use logged::Logged;
pub(crate) use writing::{begins, ends_badly, ends_well};
