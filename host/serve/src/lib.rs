//! The boot server: the directories that nodes fetch from, served as an unprivileged web server would serve them.
//!
//! Even as root it looks at the mode bits itself: what Apache or nginx could not read is 403 here too, and a boot that
//! works here works there. It changes nothing, and knows of images no more than their files tell; a caller who wants
//! to know what was fetched passes an [`Observer`].
//!
//! HTTP is GET and HEAD alone, and files go out by `sendfile`. The one thing that may be sent here is what a node reports when it is up, to
//! the [`Desk`] of the caller, who has pages, too.

mod access_log;
mod answer;
mod connection;
mod desk;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod limits;
mod privileges;
mod proxies;
mod report;
mod request;
mod send;
mod server;
mod sockets;
mod station;
mod tftp;
mod tree;

pub use access_log::{AccessLog, Writing};
pub use desk::{Desk, Said};
pub use limits::Limits;
pub use privileges::{PrivilegesError, give_to_server, give_up_root};
pub use proxies::TrustedProxies;
pub use report::{Observer, RequestReport, Transfer};
pub use server::{Server, serve};
pub use sockets::{ListenError, Sockets};
pub use station::run;
pub use tree::{HIDDEN_FILE, OpenError, ServedPlaces, ServedTree};
