//! Images as files: a definition is all that an image is made from, in one file that can be kept in git.

mod apply;
mod as_file;
mod checked;
mod differences;
mod digests;
mod edits;
mod file;
mod logins;
mod of_image;
mod origin;
mod paths;
mod reader;
mod rebuild;
mod secrets;

pub use apply::{Plan, PlannedImage, PlannedStep};
pub use differences::DefinitionChange;
pub(super) use digests::FileDigests;
pub use file::Definition;
pub use rebuild::Rebuilt;
pub(super) use secrets::SecretFiles;
pub use secrets::read_secret;
