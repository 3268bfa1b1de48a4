//! Who asks through a proxy.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Proxies that are believed about whom they ask for.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Those with an address in one of these networks.
    #[must_use]
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The client of a connection: through trusted proxies, the last address in `X-Forwarded-For` that is none of theirs. Each proxy puts whom
    /// it heard behind what came: whatever stands before the client's address, the client may have made up.
    pub(crate) fn client(&self, peer: SocketAddr, forwarded: Option<&str>) -> SocketAddr {
        let mut before = forwarded.unwrap_or_default().rsplit(',');
        let mut client = peer;
        while self.have(client.ip()) {
            let Some(address) = before.next().and_then(address) else { break };
            client = SocketAddr::new(address, 0);
        }
        client
    }

    fn have(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address, which some proxies write with its port.
fn address(word: &str) -> Option<IpAddr> {
    let word = word.trim();
    let with_port = || word.parse::<SocketAddr>().ok().map(|address| address.ip());
    word.parse().ok().or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &str) -> String {
        let proxies = ["10.0.0.250/32", "10.9.0.0/16", "fd00::/64"].map(|text| text.parse().unwrap());
        let peer = SocketAddr::new(peer.parse().unwrap(), 1024);
        TrustedProxies::new(proxies.to_vec()).client(peer, Some(forwarded)).ip().to_string()
    }

    #[test]
    fn a_trusted_proxy_is_believed_about_the_last_address_that_is_no_proxys() {
        for (peer, forwarded, expected) in [
            ("10.0.0.250", "10.0.0.5", "10.0.0.5"),
            ("10.0.0.250", "10.0.0.5, 10.9.1.2", "10.0.0.5"),
            ("10.0.0.250", "10.0.0.9, 10.0.0.5", "10.0.0.5"),
            ("fd00::1", "fd01::5", "fd01::5"),
            ("10.0.0.250", "[fd01::5]:4711,10.9.1.2", "fd01::5"),
            ("10.0.0.250", "::ffff:10.0.0.5", "10.0.0.5"),
            ("10.0.0.250", "10.9.1.2", "10.9.1.2"),
        ] {
            assert_eq!(client(peer, forwarded), expected, "{peer} {forwarded}");
        }
    }

    #[test]
    fn what_is_no_address_and_what_others_say_is_not_believed() {
        assert_eq!(client("10.0.0.6", "10.0.0.5"), "10.0.0.6", "no proxy of the site");
        for nonsense in ["", ",", "unknown", "10.0.0.5 x", "10.0.0.5,", "10.0.0.0/8", "localhost", "\u{0}"] {
            assert_eq!(client("10.0.0.250", nonsense), "10.0.0.250", "{nonsense:?}");
        }
        assert_eq!(client("10.0.0.250", &"10.9.0.1,".repeat(2000)), "10.0.0.250");
        let nobody = TrustedProxies::default();
        let peer = SocketAddr::from(([10, 0, 0, 250], 80));
        assert_eq!(nobody.client(peer, Some("10.0.0.5")), peer);
    }
}
