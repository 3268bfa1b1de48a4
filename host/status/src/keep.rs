//! The file in which the boot server keeps what it saw: read by `node status`, and by the server when it starts again.

use crate::{seen::Seen, unknown::Unknowns};
use camino::Utf8Path;
use disklessset_plugin_api::node_set::NodeName;
use disklessset_system::{FileError, durable};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, io::ErrorKind};

/// The most bytes of the file: some 250 a node.
const LARGEST: u64 = 64 << 20;
/// The version of the file's shape.
const FORMAT: u32 = 1;

/// What was seen of all nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    pub(crate) nodes: BTreeMap<NodeName, Seen>,
    #[serde(default)]
    pub(crate) unknown: Unknowns,
}

#[derive(Serialize, Deserialize)]
struct Whole<K> {
    format: u32,
    #[serde(flatten)]
    kept: K,
}

/// Why it cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The disk, or the file's owner, does not allow it.
    #[error(transparent)]
    File(#[from] FileError),
    /// Somebody else wrote it.
    #[error("{path} is not what the boot server writes: {reason}")]
    Shape {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// What was kept; nothing where there is no file.
///
/// # Errors
/// When the file cannot be read, or has another shape.
pub fn read(path: &Utf8Path) -> Result<Kept, KeepError> {
    let bytes = match durable::read_bounded(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.source.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
        Err(error) => return Err(error.into()),
    };
    let wrong = |reason: String| KeepError::Shape { path: path.to_string(), reason };
    let whole: Whole<Kept> = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    match whole.format {
        FORMAT => Ok(whole.kept),
        other => Err(wrong(format!("its format is {other}, not {FORMAT}"))),
    }
}

/// Replaces the file, durably and in one step.
///
/// # Errors
/// When the disk does not allow it; the file is as it was then.
pub fn write(path: &Utf8Path, kept: &Kept) -> Result<(), KeepError> {
    let text = serde_json::to_vec(&Whole { format: FORMAT, kept })
        .map_err(|error| KeepError::Shape { path: path.to_string(), reason: error.to_string() })?;
    Ok(durable::replace(path, &text, 0o644)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_anything_else_refused() {
        let temp = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(temp.path()).unwrap().join("nodes.json");
        assert_eq!(read(&path).unwrap(), Kept::default());
        let text = r#"{"format":1,"nodes":{"c001":{"stage":"running","since":"2026-11-30T08:00:00Z",
            "last_seen":"2026-11-30T08:00:00Z","address":"10.0.0.1","version":null}},
            "unknown":{"52-54-00-00-00-01":{"address":"::1","first_seen":"2026-11-30T08:00:00Z","last_seen":"2026-11-30T08:00:00Z"}}}"#;
        durable::replace(&path, text.as_bytes(), 0o644).unwrap();
        let kept = read(&path).unwrap();
        assert_eq!((kept.nodes.len(), kept.unknown.all().len()), (1, 1));
        write(&path, &kept).unwrap();
        assert_eq!(read(&path).unwrap(), kept);
        for text in ["", "[]", r#"{"format":2,"nodes":{}}"#, r#"{"format":1,"nodes":{"../x":{}}}"#] {
            durable::replace(&path, text.as_bytes(), 0o644).unwrap();
            let line = read(&path).unwrap_err().to_string();
            assert!(line.starts_with(&format!("{path} is not what")) && !line.contains('\n'), "{line}");
        }
    }
}
