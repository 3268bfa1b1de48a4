//! Images of operating systems from registries, for creations.

use crate::{Connection, failure};
use camino::Utf8Path;
use disklessset_core::{FoundOsImage, OsImages, failure as core_failure, system::interrupt};
use disklessset_oci::{
    layout::Layout,
    names::{RegistryReference, Target},
    registry::OsImage,
};
use disklessset_plugin_api::{Error, Result};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// So long what was found is not asked for again: one command looks several times.
const FRESH: Duration = Duration::from_secs(30);
/// What an image is called in the layout that it is fetched into.
const NAME: &str = "image";

/// Fetches over HTTP.
#[derive(Debug, Default)]
pub struct FromRegistries {
    connection: Connection,
    found: Mutex<Vec<(RegistryReference, Instant, FoundOsImage)>>,
}

impl FromRegistries {
    /// Talks to registries in this way.
    pub fn over(connection: Connection) -> Self {
        Self { connection, found: Mutex::default() }
    }

    fn known(&self, image: &RegistryReference) -> Option<FoundOsImage> {
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(_, when, _)| when.elapsed() < FRESH);
        all.iter().find(|(known, ..)| known == image).map(|(.., found)| found.clone())
    }
}

fn target(image: &RegistryReference) -> Result<&Target> {
    image.target.as_ref().ok_or_else(|| Error::usage(format!("{image} has neither a tag nor a digest")))
}

fn found(image: &RegistryReference, os: &OsImage) -> FoundOsImage {
    FoundOsImage {
        address: RegistryReference { target: Some(Target::Digest(os.digest)), ..image.clone() }.to_string(),
        architecture: os.architecture.clone(),
        layers: os.layers(),
        bytes: os.size(),
    }
}

impl OsImages for FromRegistries {
    fn find(&self, image: &RegistryReference) -> Result<FoundOsImage> {
        if let Some(known) = self.known(image) {
            return Ok(known);
        }
        let connected = self.connection.to(image)?;
        let os = connected.registry().os_image(target(image)?).map_err(failure::of)?;
        let found = found(image, &os);
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.push((image.clone(), Instant::now(), found.clone()));
        Ok(found)
    }

    fn fetch(
        &self,
        image: &RegistryReference,
        layout: &Utf8Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let connected = self.connection.to(image)?;
        let registry = connected.registry();
        let os = registry.os_image(target(image)?).map_err(failure::of)?;
        // Beside the blobs: they are looked at once more when they are unpacked.
        let stamps = layout.join(".stamps");
        let layout = Layout::open_or_create(layout, &stamps).map_err(|error| failure::of(error.into()))?;
        let layout = layout.stopped_when(|| interrupt::check().is_err());
        let (total, mut before, mut last) = (os.size(), 0, None);
        registry
            .pull_os_image(&os, &layout, NAME, &mut |now| {
                if last.is_some_and(|(digest, _)| digest != now.digest) {
                    before += last.map_or(0, |(_, size)| size);
                }
                last = Some((now.digest, now.size));
                progress((before + now.done).min(total), total);
            })
            .map_err(failure::of)?;
        interrupt::check().map_err(core_failure::interrupted)
    }

    fn found(&self) -> Vec<FoundOsImage> {
        let all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(.., found)| found.clone()).collect()
    }
}
