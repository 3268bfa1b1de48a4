//! An OS tree from an image in a registry. The host talks to registries: a module has no network of its own.

use super::oci;
use crate::space::{Need, Plan};
use camino::Utf8Path;
use disklessset_plugin_api::{ErrorKind, Host, Refusal, Result};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The services of the host. They are newer than the API: one that has them not says so.
const FIND: &str = "registry_image";
const FETCH: &str = "fetch_registry_image";
/// The parameter that says where a tree comes from.
const SOURCE: &str = "source";

/// An image in a registry, and what the registry said of it, if it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryImage {
    address: String,
    found: Option<Found>,
}

/// What the host says about an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Found {
    /// With the digest instead of the tag.
    address: String,
    bytes: u64,
}

#[derive(Serialize)]
struct Wanted<'a> {
    address: &'a str,
}

#[derive(Serialize)]
struct Fetch<'a> {
    address: &'a str,
    layout: &'a Utf8Path,
}

impl fmt::Display for RegistryImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl RegistryImage {
    /// The image of this address. Nobody was asked about it.
    pub(super) fn at(address: &str) -> Self {
        Self { address: address.to_owned(), found: None }
    }

    /// The same image as the registry has it now: from here on its tag may move.
    ///
    /// # Errors
    /// When there is none for this server, or its registry cannot be asked.
    pub(crate) fn found(&self, host: &Host<'_>) -> Result<Self> {
        let found = host.call(FIND, &Wanted { address: &self.address })?;
        Ok(Self { address: self.address.clone(), found: Some(found) })
    }

    /// The address with its digest, once it was found.
    pub fn exact_address(&self) -> Option<&str> {
        self.found.as_ref().map(|found| found.address.as_str())
    }

    /// What speaks against it. What is no fault of the words is an error once all of them are there.
    pub(super) fn refusals(&self, complete: bool, host: &Host<'_>) -> Result<Vec<Refusal>> {
        match self.found(host) {
            Ok(_) => Ok(Vec::new()),
            Err(error) if complete && !matches!(error.kind, ErrorKind::USAGE | ErrorKind::NOT_FOUND) => {
                Err(error)
            }
            Err(error) => Ok(vec![Refusal::of(SOURCE, &error)]),
        }
    }

    /// What it is known to take: what is fetched lies beside the tree, which is hardly smaller.
    pub(super) fn plan_space(&self, plan: Plan, place: &Utf8Path) -> Plan {
        let bytes = self.found.as_ref().map_or(0, |found| found.bytes);
        plan.certainly(place, Need::bytes(bytes)).about(place, Need::bytes(bytes))
    }

    /// Has it fetched beside the empty directory `tree`, unpacks it, and gives the space of what was fetched back.
    pub(super) fn unpack(&self, tree: &Utf8Path, scratch: &Utf8Path, host: &Host<'_>) -> Result<()> {
        let layout = scratch.join("fetched");
        let address = self.exact_address().unwrap_or(&self.address);
        host.info(format!("fetching {address}"));
        host.call::<()>(FETCH, &Fetch { address, layout: &layout })?;
        oci::unpack(&layout, None, tree, scratch, host)
            .map_err(|error| error.context(format!("cannot take the image {}", self.address)))?;
        host.remove(&layout)
    }
}

#[cfg(test)]
mod tests {
    use crate::source::Source;
    use disklessset_plugin_api::{Arguments, testing::TestHost};

    #[test]
    fn registry_images_need_a_host_that_can_ask_registries() {
        let test = TestHost::new();
        let host = test.host("C");
        let arguments = Arguments::default().with("source", "registry:r.example/os/web:9");
        let source = Source::of_arguments(&arguments, &host).unwrap();
        assert!(!source.installs_packages());
        source.check().unwrap();
        let error = source.refusals(true, &host).unwrap_err();
        assert!(error.message.contains("registry_image"), "{error}");
        assert_eq!(source.refusals(false, &host).unwrap().len(), 1);
    }
}
