//! A version goes to a registry: its blobs, its manifest, its signature, and last the tags by which it is found.

use crate::{Connection, failure, signature, telling::Telling};
use disklessset_core::{ImageManager, images::Outgoing, observer::Observer, versions::VersionReference};
use disklessset_oci::{
    layout::Layout,
    manifest::MANIFEST_TYPE,
    names::{Digest, RegistryReference, RegistryTag, Target},
    registry::{Pushed as Sent, Registry},
};
use disklessset_plugin_api::{Error, Result};
use serde::Serialize;
use std::collections::BTreeMap;

/// The tag of the version that nodes get.
const CURRENT: &str = "current";

/// What a push did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pushed {
    /// The version, `NAME@N`.
    pub version: String,
    /// Its manifest's digest, which is what it is everywhere.
    pub digest: String,
    /// The repository.
    pub repository: String,
    /// The tags by which it is found there.
    pub tags: Vec<String>,
    /// Files that were sent.
    pub files_sent: usize,
    /// Files that were there already.
    pub files_there: usize,
    /// Bytes that were sent.
    pub bytes_sent: u64,
    /// Whether its OS tree goes with it, which is none of its files. What that has is known when it is packed.
    pub tree: bool,
    /// Whether a signature is beside it.
    pub signed: bool,
}

/// Whether an OS tree goes with a version that is none of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Such a version is refused.
    Never,
    /// The tree as it is now.
    AsItIs,
}

/// Sends versions to a registry.
pub struct Push<'a> {
    /// The images.
    pub images: ImageManager<'a>,
    /// Which version.
    pub version: VersionReference,
    /// Where to, with a tag of its own perhaps.
    pub to: RegistryReference,
    /// Whether an OS tree goes with it that is no part of its versions.
    pub tree: Tree,
    /// How registries are talked to.
    pub connection: Connection,
}

impl Push<'_> {
    /// Refuses what [`Push::run`] would refuse, and tells what would be sent. Nothing is changed, here or there.
    ///
    /// # Errors
    /// As there.
    pub fn check(&self) -> Result<Pushed> {
        let tag = self.tag()?;
        let outgoing = match self.tree {
            Tree::Never => self.images.check_give(&self.version)?,
            Tree::AsItIs => self.images.check_give_with_tree(&self.version)?,
        };
        let connected = self.connection.to(&self.to)?;
        let registry = connected.registry();
        let tags = self.tags(&outgoing, tag)?;
        self.must_not_replace(registry, &outgoing)?;
        let mut pushed = self.report(&outgoing, &tags);
        for (digest, size) in blobs(&outgoing) {
            match registry.has_blob(&digest, size).map_err(failure::of)? {
                true => pushed.files_there += 1,
                false => {
                    pushed.files_sent += 1;
                    pushed.bytes_sent += size;
                }
            }
        }
        Ok(pushed)
    }

    /// Sends the version. What is there is not sent again; a tag `vN` that names another version there is never replaced.
    ///
    /// # Errors
    /// When there is no such version, it is damaged, or the registry does not take it.
    pub fn run(&self, observer: &dyn Observer) -> Result<Pushed> {
        let tag = self.tag()?;
        let connected = self.connection.to(&self.to)?;
        let registry = connected.registry();
        match self.tree {
            Tree::Never => self.send(registry, tag, &self.images.give(&self.version)?, None, observer),
            Tree::AsItIs => self.images.give_with_tree(&self.version, |outgoing, of_tree| {
                self.send(registry, tag, outgoing, of_tree, observer)
            }),
        }
    }

    fn send(
        &self,
        registry: &Registry,
        tag: Option<RegistryTag>,
        outgoing: &Outgoing,
        of_tree: Option<&Layout>,
        observer: &dyn Observer,
    ) -> Result<Pushed> {
        let tags = self.tags(outgoing, tag)?;
        self.must_not_replace(registry, outgoing)?;
        let layout = self.images.open_layout()?;
        let blobs = blobs(outgoing);
        let mut pushed = self.report(outgoing, &tags);
        let mut telling =
            Telling::new(observer, format!("sending {}", outgoing.version), blobs.values().sum());
        for (digest, size) in &blobs {
            let from = of_tree.filter(|_| outgoing.tree == Some(*digest)).unwrap_or(&layout);
            let sent = registry.push_blob(digest, from, &mut |progress| telling.at(progress.done));
            match sent.map_err(failure::of)? {
                Sent::AlreadyThere => pushed.files_there += 1,
                Sent::Uploaded => {
                    pushed.files_sent += 1;
                    pushed.bytes_sent += size;
                }
            }
            telling.next(*size);
        }
        let put = |target: &Target| {
            registry.push_manifest(target, &outgoing.manifest, MANIFEST_TYPE).map(drop).map_err(failure::of)
        };
        put(&Target::Digest(outgoing.digest))?;
        // Before the tags: whoever finds the version finds its signature, too.
        pushed.signed = signature::push(&self.images, registry, outgoing)?;
        // Others may have pushed meanwhile.
        self.must_not_replace(registry, outgoing)?;
        tags.into_iter().try_for_each(|tag| put(&Target::Tag(tag)))?;
        Ok(pushed)
    }

    /// The tag that was asked for.
    fn tag(&self) -> Result<Option<RegistryTag>> {
        match &self.to.target {
            None => Ok(None),
            Some(Target::Tag(tag)) => Ok(Some(tag.clone())),
            Some(Target::Digest(_)) => Err(Error::usage(format!(
                "{} names a digest: a version has its own, and is pushed to a repository",
                self.to
            ))),
        }
    }

    /// All tags that it gets. `vN` and `current` have meanings, whatever was asked for.
    fn tags(&self, outgoing: &Outgoing, wanted: Option<RegistryTag>) -> Result<Vec<RegistryTag>> {
        let own = number_tag(outgoing)?;
        let current = CURRENT.parse().map_err(disklessset_core::failure::usage)?;
        let mut tags = vec![own];
        if outgoing.is_current {
            tags.push(current);
        }
        let Some(wanted) = wanted.filter(|wanted| !tags.contains(wanted)) else { return Ok(tags) };
        let text = wanted.as_str();
        let is_number = text.strip_prefix('v').is_some_and(|rest| rest.parse::<u64>().is_ok());
        if text == CURRENT {
            return Err(Error::refused(format!(
                "{} is not current: nodes get another version",
                outgoing.version
            ))
            .hint(format!("disklessset release {}", outgoing.version)));
        }
        if is_number {
            return Err(Error::refused(format!(
                "{text} is the tag of another version than {}",
                outgoing.version
            )));
        }
        // The last one: it is what others wait for.
        tags.push(wanted);
        Ok(tags)
    }

    /// Refuses to give the tag of the version's number to another version than the one that has it there.
    fn must_not_replace(&self, registry: &Registry, outgoing: &Outgoing) -> Result<()> {
        let tag = number_tag(outgoing)?;
        match registry.manifest(&Target::Tag(tag.clone())) {
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(failure::of(error)),
            Ok(there) if there.digest == outgoing.digest || outgoing.is_version_of(&there.bytes) => Ok(()),
            Ok(there) => {
                let (host, repository) = (&self.to.host, &self.to.repository);
                let text = format!(
                    "{host}/{repository}:{tag} is another version: {} is there, {} is {}",
                    there.digest, outgoing.version, outgoing.digest
                );
                Err(Error::refused(text).hint("push it to another repository"))
            }
        }
    }

    fn report(&self, outgoing: &Outgoing, tags: &[RegistryTag]) -> Pushed {
        Pushed {
            version: outgoing.version.to_string(),
            digest: outgoing.digest.to_string(),
            repository: format!("{}/{}", self.to.host, self.to.repository),
            tags: tags.iter().map(ToString::to_string).collect(),
            files_sent: 0,
            files_there: 0,
            bytes_sent: 0,
            tree: self.tree == Tree::AsItIs && !outgoing.has_tree,
            signed: false,
        }
    }
}

fn number_tag(outgoing: &Outgoing) -> Result<RegistryTag> {
    format!("v{}", outgoing.version.number()).parse().map_err(disklessset_core::failure::usage)
}

/// Each blob once, with its size.
fn blobs(outgoing: &Outgoing) -> BTreeMap<Digest, u64> {
    outgoing.artifact.blobs().map(|blob| (blob.digest, blob.size)).collect()
}
