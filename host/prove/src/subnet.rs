//! The network of one machine.

use super::boot_file::ENTRY_PATH;

/// The network of one machine: 10.0.N.0/24, in which this server is 10.0.N.2. By the address a request names the
/// server with, the machine that asks is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subnet(u8);

impl Subnet {
    /// QEMU's own choice.
    const FIRST: u8 = 2;
    /// How many machines can have one.
    pub(super) const MOST: usize = 64;
    /// The part of an address that is the network's.
    pub(super) const PREFIX: u8 = 24;

    /// The network of the machine with that place in the order; none beyond [`Subnet::MOST`].
    pub(super) fn of(machine: usize) -> Option<Self> {
        let offset = u8::try_from(machine).ok().filter(|_| machine < Self::MOST)?;
        Some(Self(Self::FIRST + offset))
    }

    /// The place in the order of the machine that calls this server `host` (with or without a port).
    pub(super) fn machine_calling(host: &str) -> Option<usize> {
        let third = host.split(':').next()?.strip_prefix("10.0.")?.strip_suffix(".2")?;
        usize::from(third.parse::<u8>().ok()?).checked_sub(usize::from(Self::FIRST))
    }

    /// The network itself.
    pub(super) fn network(self) -> [u8; 4] {
        [10, 0, self.0, 0]
    }

    /// This server in it.
    pub(super) fn server(self) -> [u8; 4] {
        [10, 0, self.0, 2]
    }

    /// The machine in it.
    pub(super) fn machine(self) -> [u8; 4] {
        [10, 0, self.0, 15]
    }

    /// The address of the machine's network card.
    pub(super) fn mac(self) -> String {
        format!("52:54:00:12:34:{:02x}", self.0)
    }

    /// The interface of this server at the machine's network card, where there is one.
    pub(super) fn interface(self) -> String {
        format!("prove{}", self.0)
    }

    /// The address of a file on the boot server, as the machine fetches it.
    pub(super) fn url(self, path: &str) -> String {
        format!("http://{}/{path}", dotted(self.server()))
    }

    /// Where iPXE begins.
    pub(super) fn entry(self) -> String {
        self.url(ENTRY_PATH)
    }
}

/// An address as people write it.
pub(super) fn dotted(address: [u8; 4]) -> String {
    std::net::Ipv4Addr::from(address).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_known_by_what_it_calls_the_server() {
        for machine in [0, 1, Subnet::MOST - 1] {
            let server = dotted(Subnet::of(machine).unwrap().server());
            assert_eq!(Subnet::machine_calling(&server), Some(machine));
            assert_eq!(Subnet::machine_calling(&format!("{server}:80")), Some(machine));
        }
        assert_eq!(Subnet::of(Subnet::MOST), None);
        for other in ["", "10.0.1.2", "10.0.2.3", "localhost", "10.0.300.2"] {
            assert_eq!(Subnet::machine_calling(other), None, "{other}");
        }
    }
}
