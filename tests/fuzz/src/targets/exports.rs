//! The file of NFS exports: lines of others stay byte for byte, ours come and go.

use crate::text;
use camino::Utf8Path;
use disklessset::fuzzing::{Exports, export_line};

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    round_trip(text);
    // Any first line as a directory.
    let directory = Utf8Path::new(text.lines().next().unwrap_or_default());
    let Ok(line) = export_line(directory, &["*".to_owned()], &["ro".to_owned()]) else {
        panic!("these are clients and options")
    };
    let mut exports = Exports::default();
    exports.set(directory, Some(&line));
    let again = Exports::parse(&exports.text()).expect("what is written can be read");
    let entries = again.entries();
    assert_eq!(entries.len(), 1, "{:?}", exports.text());
    assert_eq!((entries[0].path.as_path(), entries[0].clients.as_str()), (directory, "*(ro)"));
}

fn round_trip(text: &str) {
    let Ok(found) = Exports::parse(text) else { return };
    let written = found.text();
    let again = Exports::parse(&written).expect("what is written can be read");
    assert_eq!(again.text(), written);
    assert_eq!(again.entries(), found.entries());
    let path = Utf8Path::new("/diskless/fuzz it");
    let mut changed = again.clone();
    if changed.set(path, Some("/diskless/fuzz\\040it *(rw)")).is_some() {
        return; // by chance it was there
    }
    let mut changed = Exports::parse(&changed.text()).expect("what is written can be read");
    assert_eq!(changed.entries().len(), found.entries().len() + 1);
    assert!(changed.set(path, None).is_some());
    // A newline that was missing before our mark stays.
    assert_eq!(changed.text().replace('\n', ""), written.replace('\n', ""));
}
