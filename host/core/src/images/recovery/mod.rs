//! What becomes of images on which something was interrupted: decided from what is known of them, then carried out.

mod carry_out;
mod class_recovery;
mod crashed_creations;
mod decision;
mod known;

pub(super) use carry_out::Recovered;
pub(super) use crashed_creations::{AT_A_TIME, Crashed};
pub(super) use decision::Recovery;
