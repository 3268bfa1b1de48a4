//! Every file of the corpus through its target, without a fuzzing engine. A fault that was found once lies there as a file.
//!
//! One test, as memory is measured.

use disklessset_fuzz::{TARGETS, Target};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

/// Some hundred KiB: the corpus is part of the source tree.
const MOST_BYTES: u64 = 600 << 10;
/// For one input, unoptimised and on a busy machine. Most take less than a millisecond.
const LONGEST: Duration = Duration::from_secs(20);

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|cause| panic!("{}: {cause}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_file_keeps_the_promises_of_its_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let named: BTreeSet<_> = TARGETS.iter().map(|target| corpus.join(target.name)).collect();
    let folders: BTreeSet<_> = entries(&corpus).into_iter().collect();
    assert_eq!(named, folders, "a folder a target");
    let mut bytes = 0;
    for folder in folders {
        let target = folder.file_name().and_then(|name| Target::named(name.to_str()?)).unwrap();
        let files = entries(&folder);
        assert!(!files.is_empty(), "{} has no seed", target.name);
        for file in files {
            let data = std::fs::read(&file).unwrap();
            bytes += data.len() as u64;
            println!("{}", file.display());
            let took = target.measured(&data);
            assert!(took < LONGEST, "{} took {took:?}", file.display());
        }
    }
    assert!(bytes <= MOST_BYTES, "the corpus has {bytes} bytes: minimise it");
}
