//! What servers of others need so that nodes boot from this one: iPXE as files that firmware fetches, and configurations of DHCP and web
//! servers.
//!
//! A configuration is text made from a [`Place`], the loaders that are there, and reservations for nodes. Nothing here reads the
//! configuration of the site, and nothing but the loaders is written.

mod apache;
mod copy;
mod dnsmasq;
mod kea;
mod loader;
mod nginx;
mod nginx_cache;
mod own_address;
mod place;
mod reservation;
mod waiting;

pub use copy::{Copied, CopyError, copy, lacking, packages};
pub use loader::{Architecture, Loader, Loaders};
pub use own_address::own_address;
pub use place::{Directories, Place, PlaceError};
pub use reservation::Reservation;
pub use waiting::WaitingScript;

/// A server that a configuration is printed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// DHCP and TFTP in one.
    Dnsmasq,
    /// A server of DHCP alone.
    Kea,
    /// A web server.
    Nginx,
    /// A cache in a rack.
    NginxCache,
    /// A web server.
    Apache,
}

impl Server {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 5] = [Self::Dnsmasq, Self::Kea, Self::Nginx, Self::NginxCache, Self::Apache];

    /// The word for it on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq",
            Self::Kea => "kea",
            Self::Nginx => "nginx",
            Self::NginxCache => "nginx-cache",
            Self::Apache => "apache",
        }
    }

    /// Whether it hands out addresses, so that loaders and nodes stand in its configuration.
    pub fn is_for_dhcp(self) -> bool {
        matches!(self, Self::Dnsmasq | Self::Kea)
    }

    /// Its configuration. `nodes` is `None` where addresses are for whoever asks.
    pub fn configuration(self, place: &Place, loaders: &Loaders, nodes: Option<&[Reservation]>) -> String {
        match self {
            Self::Dnsmasq => dnsmasq::configuration(place, loaders, nodes),
            Self::Kea => kea::configuration(place, loaders, nodes),
            Self::Nginx => nginx::configuration(place),
            Self::NginxCache => nginx_cache::configuration(place),
            Self::Apache => apache::configuration(place),
        }
    }
}
