//! The address that this machine has in the network.

use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use std::net::Ipv4Addr;

/// The first IPv4 address of an interface that is up, and no loopback.
pub fn own_address() -> Option<Ipv4Addr> {
    let interfaces = getifaddrs().ok()?;
    let usable = interfaces.filter(|interface| {
        interface.flags.contains(InterfaceFlags::IFF_UP)
            && !interface.flags.contains(InterfaceFlags::IFF_LOOPBACK)
    });
    usable
        .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
        .find(|address| !address.is_loopback())
}
