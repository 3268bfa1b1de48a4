//! disklessset makes and manages diskless operating system images.
//!
//! This library is the whole tool but for its command line: open a [`Site`], work with an [`ImageManager`] or a
//! [`KernelManager`]. All of that is in the crate `disklessset-core`, whose first page says which rooms there are. Above it:
//!
//! - [`program`]: the whole program; `cli`, `menu` and `output`: commands, questions, and all that is printed or asked;
//! - `disklessset-check`: tries a module's classes in a throw-away root;
//! - [`prove`]: boots an image in a throw-away machine as a node would; [`serve`]: the HTTP tree as a web server gives it. Each is a
//!   crate of its own, too;
//! - `disklessset-registry`: versions of images to and from OCI registries.
//!
//! `tests/rooms.rs` has the order of rooms and crates, and fails where one uses another above it.

mod cli;
mod menu;
mod output;
pub mod program;
mod reference;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub use disklessset_core::fuzzing;
pub use disklessset_core::{
    ActionSpec, Activity, ActivityState, Cancel, Checked, CheckedKind, CleanReport, Digests, Error,
    ErrorKind, Fault, Image, ImageComparison, ImageManager, ImageName, ImageStatus, KernelManager,
    KernelVersion, Level, ListedClass, ListedImage, ListedKernel, Observer, ParametersFile, Raw, Result,
    Severity, ShownImage, Silent, Site, SiteOptions, Wait, exit_code, stop_on_signals,
};
// Rooms of the library below that are not for others: they change without notice.
use disklessset_boot_config as boot_config;
use disklessset_core::{comparison, images, mirror, needs, nodes, out_of_space, records, versions};
#[doc(hidden)]
pub use disklessset_core::{
    configuration, failure, integrity, module_changes, modules, observer, site, system,
};
use disklessset_inventory as inventory;
pub use disklessset_prove as prove;
use disklessset_registry as registry;
pub use disklessset_serve as serve;
