//! OCI image layouts on disk, and OCI registries over HTTP, for artifacts whose files are verified by their digests.
//!
//! The crate knows neither images nor modules of disklessset. Its rooms, the lowest first: [`names`], [`manifest`] (the artifact manifest
//! of one version), [`layout`] (a directory of blobs and manifests) and [`registry`].
//!
//! ```no_run
//! use disklessset_oci::{
//!     layout::{Entry, Layout},
//!     manifest::ARTIFACT_TYPE,
//!     names::{RegistryReference, VersionName},
//!     registry::{Logins, Options, Registry},
//! };
//!
//! # fn pull(stop: std::sync::Arc<std::sync::atomic::AtomicBool>) -> Result<(), Box<dyn std::error::Error>> {
//! let layout = Layout::open_or_create("/srv/oci".into(), "/var/lib/site/stamps".into())?;
//! let from: RegistryReference = "registry.example/images/web01:v7".parse()?;
//! let options = Options { logins: Logins::of_user()?, ..Options::default() };
//! let registry = Registry::new(&from.host, &from.repository, options, stop)?;
//! let target = from.target.ok_or("no tag")?;
//! let pulled = registry.pull_artifact(&target, ARTIFACT_TYPE, &layout, &mut |_| {})?;
//! // Under the lock of whoever changes the layout:
//! let name: VersionName = "web01@7".parse()?;
//! let mut index = layout.index()?;
//! index.insert(Entry::manifest(pulled.digest, pulled.size, Some(ARTIFACT_TYPE), &name.ref_name()));
//! layout.replace_index(&index)?;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod layout;
pub mod manifest;
pub mod names;
#[cfg(feature = "registry")]
pub mod registry;
