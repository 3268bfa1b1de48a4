//! Files of modules, without a look at what is in them: what is remembered of installed ones, and how they come and go.

mod files;
mod installed;

pub(crate) use files::{put_in, remove_copy, remove_leftovers, take_out};
pub(crate) use installed::Register;
pub use installed::{Installed, Signer};
