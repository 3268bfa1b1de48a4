//! Manifests of artifacts, as registries and layouts of others have them.

use crate::one_line;
use disklessset_oci::manifest::{ARTIFACT_TYPE, Artifact};

pub(super) fn run(data: &[u8]) {
    match Artifact::parse(data, ARTIFACT_TYPE) {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(artifact) => {
            for title in artifact.files().keys() {
                let title = title.as_str();
                assert!(!title.is_empty() && !title.starts_with('.') && !title.contains(['/', '\n', '\0']));
            }
            // What we make of it says the same, and is the same whenever it is made.
            let bytes = artifact.to_bytes().unwrap_or_else(|refusal| panic!("{refusal}"));
            let again = Artifact::parse(&bytes, ARTIFACT_TYPE).unwrap_or_else(|refusal| panic!("{refusal}"));
            assert_eq!(again, artifact);
            assert_eq!(again.to_bytes().as_ref(), Ok(&bytes));
        }
    }
}
