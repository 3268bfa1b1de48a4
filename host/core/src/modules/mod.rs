//! The room of modules: which there are, whether they may be loaded, loading them, and running their steps.
//!
//! It goes in two phases. [`registry::ModuleRegistry::scan`] reads the identity notes of all files of the modules
//! directory, which runs nothing of them and costs microseconds a file: enough to list modules, to find the module of a
//! class and to complete names. Only the modules that an action needs are loaded.

pub mod action_rules;
pub mod check;
pub mod classes;
pub mod description;
mod doubles;
mod elf;
mod glibc;
mod inheritance;
pub mod layout;
pub mod load_error;
pub mod loader;
pub mod names;
pub mod new;
pub mod note;
pub mod refusal;
pub mod registry;
pub mod session;
pub mod signature;
mod source_rules;
mod sources;
pub mod trust;
mod waiting;

pub use classes::{Classes, OfferedAction};
pub use description::{Action, DescribedClass, DescribedSource, Description, DescriptionError};
pub use glibc::GlibcVersion;
pub use load_error::LoadError;
pub use loader::{LoadedModule, load};
pub use names::{ClassName, HOST_COMMANDS, ModuleName, NameRefused, SourceName};
pub use note::{FileIdentity, Identity, Inspected, NotedClass, host_api, inspect};
pub use refusal::Refusal;
pub use registry::{ChainLink, ModuleEntry, ModuleRegistry, ModuleState, SourceUnavailable, Unavailable};
pub use session::HostService;
pub use sources::LeftOutSource;
pub use trust::{Trust, Untrusted};
