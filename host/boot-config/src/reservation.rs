//! The address of a node, for a DHCP server.

use std::net::Ipv4Addr;

/// What a DHCP server is to give to a node. Names and addresses come from checked types: letters, digits and a few signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The name of the node.
    pub name: String,
    /// Its cards, as `aa:bb:cc:dd:ee:ff`.
    pub macs: Vec<String>,
    /// Its address, where it has one of its own.
    pub address: Option<Ipv4Addr>,
}
