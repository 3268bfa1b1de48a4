//! Layouts of real tools and hand-made ones, unpacked and compared. Owners, devices and capabilities take root.

mod hostile;
mod look;
pub(super) mod make;
mod refused;
mod rules;
mod same_as_umoci;

use crate::source::Source;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Command, Result, testing::TestHost};
use std::io::Write;

fn put(path: &Utf8Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}

/// Checks and unpacks a source such as `oci:PATH:REFERENCE`, as a module does.
fn unpack(test: &TestHost, source: &str) -> Result<Utf8PathBuf> {
    let tree = test.root().join("unpacked");
    let scratch = test.root().join("scratch");
    for directory in [&tree, &scratch] {
        if directory.exists() {
            std::fs::remove_dir_all(directory).unwrap();
        }
        std::fs::create_dir(directory).unwrap();
    }
    let host = test.host("Test");
    let source: Source = source.parse().unwrap();
    source.check()?;
    let Source::Oci { path, reference } = source else { panic!("{source} is no OCI image") };
    let built = super::unpack(&path, reference.as_deref(), &tree, &scratch, &host);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0, "left in the scratch directory");
    built.map(|()| tree)
}

/// Unpacks what must be unpackable.
#[track_caller]
fn unpacked(test: &TestHost, source: &str) -> Utf8PathBuf {
    unpack(test, source)
        .unwrap_or_else(|error| panic!("{source}: {error} {:?} {:?}", error.causes, error.hint))
}

/// Runs a program in the root of the test.
#[track_caller]
fn run(test: &TestHost, program: &str, arguments: &[&str]) {
    let command = Command::new(program).args(arguments.iter().copied()).current_dir(test.root().as_str());
    test.host("Test").run(&command).unwrap_or_else(|error| panic!("{error}: {:?}", error.causes));
}
