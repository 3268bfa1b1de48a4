//! The manager that leads every action on images.

mod action_checks;
mod actions;
mod bases;
mod classes;
mod cleaning;
mod clearing;
mod comparing;
mod creation;
mod definitions;
mod host_action;
mod kernel;
mod logs;
mod manager;
mod parameters;
mod recovery;
mod registering;
mod removal;
mod services;
mod showing;
mod source_trial;
mod text_parameters;
mod tools;
mod verification;
mod versioned;
mod versions;

pub use bases::KeptBase;
pub use classes::ListedClass;
pub use cleaning::CleanReport;
pub use cleaning::MODULES;
pub use comparing::ImageComparison;
pub use definitions::{Definition, DefinitionChange, Plan, PlannedImage, PlannedStep, Rebuilt, read_secret};
pub use manager::ImageManager;
pub use parameters::ParametersFile;
pub use showing::ShownImage;
pub use versions::{
    ListedVersion, MOST_OF_SIGNATURE, Outgoing, PullPlan, ShownFile, ShownVersion, TakenIn, VersionState,
};
