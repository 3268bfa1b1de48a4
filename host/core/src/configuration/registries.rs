//! What the configuration says about registries.

use camino::Utf8PathBuf;
use disklessset_oci::names::{Host, RegistryReference, Target};
use serde::{Deserialize, Deserializer, de::Error};
use std::{fmt::Display, str::FromStr};

/// How registries are talked to, by every command that does so. A login is no part of it: files of podman, skopeo and docker have those.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registries {
    /// Files of PEM certificates that are trusted beside those of the server.
    #[serde(default)]
    pub certificates: Vec<Utf8PathBuf>,
    /// Hosts, with their ports, that are talked to by plain HTTP.
    #[serde(default, deserialize_with = "hosts")]
    pub plain_http: Vec<Host>,
}

/// A repository of a registry, without tag and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MirroredRepository(pub(super) RegistryReference);

impl<'de> Deserialize<'de> for MirroredRepository {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let address: RegistryReference = parsed(&String::deserialize(deserializer)?)?;
        if address.target.is_some() {
            return Err(D::Error::custom(format!(
                "{address} has a tag or a digest: a mirror brings all of a repository"
            )));
        }
        Ok(Self(address))
    }
}

/// A tag of a registry that names nodes and pools, or a repository, whose usual tag for them is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MirroredNodes(pub(super) RegistryReference);

impl<'de> Deserialize<'de> for MirroredNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let address: RegistryReference = parsed(&String::deserialize(deserializer)?)?;
        match address.target {
            Some(Target::Digest(_)) => Err(D::Error::custom(format!(
                "{address} names a digest: a mirror follows a tag of nodes and pools"
            ))),
            _ => Ok(Self(address)),
        }
    }
}

fn hosts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Host>, D::Error> {
    Vec::<String>::deserialize(deserializer)?.iter().map(|text| parsed(text)).collect()
}

fn parsed<T: FromStr<Err: Display>, E: Error>(text: &str) -> Result<T, E> {
    text.parse().map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use crate::configuration::Configuration;

    #[test]
    fn registries_are_read_and_what_cannot_be_one_is_refused() {
        let text = "registries: {certificates: [/etc/site.pem], plain_http: ['r.example:5000']}\n\
                    mirror: [r.example:5000/images/web01]\nmirror_pools: r.example:5000/images/site\n";
        let found = Configuration::parse(text).unwrap();
        assert_eq!(found.registries.certificates, ["/etc/site.pem"]);
        assert_eq!(found.registries.plain_http[0].as_str(), "r.example:5000");
        assert_eq!(found.mirror()[0].to_string(), "r.example:5000/images/web01");
        assert_eq!(found.mirror_pools().unwrap().to_string(), "r.example:5000/images/site");
        let digest = format!("mirror_pools: h/r@sha256:{}\n", "0".repeat(64));
        for bad in [
            "mirror: [web01]\n",
            "mirror_pools: [h/r]\n",
            digest.as_str(),
            "mirror: ['h/r:v1']\n",
            "mirror: ['https://h/r']\n",
            "registries: {plain_http: ['http://h']}\n",
            "registries: {login: x}\n",
        ] {
            let reason = Configuration::parse(bad).expect_err(bad);
            assert!(!reason.contains('\n'), "{reason}");
        }
    }
}
