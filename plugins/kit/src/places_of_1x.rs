//! The places that 1.x takes from a record. Without its own tree there it removes the parent of all trees.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Image, Paths};

/// Puts a directory on record as 1.x writes it: without the root of `--root`, with a slash at its end. Nothing of ours reads it:
/// all places follow from the name.
pub fn record(image: &mut Image, key: &str, directory: &Utf8Path, paths: &Paths) {
    image.set(key, format!("{}/", published(directory, paths)));
}

/// A path as nodes and other programs know it: without the root of `--root`.
pub fn published(path: &Utf8Path, paths: &Paths) -> Utf8PathBuf {
    match path.strip_prefix(&paths.root) {
        Ok(rest) => Utf8Path::new("/").join(rest),
        Err(_) => path.to_owned(),
    }
}
