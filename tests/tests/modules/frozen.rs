//! The sources of the released API: they stay as they were, and what is developed here has a later version once it differs.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::API_VERSION;
use sha2::{Digest, Sha256};

use crate::eras::{RELEASED, present, released};

/// Of all files of `tests/eras/released/1.0.0`, as [`digest`] makes it. It is never changed: a module somewhere is built with these.
const DIGEST: &str = "b865ae13469caade24cc43326256b659de42921ea96890938d9fd5cbccb384b9";

/// The files below a folder, relative to it, in order.
fn files(top: &Utf8Path) -> Vec<Utf8PathBuf> {
    let (mut found, mut ahead) = (Vec::new(), vec![top.to_owned()]);
    while let Some(folder) = ahead.pop() {
        for entry in folder.read_dir_utf8().unwrap().map(Result::unwrap) {
            let path = entry.into_path();
            if path.is_dir() {
                ahead.push(path);
            } else {
                found.push(path.strip_prefix(top).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

/// The SHA-256 over each file's path, size and content, in hexadecimal.
fn digest(top: &Utf8Path) -> String {
    let mut hash = Sha256::new();
    for file in files(top) {
        let content = std::fs::read(top.join(&file)).unwrap();
        hash.update(format!("{file}\n{}\n", content.len()));
        hash.update(content);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_sources_of_the_released_api_are_as_they_were_released() {
    assert_eq!(digest(&released()), DIGEST, "tests/eras/README.md says what may change, and where");
}

#[test]
fn an_api_that_differs_from_the_released_one_has_a_later_version() {
    let (released, present) = (released(), present());
    let is_source = |file: &&Utf8PathBuf| file.extension() == Some("rs");
    let changed: Vec<_> = files(&released)
        .iter()
        .filter(is_source)
        .filter(|file| std::fs::read(released.join(file)).ok() != std::fs::read(present.join(file)).ok())
        .cloned()
        .collect();
    let numbers =
        |version: &str| version.split('.').map(|part| part.parse::<u64>().unwrap()).collect::<Vec<_>>();
    let is_later = numbers(API_VERSION) > numbers(RELEASED);
    assert!(
        changed.is_empty() || is_later,
        "version {API_VERSION} was released and is changed in {changed:?}"
    );
}
