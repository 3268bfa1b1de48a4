//! Repositories of registries, for mirrors.

use crate::{Connected, Connection, failure};
use disklessset_core::mirror::{Tagged, Upstream};
use disklessset_oci::{
    layout::Layout,
    manifest::Blob,
    names::{Digest, RegistryReference, RegistryTag, Target, VersionNumber},
};
use disklessset_plugin_api::{Error, Result};
use std::{cell::RefCell, collections::BTreeMap};

/// One repository, with what was read of it.
#[derive(Debug)]
pub struct Repository {
    address: String,
    connected: Connected,
    // They never change: each is asked for once.
    manifests: RefCell<BTreeMap<Digest, Vec<u8>>>,
}

impl Repository {
    /// A repository that can be asked. Nothing was asked yet.
    ///
    /// # Errors
    /// An address with a tag or a digest; as [`Connection::to`].
    pub fn connect(connection: &Connection, address: &RegistryReference) -> Result<Self> {
        if address.target.is_some() {
            let text = format!("{address} has a tag or a digest: a mirror brings all of a repository");
            return Err(Error::usage(text));
        }
        Ok(Self {
            address: address.to_string(),
            connected: connection.to(address)?,
            manifests: RefCell::default(),
        })
    }

    /// The digest that a tag names now; nothing where there is no such tag any more.
    fn digest_of(&self, tag: &RegistryTag) -> Result<Option<Digest>> {
        let found = match self.connected.registry().manifest(&Target::Tag(tag.clone())) {
            Err(error) if error.is_not_found() => return Ok(None),
            found => found.map_err(failure::of)?,
        };
        self.manifests.borrow_mut().insert(found.digest, found.bytes);
        Ok(Some(found.digest))
    }
}

impl Upstream for Repository {
    fn address(&self) -> &str {
        &self.address
    }

    fn tagged(&self) -> Result<Tagged> {
        let current: RegistryTag = "current".parse().map_err(disklessset_core::failure::usage)?;
        let mut tagged = Tagged { current: self.digest_of(&current)?, versions: BTreeMap::new() };
        for tag in self.connected.registry().tags().map_err(failure::of)? {
            let Some(number) = number_of(&tag) else { continue };
            if let Some(digest) = self.digest_of(&tag)? {
                tagged.versions.insert(number, digest);
            }
        }
        Ok(tagged)
    }

    fn manifest(&self, digest: &Digest) -> Result<Vec<u8>> {
        if let Some(known) = self.manifests.borrow().get(digest) {
            return Ok(known.clone());
        }
        Ok(self.connected.registry().manifest(&Target::Digest(*digest)).map_err(failure::of)?.bytes)
    }

    fn bring(&self, blob: &Blob, layout: &Layout, progress: &mut dyn FnMut(u64)) -> Result<()> {
        let pulled = self.connected.registry().pull_blob(&blob.digest, blob.size, layout, &mut |now| {
            progress(now.done);
        });
        pulled.map(drop).map_err(failure::of)
    }
}

/// `v7` is the tag of version 7.
fn number_of(tag: &RegistryTag) -> Option<VersionNumber> {
    tag.as_str().strip_prefix('v')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_versions_are_told_from_others() {
        let number = |tag: &str| number_of(&tag.parse().unwrap()).map(VersionNumber::get);
        assert_eq!(number("v7"), Some(7));
        for other in ["v0", "v07", "v", "7", "vv7", "v7a", "current", "sha256-00"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
