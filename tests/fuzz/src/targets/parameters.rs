//! Parameters files, `create --from`.

use crate::{one_line, text};
use disklessset::ParametersFile;
use disklessset_plugin_api::ImageName;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match ParametersFile::parse(text) {
        Err(reason) => one_line(&reason),
        Ok(file) => {
            assert!(ImageName::parse(file.name.as_str()).is_ok());
            assert!(!file.given.contains_key("name") && !file.given.contains_key("image_class"));
        }
    }
}
