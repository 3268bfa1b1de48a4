//! The address that a node has in the network.

use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, str::FromStr};

/// An IPv4 or IPv6 address that one node can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeAddress(IpAddr);

/// Why a text is no address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the address of a node: {fault}")]
pub struct NodeAddressError {
    text: String,
    fault: &'static str,
}

impl NodeAddress {
    /// The address.
    pub fn ip(&self) -> IpAddr {
        self.0
    }
}

impl FromStr for NodeAddress {
    type Err = NodeAddressError;

    fn from_str(text: &str) -> Result<Self, NodeAddressError> {
        let refuse = |fault| Err(NodeAddressError { text: text.chars().take(60).collect(), fault });
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            return refuse("it is written as 10.0.0.1 or fd00::1, without a mask");
        };
        // One address has one form, or two nodes could have it.
        let address = address.to_canonical();
        let broadcast = matches!(address, IpAddr::V4(v4) if v4.is_broadcast());
        match address {
            _ if address.is_unspecified() => refuse("it is all zeros"),
            _ if address.is_loopback() => refuse("each machine has it for itself"),
            _ if address.is_multicast() || broadcast => refuse("it is the address of many"),
            _ => Ok(Self(address)),
        }
    }
}

impl fmt::Display for NodeAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for NodeAddress {
    type Error = NodeAddressError;

    fn try_from(text: String) -> Result<Self, NodeAddressError> {
        text.parse()
    }
}

impl From<NodeAddress> for String {
    fn from(address: NodeAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nodes_are_kept_in_one_form() {
        for (text, kept) in
            [("10.0.0.1", "10.0.0.1"), ("FD00:0::1", "fd00::1"), ("::ffff:10.0.0.1", "10.0.0.1")]
        {
            assert_eq!(text.parse::<NodeAddress>().unwrap().to_string(), kept);
        }
    }

    #[test]
    fn what_no_node_can_have_is_refused_in_one_line() {
        for bad in [
            "",
            "10.0.0",
            "10.0.0.1/24",
            "10.0.0.256",
            "node",
            "0.0.0.0",
            "::",
            "127.0.0.1",
            "::1",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "10.0.0.1\n1",
        ] {
            let error = bad.parse::<NodeAddress>().expect_err(bad).to_string();
            assert!(error.contains("is not the address of a node") && !error.contains('\n'), "{error}");
        }
    }
}
