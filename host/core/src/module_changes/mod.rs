//! The files of the modules directory come and go, by rename and never by overwriting: a process that runs from the old file
//! keeps it. Each change is on record, under the lock of the directory.

mod error;
mod load_here;
mod lock;
mod manager;
mod plan;
mod recovery;

pub use crate::module_files::{Installed, Signer};
pub use error::InstallError;
pub use load_here::load_here;
pub use manager::{ModuleFacts, ModuleManager};
pub use plan::{InstallPlan, RemovePlan};
pub(crate) use recovery::clean;
