//! `diskless_parameters.yml`.

use crate::{one_line, text};
use disklessset::fuzzing::configuration;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match configuration(text) {
        Err(reason) => one_line(&reason),
        Ok(found) => {
            let url = found.http_base_url();
            assert!(url.starts_with("http://") || url.starts_with("https://"), "{url:?}");
            let rest = url.split_once("://").map_or("", |(_, rest)| rest);
            assert!(
                !rest.is_empty() && !rest.starts_with('/') && !rest.ends_with('/'),
                "{url:?} names no host"
            );
            assert!(url.is_ascii() && !url.contains(|c: char| c.is_control() || c == ' '), "{url:?}");
            assert!(found.of_module("livenet").is_object());
        }
    }
}
