//! Nodes and pools in a registry: one artifact of their own kind, beside those of images.

use crate::{Connected, Connection, failure, small::SmallArtifact};
use disklessset_core::{mirror::PoolSource, nodes::NodeManager};
use disklessset_oci::{
    layout::MOST_MANIFEST,
    manifest::{Artifact, ManifestError},
    names::{Digest, RegistryReference, RegistryTag, Target},
    registry::Registry,
};
use disklessset_plugin_api::{Error, Result};
use disklessset_system::bytes::Bytes;
use serde::Serialize;
use std::cell::RefCell;

/// What such an artifact is.
const POOLS_TYPE: &str = "application/vnd.disklessset.pools.v1+json";
/// What its one file is: the node file, of which boot servers make boot files.
const RECORD_TYPE: &str = "application/vnd.disklessset.nodes.v1+yaml";
/// The name of that file.
const TITLE: &str = "nodes.yml";
/// The tag that it has unless another one is told.
const TAG: &str = "pools";
/// The most bytes that the file has: it is read at once.
const MOST_BYTES: u64 = MOST_MANIFEST;

/// What a push of nodes and pools did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PushedPools {
    /// The digest of the manifest. The same nodes and pools have the same one.
    pub digest: String,
    /// The repository.
    pub repository: String,
    /// The tag by which they are found there.
    pub tag: String,
    /// How many nodes there are.
    pub nodes: usize,
    /// How many pools there are.
    pub pools: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// Whether the tag named just these before.
    pub was_there: bool,
}

/// Sends the nodes and pools of a site to a registry.
pub struct PushPools<'a> {
    /// The nodes and pools.
    pub nodes: NodeManager<'a>,
    /// Where to, with a tag perhaps.
    pub to: RegistryReference,
    /// How registries are talked to.
    pub connection: Connection,
}

impl PushPools<'_> {
    /// Refuses what [`PushPools::run`] would refuse, and tells what would be sent. Nothing is changed, here or there.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self) -> Result<PushedPools> {
        self.act(|_, _, _| Ok(()))
    }

    /// Sends them; a tag that names something else than nodes and pools there is never replaced.
    ///
    /// # Errors
    /// When there are none, or they name what is not there; when the registry does not take them.
    pub fn run(&self) -> Result<PushedPools> {
        self.act(|registry, tag, artifact| artifact.push(registry, &Target::Tag(tag.clone())))
    }

    fn act(
        &self,
        send: impl FnOnce(&Registry, &RegistryTag, &SmallArtifact<'_>) -> Result<()>,
    ) -> Result<PushedPools> {
        let tag = tag_of(&self.to)?;
        let sent = self.nodes.to_send()?;
        let bytes = sent.text.len() as u64;
        if bytes > MOST_BYTES {
            let (is, most) = (Bytes(bytes), Bytes(MOST_BYTES));
            return Err(Error::refused(format!("nodes and pools are {is}: a registry gives {most} at once")));
        }
        let artifact = SmallArtifact::new(POOLS_TYPE, TITLE, RECORD_TYPE, sent.text.as_bytes(), None)?;
        let connected = self.connection.to(&self.to)?;
        let registry = connected.registry();
        let was_there = self.there(registry, &tag)? == Some(artifact.digest());
        if !was_there {
            send(registry, &tag, &artifact)?;
        }
        Ok(PushedPools {
            digest: artifact.digest().to_string(),
            repository: format!("{}/{}", self.to.host, self.to.repository),
            tag: tag.to_string(),
            nodes: sent.nodes,
            pools: sent.pools,
            bytes,
            was_there,
        })
    }

    /// What the tag names now; refuses to take it from something else.
    fn there(&self, registry: &Registry, tag: &RegistryTag) -> Result<Option<Digest>> {
        let there = match registry.manifest(&Target::Tag(tag.clone())) {
            Err(error) if error.is_not_found() => return Ok(None),
            there => there.map_err(failure::of)?,
        };
        match Artifact::parse(&there.bytes, POOLS_TYPE) {
            Ok(_) => Ok(Some(there.digest)),
            Err(error) => {
                let address = format!("{}/{}:{tag}", self.to.host, self.to.repository);
                let text = format!("{address} is something else: {}", in_words(&error));
                Err(Error::refused(text).hint("push the nodes and pools under another tag"))
            }
        }
    }
}

/// A tag of a registry that names nodes and pools, with what was read of it.
#[derive(Debug)]
pub struct PoolRepository {
    address: String,
    tag: RegistryTag,
    connected: Connected,
    // What a digest names never changes: it is asked for once.
    record: RefCell<Option<(Digest, Vec<u8>)>>,
}

impl PoolRepository {
    /// A tag that can be asked for. Nothing was asked yet.
    ///
    /// # Errors
    /// An address with a digest, or with a tag of versions; as [`Connection::to`].
    pub fn connect(connection: &Connection, address: &RegistryReference) -> Result<Self> {
        let tag = tag_of(address)?;
        let full = RegistryReference { target: Some(Target::Tag(tag.clone())), ..address.clone() };
        Ok(Self {
            address: full.to_string(),
            tag,
            connected: connection.to(address)?,
            record: RefCell::default(),
        })
    }
}

impl PoolSource for PoolRepository {
    fn address(&self) -> &str {
        &self.address
    }

    fn record(&self) -> Result<Vec<u8>> {
        let registry = self.connected.registry();
        let found = registry.manifest(&Target::Tag(self.tag.clone())).map_err(failure::of)?;
        if let Some((digest, known)) = &*self.record.borrow()
            && *digest == found.digest
        {
            return Ok(known.clone());
        }
        let artifact = Artifact::parse(&found.bytes, POOLS_TYPE)
            .map_err(|error| Error::refused(format!("it is something else: {}", in_words(&error))))?;
        let mut files = artifact.files().iter();
        let (Some((title, file)), None) = (files.next(), files.next()) else {
            return Err(Error::refused(format!("it has {} files instead of one", artifact.files().len())));
        };
        if title.as_str() != TITLE || file.media_type != RECORD_TYPE {
            return Err(Error::refused(format!("it has no {TITLE} that this disklessset can read")));
        }
        if file.size > MOST_BYTES {
            let (is, most) = (Bytes(file.size), Bytes(MOST_BYTES));
            return Err(Error::refused(format!("its {TITLE} is {is}: at most {most} are taken")));
        }
        let bytes = registry.small_blob(&file.digest, file.size).map_err(failure::of)?;
        self.record.replace(Some((found.digest, bytes.clone())));
        Ok(bytes)
    }
}

/// The tag that is meant. Those of versions have a meaning of their own.
fn tag_of(address: &RegistryReference) -> Result<RegistryTag> {
    let tag = match &address.target {
        None => TAG.parse().map_err(disklessset_core::failure::usage)?,
        Some(Target::Tag(tag)) => tag.clone(),
        Some(Target::Digest(_)) => {
            return Err(Error::usage(format!("{address} names a digest: nodes and pools have a tag")));
        }
    };
    let text = tag.as_str();
    let of_version = text.strip_prefix('v').is_some_and(|rest| rest.parse::<u64>().is_ok());
    match of_version || text == "current" {
        true => Err(Error::usage(format!("{address}: {text} is a tag of versions of images"))
            .hint(format!("without a tag it is {TAG}"))),
        false => Ok(tag),
    }
}

/// Why a manifest is none of nodes and pools.
fn in_words(error: &ManifestError) -> String {
    match error {
        ManifestError::Foreign(what) => format!("it is {what}"),
        ManifestError::Containers => "it is an image of containers".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_nodes_and_pools_are_none_of_versions() {
        let tag = |text: &str| tag_of(&text.parse().unwrap()).map(|tag| tag.to_string());
        assert_eq!(tag("h/r").unwrap(), "pools");
        assert_eq!(tag("h/r:rack-1").unwrap(), "rack-1");
        assert_eq!(tag("h/r:vms").unwrap(), "vms");
        let digest = format!("h/r@sha256:{}", "0".repeat(64));
        for bad in ["h/r:current", "h/r:v7", digest.as_str()] {
            assert!(!tag(bad).expect_err(bad).to_string().contains('\n'));
        }
    }
}
