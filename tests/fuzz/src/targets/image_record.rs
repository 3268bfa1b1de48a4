//! `image_data.yml`, ours and that of 1.x: what was read can be written, and reads back exactly.

use crate::{one_line, text};
use disklessset::fuzzing::image_record;
use disklessset_plugin_api::ImageName;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let name = ImageName::parse("007").expect("a name");
    match image_record(text, &name) {
        Err(reason) => one_line(&reason),
        Ok(kept) => drop(kept.expect("what was read can be kept")),
    }
}
