//! What is on record of a mirror.

use super::MirroredPools;
use crate::{
    failure,
    system::{atomic_file, layout::Layout},
    yaml,
};
use camino::Utf8PathBuf;
use disklessset_oci::names::{Digest, VersionNumber};
use disklessset_plugin_api::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most it may hold, in bytes.
const MOST_BYTES: u64 = 64 << 20;
/// The format that is written.
const FORMAT: u32 = 1;

/// A site that is a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirrorState {
    format: u32,
    /// The repositories that it has all of.
    pub repositories: Vec<String>,
    /// When it had the state of the registry for the last time; nothing while the first run is not over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<jiff::Timestamp>,
    /// Its images.
    #[serde(default)]
    pub images: BTreeMap<String, MirroredImage>,
    /// Where its nodes and pools come from; nothing where it has none of another server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<MirroredPools>,
    /// Manifests that no tag names any more, and when that was seen first or when nodes got them for the last time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) dropped: BTreeMap<String, jiff::Timestamp>,
}

/// An image of a mirror.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MirroredImage {
    /// The repository that has it.
    pub repository: String,
    /// The version that nodes get; nothing where the registry has none that is current.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<VersionNumber>,
    /// All versions.
    pub versions: Vec<VersionNumber>,
    /// The class of the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// Its kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Bytes that a node fetches of it, at most.
    pub size_bytes: u64,
}

impl MirrorState {
    pub(super) fn of(repositories: Vec<String>) -> Self {
        let (images, dropped) = (BTreeMap::new(), BTreeMap::new());
        Self { format: FORMAT, repositories, as_of: None, images, pools: None, dropped }
    }

    pub(super) fn path(layout: &Layout) -> Utf8PathBuf {
        layout.state_dir().join("mirror.yml")
    }

    /// Reads it; nothing where the site is no mirror.
    pub(super) fn load(layout: &Layout) -> Result<Option<Self>> {
        let path = Self::path(layout);
        let bytes = match atomic_file::read_bounded(&path, MOST_BYTES) {
            Err(error) if error.is_not_found() => return Ok(None),
            read => read.map_err(failure::of)?,
        };
        let parsed = Self::parse(&String::from_utf8_lossy(&bytes));
        parsed.map(Some).map_err(|reason| Error::failed(format!("cannot understand {path}: {reason}")))
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let state: Self = yaml::from_str(text)?;
        if state.format != FORMAT {
            return Err(format!("it has format {}, of a newer disklessset", state.format));
        }
        match state.dropped.keys().find(|digest| digest.parse::<Digest>().is_err()) {
            Some(digest) => Err(format!("{digest:?} is no digest")),
            None => Ok(state),
        }
    }

    /// Writes it, whole and durably.
    pub(super) fn save(&self, layout: &Layout) -> Result<()> {
        let path = Self::path(layout);
        let text = serde_yaml::to_string(self)
            .map_err(|cause| Error::failed(format!("cannot write {path}")).because(cause))?;
        atomic_file::replace(&path, text.as_bytes(), 0o644).map_err(failure::of)
    }

    /// Where all that it has comes from, in words.
    pub(super) fn sources(&self) -> String {
        let pools = self.pools.iter().map(|pools| &pools.repository);
        self.repositories.iter().chain(pools).map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    /// One line that says what it is.
    pub fn in_words(&self) -> String {
        let of = self.sources();
        match &self.as_of {
            Some(date) => {
                format!("This server is a mirror of {of}, as of {}.", date.strftime("%Y-%m-%d %H:%M:%S UTC"))
            }
            None => format!("This server is going to be a mirror of {of}: `disklessset mirror` goes on."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirror_states_come_back_as_they_were_written() {
        let mut state = MirrorState::of(vec!["h/r".to_owned()]);
        state.as_of = Some(jiff::Timestamp::UNIX_EPOCH);
        state.dropped.insert(Digest::of(b"").to_string(), jiff::Timestamp::UNIX_EPOCH);
        let text = serde_yaml::to_string(&state).unwrap();
        assert_eq!(MirrorState::parse(&text).unwrap(), state);
        assert!(state.in_words().contains("a mirror of h/r, as of 1970-01-01 00:00:00 UTC."));
        for bad in ["", "format: 2\nrepositories: []\n", &text.replace("sha256:", "md5:")] {
            assert!(!MirrorState::parse(bad).expect_err(bad).contains('\n'));
        }
    }
}
