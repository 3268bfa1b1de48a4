//! Proxies that are believed.

use ipnet::IpNet;
use serde::Deserialize;
use std::net::IpAddr;

/// An address, or a network as `10.0.0.0/24`; not all addresses there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct ProxyNetwork(pub(super) IpNet);

impl TryFrom<String> for ProxyNetwork {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let network: Option<IpNet> = text.parse().ok().or_else(|| Some(text.parse::<IpAddr>().ok()?.into()));
        match network {
            Some(network) if network.prefix_len() == 0 => {
                Err(format!("{text:?} is everybody: nodes themselves would be believed"))
            }
            Some(network) => Ok(Self(network)),
            None => Err(format!("{text:?} is no address and no network such as 10.0.0.0/24")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::configuration::Configuration;

    #[test]
    fn proxies_are_addresses_and_networks_and_not_everybody() {
        let text = "trusted_proxies: [10.0.0.250, 10.9.0.0/16, 'fd00::1']\n";
        let found: Vec<_> =
            Configuration::parse(text).unwrap().trusted_proxies().map(|of| of.to_string()).collect();
        assert_eq!(found, ["10.0.0.250/32", "10.9.0.0/16", "fd00::1/128"]);
        for bad in ["0.0.0.0/0", "::/0", "proxy.site", "10.0.0.0/33", "10.0.0", ""] {
            let error = Configuration::parse(&format!("trusted_proxies: ['{bad}']\n")).unwrap_err();
            assert!(error.contains("is everybody") || error.contains("is no address"), "{bad}: {error}");
        }
    }
}
