//! One action on one image: its lock, its journal, and what a class may do meanwhile.

mod acquire;
mod changing;
mod edited;
mod ending;
mod exports;
mod lock;
pub(crate) mod manifest;
pub(crate) mod mounts_of_1x;
pub(crate) mod next_state;
mod overlays;
mod publish;
mod reading;
mod seen;
mod staged_kernel;
mod subject;
mod telling;
pub(crate) mod undo;

pub use acquire::unique;
pub(crate) use changing::Operation;
pub(crate) use ending::with_left;
pub(crate) use lock::lock_image;
pub(crate) use next_state::NewFile;
pub(crate) use reading::Reading;
pub(crate) use staged_kernel::StagedKernel;
pub(crate) use subject::Subject;
