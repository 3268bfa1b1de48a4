//! The embedded boot server: the HTTP tree, served as an unprivileged web server would serve it.
//!
//! It runs as root, so it looks at the mode bits itself: what Apache or nginx could not read is
//! 403 here too, and a boot that works here works there. It knows nothing of images or proofs; a
//! caller who wants to know what was fetched passes an [`Observer`].

mod counted;
mod files;
mod server;
mod tree;

pub use server::{Observer, RequestReport, Transfer, serve};
pub use tree::{HIDDEN_FILE, OpenError, ServedTree};
