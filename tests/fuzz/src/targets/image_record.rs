//! `image_data.yml`, ours and that of 1.x: what was read can be written, and reads back exactly.

use crate::{one_line, text};
use disklessset::images::ImageRecord;
use disklessset_plugin_api::ImageName;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match ImageRecord::parse(text) {
        Err(reason) => one_line(&reason),
        Ok(record) => {
            let name = ImageName::parse("007").expect("a name");
            record.kept_text(&name).expect("what was read can be kept");
        }
    }
}
