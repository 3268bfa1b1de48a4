//! A version comes from a registry: its manifest is looked at first, its blobs wait aside until all are there, and then it is taken in.

use crate::{Connection, failure, signature, telling::Telling};
use disklessset_core::{
    ImageManager,
    images::{PullPlan, TakenIn},
    observer::Observer,
    versions::Incoming,
};
use disklessset_oci::{
    layout::{Layout, Partial},
    manifest::{ARTIFACT_TYPE, CONFIG_TYPE, ManifestError},
    names::{Digest, RegistryReference, Target},
    registry::{Fetched, Registry, RegistryError},
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// How often blobs are looked for that somebody removed meanwhile.
const ROUNDS: usize = 3;

/// What a pull did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pulled {
    /// The version here, `NAME@N`.
    pub version: String,
    /// Its manifest's digest, which is what it is everywhere.
    pub digest: String,
    /// Whether nodes get it.
    pub state: TakenIn,
    /// Whether it was a version here already.
    pub was_here: bool,
    /// Files that came from the registry.
    pub files_received: usize,
    /// Files that were here.
    pub files_here: usize,
    /// Bytes that came from the registry now.
    pub bytes_received: u64,
}

/// Whether a version comes without a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// It does.
    NotLookedAt,
    /// Only with one by the site's certificate.
    Required,
}

/// Brings versions from a registry.
pub struct Pull<'a> {
    /// The images.
    pub images: ImageManager<'a>,
    /// Which version.
    pub from: RegistryReference,
    /// The image that it becomes a version of; the name that it had where it was made where none is told.
    pub name: Option<ImageName>,
    /// Whether it must be signed.
    pub signature: Signature,
    /// How registries are talked to.
    pub connection: Connection,
}

impl Pull<'_> {
    /// Refuses what [`Pull::run`] would refuse, and tells what would come: the image, and what is to be received. Nothing is changed.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self) -> Result<(ImageName, PullPlan)> {
        let target = self.target()?;
        let connected = self.connection.to(&self.from)?;
        let incoming = self.look(connected.registry(), &target)?;
        let name = self.name.as_ref().unwrap_or(incoming.image()).clone();
        let plan = self.images.check_take_in(&incoming, &name)?;
        Ok((name, plan))
    }

    /// Brings the version.
    ///
    /// # Errors
    /// When the registry does not have it, cannot be reached or lies; when it cannot be used here. Of what was received whole blobs and
    /// parts stay aside for the next time where the connection broke off, and nothing else.
    pub fn run(&self, observer: &dyn Observer) -> Result<Pulled> {
        let target = self.target()?;
        let connected = self.connection.to(&self.from)?;
        let registry = connected.registry();
        let incoming = self.look(registry, &target)?;
        let name = self.name.as_ref().unwrap_or(incoming.image()).clone();
        let plan = self.images.check_take_in(&incoming, &name)?;
        let layout = self.images.open_layout()?;
        let telling = Telling::new(observer, format!("receiving {name}"), sizes(&incoming).values().sum());
        let arrived = Arrived { arrived: BTreeMap::new(), received: 0 };
        let arrived = arrived.all(registry, &sizes(&incoming), &layout, telling)?;
        let (files_received, bytes_received) = (arrived.arrived.len(), arrived.received);
        let files: BTreeMap<Digest, u64> = sizes(&incoming);
        let digests: Vec<Digest> = arrived.arrived.keys().copied().collect();
        let partials = arrived.arrived.into_values().collect();
        let taken = self.images.take_in(&incoming, &name, partials).inspect_err(|error| {
            // Worth keeping only where the same may do in a moment.
            if ![ErrorKind::BUSY, ErrorKind::INTERRUPTED].contains(&error.kind) {
                // What goes wrong here is less than what is told.
                let _ = digests.iter().try_for_each(|digest| layout.forget_begun(digest));
            }
        });
        let (version, state) = taken?;
        Ok(Pulled {
            version: version.to_string(),
            digest: incoming.digest().to_string(),
            state,
            was_here: plan.already.is_some(),
            files_received,
            files_here: files.len() - files_received,
            bytes_received,
        })
    }

    fn target(&self) -> Result<Target> {
        self.from.target.clone().ok_or_else(|| {
            Error::usage(format!("{} names no version: it takes a tag or a digest", self.from))
                .hint(format!("{}:current is the one that nodes get where it was made", self.from))
        })
    }

    /// The version as far as it can be looked at before any of its files.
    fn look(&self, registry: &Registry, target: &Target) -> Result<Incoming> {
        if self.signature == Signature::Required {
            self.images.must_have_certificate()?;
        }
        let (artifact, manifest) =
            registry.artifact(target, ARTIFACT_TYPE).map_err(|error| self.foreign(error))?;
        let config = artifact.config();
        if config.media_type != CONFIG_TYPE {
            return Err(Error::refused(format!(
                "{} is no version of an image: its configuration is another one",
                self.from
            )));
        }
        let configuration = registry.small_blob(&config.digest, config.size).map_err(failure::of)?;
        let incoming = Incoming::parse(manifest, configuration)?;
        if self.signature == Signature::Required {
            signature::must_be_there(&self.images, registry, &incoming, &self.from)?;
        }
        Ok(incoming)
    }

    fn foreign(&self, error: RegistryError) -> Error {
        match error {
            RegistryError::Manifest { source: ManifestError::Foreign(what), .. } => {
                Error::refused(format!("{} is {what}, not a version that disklessset pushed", self.from))
            }
            RegistryError::Manifest { source: ManifestError::Containers, .. } => Error::refused(format!(
                "{} is an image of containers, not a version that disklessset pushed",
                self.from
            ))
            .hint(format!("an OS image is the source of a new image: --source registry:{}", self.from)),
            error if error.is_not_found() => {
                Error::new(ErrorKind::NOT_FOUND, format!("there is no {}", self.from)).because(error)
            }
            error => failure::of(error),
        }
    }
}

/// Blobs that came and wait.
struct Arrived {
    arrived: BTreeMap<Digest, Partial>,
    received: u64,
}

impl Arrived {
    /// Brings all that is missing. Blobs that are here may go with versions of others while large ones come: in the end all are looked
    /// at once more.
    fn all(
        mut self,
        registry: &Registry,
        sizes: &BTreeMap<Digest, u64>,
        layout: &Layout,
        mut telling: Telling<'_>,
    ) -> Result<Self> {
        for round in 0..ROUNDS {
            let before = self.arrived.len();
            for (&digest, &size) in sizes {
                if self.arrived.contains_key(&digest) {
                    continue;
                }
                let fetched =
                    registry.fetch_blob(&digest, size, layout, &mut |progress| telling.at(progress.done));
                match fetched {
                    Ok(Fetched::AlreadyThere) => {}
                    Ok(Fetched::Arrived { partial, resumed }) => {
                        self.received += size - resumed;
                        let _ = self.arrived.insert(digest, partial);
                    }
                    Err(error) => return Err(self.given_up(error)),
                }
                telling.next(size);
            }
            if round > 0 && self.arrived.len() == before || before == 0 && self.arrived.is_empty() {
                break;
            }
        }
        Ok(self)
    }

    /// What came stays for the next time where the connection is at fault; else nothing does.
    fn given_up(self, error: RegistryError) -> Error {
        let goes_on = match &error {
            RegistryError::Stopped | RegistryError::Unreachable { .. } => true,
            RegistryError::Status { status, .. } => *status >= 429,
            _ => false,
        };
        for partial in self.arrived.into_values() {
            // What goes wrong here is less than what is told.
            let _ = if goes_on { partial.keep() } else { partial.discard() };
        }
        failure::of(error)
    }
}

/// Each file once, with its size.
fn sizes(incoming: &Incoming) -> BTreeMap<Digest, u64> {
    incoming.artifact().files().values().chain(incoming.tree()).map(|blob| (blob.digest, blob.size)).collect()
}
