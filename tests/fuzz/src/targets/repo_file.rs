//! `.repo` files: one that passes without a key says of each of its repositories which key signs it.

use crate::{one_line, text};
use disklessset_kit::source::{Repositories, Source, TextFile};

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let file = TextFile { path: "/srv/site.repo".into(), text: text.to_owned() };
    let given = Repositories { files: vec![file], ..Repositories::default() };
    match given.check(&Source::Dnf) {
        Err(error) => one_line(&error.to_string()),
        Ok(()) => {
            let words = text.to_ascii_lowercase();
            let silent = !words.contains("gpgkey");
            // Without the word there is nothing to install from: no repository that is on.
            let on = words.contains("baseurl") && !words.contains("enabled") && !words.contains("[main]");
            assert!(!(silent && on && words.starts_with("[a]\n")), "{text:?}");
        }
    }
}
