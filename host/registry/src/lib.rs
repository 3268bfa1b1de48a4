//! Versions of images to and from OCI registries.
//!
//! What a version is, and how one comes into service, is the core's business; how a registry is talked to that of `disklessset-oci`. This
//! crate has what is between the two: whom a command line means, and what is sent and fetched in which order.

mod connection;
mod failure;
mod os_images;
mod pools;
mod pull;
mod push;
mod signature;
mod small;
mod stop;
mod telling;
mod upstream;

pub use connection::{Connected, Connection};
pub use failure::of as error_of;
pub use os_images::FromRegistries;
pub use pools::{PoolRepository, PushPools, PushedPools};
pub use pull::{Pull, Pulled, Signature};
pub use push::{Push, Pushed, Tree};
pub use upstream::Repository;
