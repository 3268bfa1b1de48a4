//! Reads the inventories that sites have, each in the form that its own tool writes, into one shape: what is said of which node, and where.
//!
//! A reader takes words out of its form and judges nothing that is true of nodes everywhere: names, addresses and parameters are judged by
//! the types of the node file, when [`Found::apply`] brings them there.

mod ansible;
mod apply;
mod csv_table;
mod dnsmasq;
mod entry;
mod error;
mod ethers;
mod kind;
mod read;
mod text;
mod warewulf;
mod xcat;
mod yaml_nodes;

pub use entry::{Entry, Found};
pub use error::ReadError;
pub use kind::{Kind, UnknownKind};
pub use read::{MOST_BYTES, read};
