//! A manifest: what is read is written back alike, and no name in it leads out of its directory.

use crate::{one_line, text};
use disklessset::integrity::Manifest;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Manifest::parse(text) {
        Err(reason) => one_line(&reason),
        Ok(manifest) => {
            assert_eq!(Manifest::parse(&manifest.to_string()).as_ref(), Ok(&manifest));
            for (name, _) in manifest.entries() {
                let climbs = name.split('/').any(|part| matches!(part, "" | "." | ".."));
                assert!(!climbs && !name.contains('\0'), "{name:?}");
            }
        }
    }
}
